"""Tell whether two models agree where both compute in float64: whether rounding alone is between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.graph.external_data import total_size
from gru_lower.graph.scopes import is_onnx
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

    Where infinity or NaN reaches a GRU of the original, NaN in the rewrite's outputs is not looked at, nor whole
    numbers beside it: what comes of them depends on how the same sums are put together, as 0 · ∞ is NaN.

    Args:
        original: One model.
        rewrite: The other.
        feeds: Inputs in the types they declare.

    """
    outputs, endless = [], False
    for model in (original, rewrite):
        twin = None if total_size(model.model) > _LARGEST_MODEL else in_double(model.model)
        if twin is None:
            return None
        try:
            handle = model.worker.load(twin, None, "reference")
        except RunFailure:
            return None
        try:
            given = widened_feeds(feeds)
            outputs.append(model.worker.run(handle, given))
            inputs = [node.input[0] for node in model.model.graph.node if is_onnx(node, "GRU")]
            met = model.worker.run(handle, given, inputs).values() if model is original else ()
            endless |= any(not np.isfinite(x).all() for x in met)
        except RunFailure:
            return None
        finally:
            model.worker.unload(handle)
    endless = endless and any(is_float(after.dtype) and np.isnan(after).any() for after in outputs[1].values())
    return all(_agree(array, outputs[1][name], endless=endless) for name, array in outputs[0].items())


def _agree(before: np.ndarray, after: np.ndarray, *, endless: bool) -> bool:
    if before.shape != after.shape or before.dtype != after.dtype:
        return False
    if not is_float(before.dtype):
        return endless or bool(np.array_equal(before, after))
    if endless:
        told = ~np.isnan(after)
        before, after = before[told], after[told]
    return bool(errors(before, after).max(initial=0.0) <= _SHARE * max(1e-30, magnitudes(before).max(initial=0.0)))
