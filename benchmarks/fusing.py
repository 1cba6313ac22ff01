"""``python -m benchmarks fusing``: decomposed GRUs before and after fusing, beside GRU nodes made by hand."""

from __future__ import annotations

import csv
import json
import sys
from importlib.util import find_spec
from itertools import pairwise
from typing import TYPE_CHECKING

import onnx

from benchmarks import fusing_plot, gru_case, passes
from benchmarks.fusing_page import SPELLINGS, page
from benchmarks.fusing_pairs import Pair, time_export, time_spelling
from benchmarks.measure import lowered
from benchmarks.whole_models import SHARED
from gru_lower.report.environment import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LIMIT = 1.05
"""What a fused model may take, times a GRU node made by hand."""
NODES = (2_000, 4_000, 8_000, 16_000, 32_000)
NODES_PER_STEP = 11
NODES_LIMIT = 16_000, 3.0
GROWTH = 1.5
"""How much longer a node may take among twice as many."""


def run(folder: Path, *, quick: bool, tolerance: float, layers: Path | None = None) -> int:
    """Measure, write fusing.md, fusing.json and a plot; return 1 if a limit was missed, 2 without matplotlib.

    Args:
        folder: Where to write.
        quick: Measure a subset.
        tolerance: How far beyond its limit a value may be, as a share of the limit.
        layers: A folder of models with their inputs, as :mod:`benchmarks.export_layers` makes it.

    """
    if find_spec("matplotlib") is None:
        print('the plots need matplotlib: pip install ".[bench]"', file=sys.stderr)
        return 2
    spelled = [time_spelling(name, case, 0.5 if quick else 1.5) for name, case in _sizes(quick=quick)]
    made = [
        pair
        for path in (sorted(layers.glob("*.onnx"), key=_by_size) if layers else [])
        if (pair := time_export(path.stem, path, path.with_suffix(".npz"), 0.5 if quick else 1.5))
    ]
    exports = [
        pair for name in list(_exports())[:: 8 if quick else 1] if (pair := _export(name, 0.2 if quick else 0.4))
    ]
    counts = NODES[:3] if quick else NODES
    outcomes = [
        passes.outcome(passes.Job(f"{n:,} nodes", _unrolled(n), "fuse-gru"), 1 if quick else passes.REPEATS)
        for n in counts
    ]
    worst = max(pair.beside.median for pair in spelled)
    layer = max((pair.beside.median for pair in made), default=None)
    growth = max(b.seconds / a.seconds / 2 for a, b in pairwise(outcomes))
    at, most = NODES_LIMIT
    whole = next((o.seconds for o, n in zip(outcomes, counts, strict=True) if n == at), None)
    verdicts = [
        ("fused / GRU node made by hand, worst of the sizes", worst, LIMIT),
        ("fused / GRU nodes alone, worst of the frameworks' layers", layer, LIMIT),
        ("seconds to load, fuse and save 16,000 nodes", whole, most),
        ("a node among twice as many, times as long", growth, GROWTH),
    ]
    where = environment()
    folder.mkdir(parents=True, exist_ok=True)
    drawn = fusing_plot.draw(
        spelled, [(n, o.seconds, o.megabytes) for n, o in zip(counts, outcomes, strict=True)], folder
    )
    text = page(where, verdicts, tolerance, spelled, made, exports, outcomes, drawn)
    (folder / "fusing.md").write_text(text, encoding="utf-8")
    results = {
        "environment": where,
        "quick": quick,
        "verdicts": [{"text": text, "value": value, "limit": limit} for text, value, limit in verdicts],
        "spellings": [pair.to_dict() for pair in spelled],
        "layers": [pair.to_dict() for pair in made],
        "exports": [pair.to_dict() for pair in exports],
        "passes": [
            {"nodes": n, "load": o.load, "fuse": o.lower, "save": o.save, "megabytes": o.megabytes}
            for n, o in zip(counts, outcomes, strict=True)
        ],
    }
    (folder / "fusing.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(text)
    return int(any(value is not None and value > limit * (1 + tolerance) for _, value, limit in verdicts))


def _sizes(*, quick: bool) -> Iterator[tuple[str, gru_case.Case]]:
    """Yield spellings and sizes of real layers."""
    for H, B, T in ((64, 1, 50), (128, 1, 100), (256, 1, 500), (512, 1, 200), (128, 16, 100), (256, 16, 50)):
        if quick and T > 100:
            continue
        for name in SPELLINGS:
            yield name, gru_case.Case(H, B, T)
        if T <= 100:
            yield "unroll", gru_case.Case(H, B, T)


def _exports() -> Iterator[str]:
    """Yield the names of the decomposed exports that are there."""
    index = SHARED / "exports" / "index.tsv"
    if index.exists():
        with index.open(encoding="utf-8") as lines:
            for row in csv.DictReader(lines, delimiter="\t"):
                if row["kind"] == "decomposed":
                    yield row["sample"]


def _by_size(path: Path) -> tuple[str, list[int]]:
    framework, *sizes = path.stem.rsplit("_", 3)
    return framework, [int(size[1:]) for size in sizes]


def _export(name: str, seconds: float) -> Pair | None:
    """Time an export; ``None`` for one that is not fused in its main graph, or does not run."""
    folder = SHARED / "exports" / name
    return time_export(name, folder / "model.onnx", folder / "io.npz", seconds)


def _unrolled(nodes: int) -> Callable[[Path], None]:
    """Return what writes a model of unrolled cells with so many nodes."""

    def write(path: Path) -> None:
        case = gru_case.Case(16, 1, nodes // NODES_PER_STEP)
        onnx.save(lowered(gru_case.native(case), "lower-gru{form=unroll}"), path)

    return write
