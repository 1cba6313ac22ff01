"""Draw other values for inputs that have a default: initializers that are inputs of the model, too."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import onnx

from gru_lower.graph.external_data import is_external
from gru_lower.light_dataclass import dataclass
from gru_lower.verification.arrays import is_float
from gru_lower.verification.inputs.bind_dims import bind_dims
from gru_lower.verification.inputs.draw_values import Wanted, draw_values
from gru_lower.verification.inputs.errors import BadInputs
from gru_lower.verification.inputs.generate import index_bound
from gru_lower.verification.inputs.model_inputs import inputs_of
from gru_lower.verification.inputs.roles import Roles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gru_lower.verification.arrays import Array, Feeds
    from gru_lower.verification.inputs.bind_dims import Sizes
    from gru_lower.verification.inputs.model_inputs import Input

_LARGEST = 1 << 22  # elements of a default that is worth drawing anew
_VARIANTS = 2  # of whole numbers, booleans and texts: one value says little
_DRAWS = 8  # until one is not the default itself


@dataclass(frozen=True)
class Override:
    """Inputs of a case with other values for one default or for several.

    Attributes:
        names: The inputs that have another value than their default.
        feeds: All inputs.

    """

    names: tuple[str, ...]
    feeds: Feeds


def overriding_feeds(
    model: onnx.ModelProto,
    other: onnx.ModelProto,
    feeds: Feeds,
    *,
    seed: int,
    zero_lengths: bool,
    floats_together: bool = True,
) -> Iterator[Override]:
    """Yield a case's inputs with other values for the defaults that both models let a caller override.

    Whole numbers, booleans and texts come first, one input at a time, then all floats together, then each by itself.

    Args:
        model: The original.
        other: The rewrite.
        feeds: A case's inputs, in which every default has its own value.
        seed: Of the values.
        zero_lengths: Let some sequence lengths be 0.
        floats_together: Whether all floats are overridden at once, too.

    """
    drawn = _Drawn(model, other, feeds, seed, zero_lengths=zero_lengths)
    floats = []
    for name in drawn.names:
        if drawn.is_float(name):
            floats.append(name)
            continue
        for variant in range(_VARIANTS):
            yield Override((name,), {**feeds, name: drawn.value(name, variant)})
    values = {name: drawn.value(name, 0) for name in floats}
    if floats_together and len(floats) > 1:
        yield Override(tuple(floats), {**feeds, **values})
    for name in floats:
        yield Override((name,), {**feeds, name: values[name]})


class _Drawn:
    """Values for defaults, fit for what the original uses them for."""

    def __init__(
        self, model: onnx.ModelProto, other: onnx.ModelProto, feeds: Feeds, seed: int, *, zero_lengths: bool
    ) -> None:
        """Find the defaults that can be overridden in both models, and what they are used for."""
        self._inputs, self._sizes = _bound_inputs(model, other, feeds)
        theirs = inputs_of(other)
        self._defaults = {
            name: spec.default
            for name, spec in self._inputs.items()
            if spec.default is not None
            and name in theirs
            and name not in feeds
            and math.prod(spec.default.dims) <= _LARGEST
        }
        self.names = tuple(self._defaults)
        uses = [Roles(each, self._inputs) for each in (model, other) if self.names]
        self._roles = {
            name: next((role for use in uses for role in islice(use.of(name), 1)), None) for name in self.names
        }
        self._seed, self._zero_lengths = seed, zero_lengths

    def is_float(self, name: str) -> bool:
        """Whether the input's values are floats."""
        elem_type = self._inputs[name].elem_type
        return elem_type != onnx.TensorProto.STRING and is_float(onnx.helper.tensor_dtype_to_np_dtype(elem_type))

    def value(self, name: str, variant: int) -> Array:
        """Return a value that is not the default."""
        spec, role, stored = self._inputs[name], self._roles[name], self._defaults[name]
        bound = index_bound(spec, role, self._inputs, self._sizes)
        known = None if bound is None else self._sizes.find(bound)
        rng = np.random.default_rng([self._seed, variant, *name.encode()])
        shape, zero = tuple(stored.dims), self._zero_lengths
        if is_external(stored):
            limit = known if isinstance(known, int) else 1
            return draw_values(Wanted(replace(spec, default=None), shape, role, limit, zero, variant), rng)
        default = onnx.numpy_helper.to_array(stored)
        limit = known if isinstance(known, int) else _largest_index(default) + 1
        if role is None and variant == 0 and default.dtype.kind in "iu":
            return _next(default)  # of modes and counts, the next one is likelier to mean something than any other
        for draw in range(_DRAWS):
            value = draw_values(Wanted(spec, shape, role, limit, zero, variant + draw), rng)
            if not np.array_equal(value, default):
                return value
        return np.logical_not(default) if default.dtype.kind == "b" else _next(default)


def _next(default: Array) -> Array:
    return np.asarray(default + np.ones((), default.dtype))


def _largest_index(default: Array) -> int:
    """Return the largest index or length that the default shows to be allowed."""
    return max(0, int(default.max())) if default.dtype.kind in "iu" and default.size else 0


def _bound_inputs(model: onnx.ModelProto, other: onnx.ModelProto, feeds: Feeds) -> tuple[Mapping[str, Input], Sizes]:
    inputs = inputs_of(model)
    shapes = {name: array.shape for name, array in feeds.items() if name in inputs}
    try:
        return bind_dims(inputs, inputs_of(other), shapes)
    except BadInputs:  # a default whose shape contradicts what is fed: its size is not needed
        return bind_dims({name: spec for name, spec in inputs.items() if name in feeds or spec.default}, {}, {})
