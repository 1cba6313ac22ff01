"""Tell whether two models agree where both compute in float64: whether rounding alone is between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.verification.arrays import is_float
from gru_lower.verification.comparing.elementwise_errors import errors, magnitudes
from gru_lower.verification.running.in_double import in_double, widened_feeds
from gru_lower.verification.worker.run_failure import RunFailure

if TYPE_CHECKING:
    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.running.running_model import RunningModel

_LARGEST_MODEL = 64 << 20
_SHARE = 1e-6  # of the largest value of an output: far above float64's rounding, far below float32's


def agree_in_double(original: RunningModel, rewrite: RunningModel, feeds: Feeds) -> bool | None:
    """Return whether two models agree in float64, ``None`` where they cannot be run in it.

    Args:
        original: One model.
        rewrite: The other.
        feeds: Inputs in the types they declare.

    """
    outputs = []
    for model in (original, rewrite):
        twin = None if model.model.ByteSize() > _LARGEST_MODEL else in_double(model.model)
        if twin is None:
            return None
        try:
            handle = model.worker.load(twin, None, "reference")
        except RunFailure:
            return None
        try:
            outputs.append(model.worker.run(handle, widened_feeds(feeds)))
        except RunFailure:
            return None
        finally:
            model.worker.unload(handle)
    return all(_agree(array, outputs[1][name]) for name, array in outputs[0].items())


def _agree(before: np.ndarray, after: np.ndarray) -> bool:
    if before.shape != after.shape or before.dtype != after.dtype:
        return False
    if not is_float(before.dtype):
        return bool(np.array_equal(before, after))
    return bool(errors(before, after).max(initial=0.0) <= _SHARE * max(1e-30, magnitudes(before).max(initial=0.0)))
