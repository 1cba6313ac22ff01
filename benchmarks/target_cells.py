"""Measuring one size of GRU in one engine: its own node, every form and spelling, and what ``--target`` writes."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx

import gru_lower
from gru_lower.probing.timing.fit_costs import Measured
from gru_lower.probing.timing.time_target import TOLERANCE
from gru_lower.probing.timing.timed_sizes import timed_model
from gru_lower.probing.timing.timed_ways import fits, ways_to_time, written_model
from gru_lower.targets.costs import NODE, Size, Way

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import ModelProto

    from benchmarks.engine_timer import EngineProcess
    from benchmarks.target_engines import EngineSetting
    from gru_lower.probing.probe_model import ProbeModel
    from gru_lower.targets.profile import Profile

BEFORE, NOW = "as before costs", "--target"
"""What was written before profiles had costs, which ``--prefer node`` still writes, and what is written now."""
SECONDS = 120


@dataclass
class Cell:
    """What was measured of one size in one setting of an engine.

    Attributes:
        size: The size.
        setting: The name of the setting.
        precision: What the engine computed in.
        flags: Its flags.
        seconds: Medians of CPU time of one run, by what was run.
        spreads: What lies between the quartiles, of the median.
        digests: Of the models; those of a kind were timed once.
        reasons: Why others were not timed.

    """

    size: Size
    setting: str
    precision: str
    flags: str
    seconds: dict[str, float]
    spreads: dict[str, float]
    digests: dict[str, str]
    reasons: dict[str, str]

    def measured(self, profile: Profile) -> Iterator[Measured]:
        """Yield what costs are fitted to."""
        for way in ways_to_time(profile):
            if str(way) in self.seconds:
                name = str(way)
                yield Measured(self.size, way, self.seconds[name], self.precision, self.flags, self.spreads[name])


def read_cells(path: Path) -> list[Cell]:
    """Return the cells that a file holds, a line of JSON each."""
    cells = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        with suppress(ValueError):  # a line that was cut off when the run was ended
            entry = json.loads(line)
            cells.append(Cell(**entry | {"size": Size(**entry["size"])}))
    return cells


def add_cell(path: Path, cell: Cell) -> None:
    """Append a cell to a file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{json.dumps(asdict(cell))}\n")


def written(size: Size, profile: Profile, precision: str, beside: str = "") -> dict[str, ModelProto]:
    """Return what ``--target`` writes, by name.

    Args:
        size: The size.
        profile: The target.
        precision: What the engine computes in, ``""`` where it has one only.
        beside: The command that writes what was written before, ``""`` for our own with ``prefer="node"``.

    """
    model = timed_model(size, profile.best_opset).model

    def lowered(**options: Any) -> ModelProto:  # noqa: ANN401 - options of lower
        made: ModelProto = gru_lower.lower(model, target=profile.name, verify=False, **options).model
        made.ClearField("metadata_props")
        return made

    before = _written_by(beside, size, profile.name, profile.best_opset) if beside else lowered(prefer="node")
    found = {BEFORE: before, NOW: lowered()}
    return found | ({f"{NOW} --precision {precision}": lowered(precision=precision)} if precision else {})


@lru_cache(maxsize=1)
def _written_by(command: str, size: Size, target: str, opset: int) -> ModelProto:
    """Return what another gru-lower writes for a target."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "given.onnx"), Path(folder, "made.onnx")
        onnx.save(timed_model(size, opset).model, given)
        call = [*shlex.split(command), "lower", str(given), "--target", target, "--no-verify", "-o", str(made)]
        subprocess.run(call, env=env, capture_output=True, timeout=SECONDS, check=True)
        return onnx.load(made)


def digest(model: ModelProto) -> str:
    """Return a digest of a model, without what says who wrote it, and of what shapes values are."""
    bare = type(model)()
    bare.CopyFrom(model)
    for name in ("producer_name", "producer_version", "doc_string", "metadata_props"):
        bare.ClearField(name)
    bare.graph.ClearField("value_info")
    return hashlib.sha256(bare.SerializeToString(deterministic=True)).hexdigest()[:16]


def measure_cell(
    process: EngineProcess, setting: EngineSetting, profile: Profile, size: Size, rounds: int, beside: str = ""
) -> Cell:
    """Measure one size in one setting of an engine.

    Args:
        process: The engine.
        setting: How to run it.
        profile: What it takes.
        size: The size.
        rounds: How often each is timed, in turn.
        beside: As in :func:`written`.

    """
    node = timed_model(size, profile.best_opset)
    node = replace(node, tolerance=TOLERANCE.get(setting.precision, node.tolerance))
    candidates = dict(_candidates(node.model, profile, size, only_node=bool(setting.flags)))
    if not setting.flags:
        candidates |= written(size, profile, setting.precision, beside)
    digests = {name: digest(model) for name, model in candidates.items()}
    models: dict[str, ProbeModel] = {}
    for name, model in candidates.items():
        models.setdefault(digests[name], replace(node, model=model))
    timings = process.time(list(models.values()), [setting.options] * len(models), rounds)
    by_digest = dict(zip(models, timings, strict=True))
    cell = Cell(size, setting.name, setting.precision, setting.flags, {}, {}, digests, {})
    for name, key in digests.items():
        if by_digest[key].seconds:
            cell.seconds[name], cell.spreads[name] = by_digest[key].median, by_digest[key].spread
        else:
            cell.reasons[name] = by_digest[key].reason
    return cell


def _candidates(
    model: ModelProto, profile: Profile, size: Size, *, only_node: bool
) -> Iterator[tuple[str, ModelProto]]:
    for way in [Way(NODE)] if only_node else ways_to_time(profile):
        if fits(way, size):
            made = written_model(model, way, profile, profile.best_opset)
            if made is not None:
                yield str(way), made
