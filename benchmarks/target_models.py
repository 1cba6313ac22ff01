"""Whole models in live engines: what ``--target`` writes of them beside what it wrote before profiles had costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gru_lower
from benchmarks.measure import session
from benchmarks.target_engines import ENGINES
from benchmarks.whole_models import SHARED
from gru_lower.errors import GruLowerError
from gru_lower.graph.model import load
from gru_lower.probing.probe_model import ProbeModel
from gru_lower.verification.inputs import given_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.engine_timer import EngineProcess

FOLDERS = ("rnnoise_v1_orig", "gtcrn_stream_simple", "plcmos_v1_nonintrusive")
TOLERANCE = 1e-2


@dataclass(frozen=True)
class WholeModel:
    """One model in one engine: seconds before and now, and what its GRUs became; or why there are none."""

    engine: str
    model: str
    precision: str = ""
    before: float = 0.0
    now: float = 0.0
    became: str = ""
    reason: str = ""


def measure_models(name: str, process: EngineProcess, rounds: int) -> Iterator[WholeModel]:
    """Measure every model whose folder is there in one engine.

    Args:
        name: Of the engine.
        process: The engine.
        rounds: How often each is timed, in turn.

    """
    engine = ENGINES[name]
    for folder in FOLDERS:
        path = SHARED / "models" / folder
        for setting in engine.settings if path.is_dir() else ():
            if setting.flags:
                continue
            model = load(path / "model.onnx").proto
            feeds = given_files.read(path / "inputs.npz", model)[0][0]
            outputs = [value.name for value in model.graph.output]
            expected = dict(zip(outputs, session(model).run(outputs, feeds), strict=True))
            named: dict[str, Any] = {"precision": setting.precision} if setting.precision else {}
            fixed = _fixed(model, feeds)
            try:
                made = [
                    gru_lower.lower(model, target=engine.target, fix_dims=fixed, verify=False, **options)
                    for options in ({"prefer": "node"}, named)
                ]
            except GruLowerError as error:
                yield WholeModel(name, folder, setting.precision, reason=str(error))
                continue
            models = [ProbeModel(each.model, feeds, expected, TOLERANCE) for each in made]
            timings = process.time(models, [setting.options] * 2, rounds)
            reason = next((each.reason for each in timings if each.reason), "")
            became = ", ".join(dict.fromkeys(site.form or site.action for site in made[1].report.sites))
            before, now = (0.0 if reason else each.median for each in timings)
            yield WholeModel(name, folder, setting.precision, before, now, became, reason)


def _fixed(model: Any, feeds: dict[str, Any]) -> dict[str, int] | None:  # noqa: ANN401 - a ModelProto
    """Return the sizes of open dims, as the inputs have them."""
    found = {}
    for value in model.graph.input:
        if value.name in feeds:
            for dim, size in zip(value.type.tensor_type.shape.dim, feeds[value.name].shape, strict=True):
                if dim.dim_param:
                    found[dim.dim_param] = int(size)
    return found or None
