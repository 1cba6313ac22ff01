"""Weights that are quantised constants behind a DequantizeLinear, as quantisers leave them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gru_lower.graph.scopes import is_onnx

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope

FEATURES = 2
"""The axis of W [D, 3H, I] and R [D, 3H, H] that a product sums."""
Array = np.ndarray[Any, np.dtype[Any]]


class QuantisedWeights(NamedTuple):
    """A constant behind a DequantizeLinear.

    Attributes:
        values: The whole numbers.
        scale: What they are multiplied by: [] for all, or [N] along an axis.
        zero_point: What is subtracted before, of the shape of the scale; ``None`` for nothing.
        axis: The axis of the scales, counted from 0; ``None`` for one scale.

    """

    values: Array
    scale: Array
    zero_point: Array | None
    axis: int | None

    @property
    def is_symmetric(self) -> bool:
        """Whether nothing is subtracted."""
        return self.zero_point is None or not self.zero_point.any()

    def is_right(self, taken: str) -> bool:
        """Whether an engine computes them right.

        Args:
            taken: What it takes, as :attr:`~gru_lower.targets.profile.Profile.quantised_weights` says.

        """
        if taken == "symmetric":  # scales along the axis that products sum are not moved behind these
            return self.is_symmetric and self.axis != FEATURES
        return taken == "any" or self.axis is None


def quantised_weights(scope: Scope, name: str, facts: Facts) -> QuantisedWeights | None:
    """Return the quantised constant that a value is made of by one DequantizeLinear, ``None`` for any other value.

    Args:
        scope: Where the value is read.
        name: The value.
        facts: What is known of the model's values; constants that are computed included.

    """
    place = facts.stored(scope, name)
    index = None if place.home is None or place.tensor is not None else place.home.producers.get(place.name)
    if place.home is None or index is None:
        return None
    node = place.home.nodes[index]
    if not is_onnx(node, "DequantizeLinear"):
        return None
    arrays = [facts.array(place.home, each) if each else None for each in node.input]
    values, scale, zero_point = [*arrays, None][:3]
    if values is None or scale is None or (zero_point is None and any(node.input[2:])) or _number(node, "block_size"):
        return None
    if scale.size == 1:
        return QuantisedWeights(values, scale.reshape(()), None if zero_point is None else zero_point.reshape(()), None)
    axis = _number(node, "axis", 1) % max(values.ndim, 1)
    fits = scale.ndim == 1 and values.ndim > axis and scale.size == values.shape[axis]
    return QuantisedWeights(values, scale, zero_point, axis) if fits else None


def _number(node: NodeProto, name: str, default: int = 0) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == name), default)
