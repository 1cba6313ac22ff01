"""Quantised GRUs in onnxruntime-web under node, one thread, beside its float GRU node.

Takes the folder of onnxruntime-web from the environment variable ONNXRUNTIME_WEB (``node_modules/onnxruntime-web``).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

import gru_lower
from benchmarks.gru_case import Case, feeds, native
from benchmarks.measure import rounded, say
from benchmarks.tables import figure, table
from gru_lower.gru.session_options import session_options
from gru_lower.report.environment import environment
from gru_lower.verification.worker.timing import Spread, quotient

if TYPE_CHECKING:
    from collections.abc import Sequence

SCRIPT = Path(__file__).with_suffix(".mjs")
WEB = "ONNXRUNTIME_WEB"
SESSIONS = 6
LIMIT = 1.10
"""What weights-only may take of the float node."""
CASES = (
    *(Case(H, 1, 1, state=True) for H in (256, 512, 1024)),
    *(Case(H, 1, 50) for H in (256, 512)),
    Case(512, 16, 30),
)
CONTENDERS: dict[str, dict[str, Any]] = {
    "weights only, session option": {"weights_only": True},
    "weights only, foldable": {"weights_only": True, "foldable": True},
    "weights only, no session option": {"weights_only": True},
    "products in int8": {"all": True},
}
HELD = tuple(CONTENDERS)[:2]
"""Those that are held to the limit; the others are shown for comparison."""


@dataclass(frozen=True)
class Row:
    """One GRU.

    Attributes:
        case: Its size.
        ratios: How much longer than the float node each contender takes.
        loading: Seconds that each takes to be loaded, the float node first.
        bytes: The size of each file, the float node first.

    """

    case: Case
    ratios: dict[str, Spread]
    loading: list[float]
    bytes: list[int]

    def missed(self, tolerance: float) -> list[str]:
        """Return the contenders that take longer than they may."""
        return [name for name in HELD if self.ratios[name].median > LIMIT * (1 + tolerance)]

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON results."""
        return {
            "case": self.case.to_dict(),
            "ratios": {name: rounded(spread) for name, spread in self.ratios.items()},
            "loading": [round(each, 4) for each in self.loading],
            "bytes": self.bytes,
        }


def run(folder: Path, *, quick: bool, tolerance: float) -> int:
    """Measure, write the results, and say what was missed.

    Args:
        folder: Where to write.
        quick: Whether to measure small cases for a short time.
        tolerance: How far beyond its limit a ratio may be, as a share.

    """
    web = os.environ.get(WEB, "")
    if not web or not shutil.which("node"):
        say(f"not measured: it needs node, and {WEB} to name the folder of onnxruntime-web")
        return 1
    rows, version = [], ""
    for case in CASES[:1] if quick else CASES:
        say(str(case))
        row, version = _measured(case, web, milliseconds=1000 if quick else 12000)
        rows.append(row)
    folder.mkdir(parents=True, exist_ok=True)
    found = {"environment": environment() | {"onnxruntime-web": version}, "rows": [row.to_dict() for row in rows]}
    (folder / "int8-wasm.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (folder / "int8-wasm.md").write_text(_page(rows, version), encoding="utf-8")
    missed = [(row, name) for row in rows for name in row.missed(tolerance)]
    for row, name in missed:
        print(f"MISSED: {row.case}, {name}: {row.ratios[name].median:.2f} of {LIMIT:.2f}")
    return int(bool(missed))


def _measured(case: Case, web: str, milliseconds: int) -> tuple[Row, str]:
    whole = native(case)
    models = [whole, *(gru_lower.quantize(whole, verify=False, **options).model for options in CONTENDERS.values())]
    asked = [{}, *(_entries(name, model) for name, model in zip(CONTENDERS, models[1:], strict=True))]
    with tempfile.TemporaryDirectory() as made:
        files = [Path(made, f"{place}.onnx") for place in range(len(models))]
        for file, model in zip(files, models, strict=True):
            onnx.save(model, file)
        task = {
            "models": [{"file": str(file), "session": entries} for file, entries in zip(files, asked, strict=True)],
            "feeds": {
                name: {"data": array.ravel().tolist(), "dims": array.shape} for name, array in feeds(case).items()
            },
            "milliseconds": milliseconds / SESSIONS,
            "warming": 300,
            "block": 15,
        }
        Path(made, "task.json").write_text(json.dumps(task), encoding="utf-8")
        command = ["node", str(SCRIPT), str(Path(web).resolve()), str(Path(made, "task.json"))]
        # Where weights come to lie makes a session faster or slower.
        done = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(SESSIONS)]
        sizes = [file.stat().st_size for file in files]
    seconds = np.concatenate([each["rounds"] for each in done]) / 1000
    ratios = {name: quotient(seconds, place, 0) for place, name in enumerate(CONTENDERS, 1)}
    return Row(case, ratios, [each / 1000 for each in done[0]["loading"]], sizes), done[0]["version"]


def _entries(name: str, model: onnx.ModelProto) -> dict[str, str]:
    """Return the entries under ``extra.session`` that a model wants."""
    wanted = {} if "no session option" in name else session_options(model)
    return {key.removeprefix("session."): value for key, value in wanted.items()}


def _page(rows: Sequence[Row], version: str) -> str:
    lines = [
        [str(row.case), *(figure(row.ratios[name]) for name in CONTENDERS), f"{row.bytes[1] / row.bytes[0]:.2f}"]
        for row in rows
    ]
    return f"""# Benchmark: int8 in the browser's onnxruntime

Processor time of one run in onnxruntime-web {version} under node, one thread, as a share of the float GRU node's in the
same process, all in turn: `python -m benchmarks int8 --engine wasm`. Weights-only with its session option, or foldable,
is held to {LIMIT:.2f}. The last column is the file's share of the float one.

{table(["GRU", *CONTENDERS, "bytes"], lines)}
"""
