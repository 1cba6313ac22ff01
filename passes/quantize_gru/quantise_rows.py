"""Round float weights to 8 bits, with a scale and a zero point for each row."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

LARGEST = 127
"""The largest whole number of symmetric int8: -128 would have no counterpart."""
STEPS = 255
"""How many steps uint8 has between its ends."""


class QuantisedRows(NamedTuple):
    """Whole numbers that stand for weights ``(values - zero_point) * scale``, a scale for each row.

    Attributes:
        values: The whole numbers, of the weights' shape.
        scale: [rows], of the weights' type.
        zero_point: [rows], of the type of the values; ``None`` for symmetric ones.

    """

    values: Array
    scale: Array
    zero_point: Array | None

    def restored(self, axis: int) -> Array:
        """Return the weights that they stand for.

        Args:
            axis: The axis of the rows.

        """
        shape = [-1 if place == axis else 1 for place in range(self.values.ndim)]
        offset = 0 if self.zero_point is None else self.zero_point.astype(np.int32).reshape(shape)
        return ((self.values.astype(np.int32) - offset) * self.scale.astype(np.float64).reshape(shape)).astype(
            self.scale.dtype
        )


def quantise_rows(
    weights: Array, axis: int, kind: str, largest: int = LARGEST, least: Array | float = 0.0
) -> QuantisedRows:
    """Round weights to 8 bits.

    Args:
        weights: Finite floats.
        axis: The axis of the rows.
        kind: ``"int8"`` for symmetric ones, ``"uint8"`` for a zero point by row, which spends no step on what is beyond
            the row's ends.
        largest: The largest whole number of int8: 64 keeps sums of products with uint8 within 16 bits, see
            docs/quantize.md.
        least: The least scale, for all or for each row.

    """
    others = tuple(place for place in range(weights.ndim) if place != axis)
    wide = weights.astype(np.float64)
    high, low = wide.max(axis=others, initial=0.0), wide.min(axis=others, initial=0.0)
    spread = np.maximum(high, -low) / largest if kind == "int8" else (high - low) / STEPS
    spread = np.where(spread == 0, 1.0, np.maximum(spread, least))
    scale = np.maximum(spread, float(np.finfo(weights.dtype).tiny)).astype(weights.dtype)
    shape = [-1 if place == axis else 1 for place in range(weights.ndim)]
    rows = np.round(wide / scale.astype(np.float64).reshape(shape))
    if kind == "int8":
        return QuantisedRows(np.clip(rows, -largest, largest).astype(np.int8), scale, None)
    zero_point = np.clip(np.round(-low / scale.astype(np.float64)), 0, STEPS)
    values = np.clip(rows + zero_point.reshape(shape), 0, STEPS).astype(np.uint8)
    return QuantisedRows(values, scale, zero_point.astype(np.uint8))
