"""Bind a model's unknown dims: which are equal, and which are known from given shapes or from another model."""

from __future__ import annotations

import operator
from itertools import pairwise
from typing import TYPE_CHECKING

from gru_lower.nearest_word import did_you_mean
from gru_lower.verification.inputs.errors import BadInputs
from gru_lower.verification.inputs.model_inputs import Dim, Input, inputs_of, spell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import onnx


class Sizes:
    """Unknown sizes, which of them are equal, and those that are known after all."""

    def __init__(self) -> None:
        """Start with every size unknown."""
        self._parent: dict[str, str] = {}
        self._known: dict[str, int] = {}

    def unify(self, a: Dim, b: Dim, where: str) -> None:
        """Note that two sizes are equal.

        Raises:
            BadInputs: They are known and differ.

        """
        a, b = self.find(a), self.find(b)
        if isinstance(a, str):
            if isinstance(b, str):
                if a != b:
                    self._parent[b] = a
            else:
                self._known[a] = b
        elif isinstance(b, str):
            self._known[b] = a
        elif a != b:
            raise BadInputs(
                f"{where} is {a} in one place and {b} in another",
                hint="give shapes that agree, as in --shape INPUT=2,7,64",
            )

    def find(self, dim: Dim) -> Dim:
        """Return the size if it is known, else one name, the same for all sizes that are equal."""
        while isinstance(dim, str) and dim in self._parent:
            dim = self._parent[dim]
        return self._known.get(dim, dim) if isinstance(dim, str) else dim

    def unknown(self, inputs: Mapping[str, Input]) -> list[str]:
        """Return the names still unknown, in order of appearance."""
        found = (self.find(dim) for spec in inputs.values() for dim in spec.dims or ())
        return list(dict.fromkeys(dim for dim in found if isinstance(dim, str)))


def check_shapes(model: onnx.ModelProto, shapes: Mapping[str, Sequence[int]]) -> None:
    """Refuse shapes that do not fit a model, before any work is done.

    Raises:
        BadInputs: As `bind_dims` does.

    """
    bind_dims(inputs_of(model), {}, shapes)


def bind_dims(
    inputs: Mapping[str, Input], other: Mapping[str, Input], shapes: Mapping[str, Sequence[int]]
) -> tuple[dict[str, Input], Sizes]:
    """Bind dims to the shapes that were given, and to those of the other model.

    Args:
        inputs: The model's.
        other: Those of the model that is to be fed the same; none if there is none.
        shapes: Input name -> given shape.

    Returns:
        The inputs, each with a known rank if that is known anywhere, and what is known of their sizes.

    Raises:
        BadInputs: A given shape is none, names no input, has another rank, or contradicts a static dim.

    """
    given = {name: _as_shape(name, shape) for name, shape in shapes.items()}
    unknown = [name for name in given if name not in inputs]
    if unknown:
        raise BadInputs(
            f"a shape is given for {unknown[0]!r}, but the model has no such input",
            hint=did_you_mean(unknown[0], inputs, f"its inputs are {', '.join(map(repr, inputs))}"),
        )
    sizes, bound = Sizes(), dict(inputs)
    for name, spec in inputs.items():
        if spec.dims is None and name in given:
            bound[name] = Input(name, spec.elem_type, given[name], spec.default)
        elif spec.dims is None and name in other:
            bound[name] = Input(name, spec.elem_type, other[name].dims, spec.default)
    for name, spec in bound.items():
        for dims in _known_dims(spec, other.get(name), given.get(name)):
            for axis, (a, b) in enumerate(zip(spec.dims or (), dims, strict=True)):
                sizes.unify(a, b, f"axis {axis} of input {name!r}")
    for group in _equal_axes(other):
        there = [(bound[name].dims or (), axis) for name, axis in group if name in bound]
        for a, b in pairwise(dims[axis] for dims, axis in there if axis < len(dims)):
            sizes.unify(a, b, f"axis {group[0][1]} of input {group[0][0]!r}")
    return bound, sizes


def _equal_axes(inputs: Mapping[str, Input]) -> list[list[tuple[str, int]]]:
    """Return the axes that a model's inputs declare by the same name, and so equal."""
    found: dict[str, list[tuple[str, int]]] = {}
    for name, spec in inputs.items():
        for axis, dim in enumerate(spec.dims or ()):
            if isinstance(dim, str) and ":" not in dim:
                found.setdefault(dim, []).append((name, axis))
    return [group for group in found.values() if len(group) > 1]


def _as_shape(name: str, shape: Sequence[int]) -> tuple[int, ...]:
    try:
        dims = tuple(map(operator.index, shape))
    except TypeError:
        dims = (-1,)
    if min(dims, default=0) < 0:
        raise BadInputs(
            f"the shape given for {name!r} is {shape}: sizes are whole numbers from 0 on",
            hint="write it like --shape INPUT=2,7,64",
        )
    return dims


def _known_dims(spec: Input, other: Input | None, shape: tuple[int, ...] | None) -> Iterator[tuple[Dim, ...]]:
    """Yield the other model's static dims and the given shape, if they have the rank of `spec`."""
    rank = len(spec.dims or ())
    if shape is not None:
        if len(shape) != rank:
            raise BadInputs(
                f"the shape given for {spec.name!r} has {len(shape)} dims, its input {rank}",
                hint=f"the model says {spell(spec.dims)}",
            )
        yield shape
    if other is not None and other.dims is not None and len(other.dims) == rank:
        # Names mean nothing across models: only what is known there counts.
        yield tuple(b if isinstance(b, int) else a for a, b in zip(spec.dims or (), other.dims, strict=True))
