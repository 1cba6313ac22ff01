"""A model's inputs, and which of their dims are one and the same unknown size."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from gru_lower.errors import GruLowerError, Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import onnx

Dim = int | str

_NO_OVERRIDE_BELOW_IR = 4


class Unfeedable(GruLowerError):  # noqa: N818 - reads as a finding, like the other public names
    """No inputs can be generated for a model; the message says why."""


class BadInputs(Unsupported):
    """The shapes, inputs or expected outputs that were given cannot be read, or do not fit the model: GL009."""

    def __init__(self, message: str, *, hint: str) -> None:
        """Keep the parts; there is always something to do about it."""
        super().__init__(message, code="GL009", hint=hint)


@dataclass(frozen=True)
class Input:
    """One input of a model.

    Attributes:
        name: Its name.
        elem_type: A ``TensorProto.DataType``; 0 if it is no tensor.
        dims: Sizes; a string for an unknown one (``"INPUT:AXIS"`` if it has no name); None if the rank is unknown.
        default: The initializer it overrides, if it need not be fed.

    """

    name: str
    elem_type: int
    dims: tuple[Dim, ...] | None
    default: onnx.TensorProto | None = None


def inputs_of(model: onnx.ModelProto) -> dict[str, Input]:
    """Return the inputs a caller may feed. Below ir_version 4, those with an initializer are constants and left out."""
    graph = model.graph
    defaults = {tensor.name: tensor for tensor in graph.initializer}
    defaults |= {sparse.values.name: sparse.values for sparse in graph.sparse_initializer}
    found = {}
    for value in graph.input:
        default = defaults.get(value.name)
        if default is None or model.ir_version >= _NO_OVERRIDE_BELOW_IR:
            found[value.name] = Input(value.name, value.type.tensor_type.elem_type, _dims(value), default)
    return found


def _dims(value: onnx.ValueInfoProto) -> tuple[Dim, ...] | None:
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return tuple(
        dim.dim_value
        # Some exporters write -1 for "unknown".
        if dim.WhichOneof("value") == "dim_value" and dim.dim_value >= 0
        else dim.dim_param or f"{value.name}:{axis}"
        for axis, dim in enumerate(tensor.shape.dim)
    )


def spell(dims: Iterable[Dim] | None) -> str:
    """Return dims as messages show them: ``[5, N, ?]``, with ``?`` where nothing is known."""
    shown = ("?" if isinstance(dim, str) and ":" in dim else str(dim) for dim in dims or ())
    return "of any rank" if dims is None else f"[{', '.join(shown)}]"


class Sizes:
    """Unknown sizes, which of them are equal, and those that are known after all."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._parent: dict[str, str] = {}
        self._known: dict[str, int] = {}

    def unify(self, a: Dim, b: Dim, where: str) -> None:
        """Take two sizes for one.

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
        """Return the size if it is known, else the one name that stands for all that equal it."""
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
        BadInputs: As `narrow` does.

    """
    narrow(inputs_of(model), {}, shapes)


def narrow(
    inputs: Mapping[str, Input], other: Mapping[str, Input], shapes: Mapping[str, Sequence[int]]
) -> tuple[dict[str, Input], Sizes]:
    """Bind dims to the shapes that were given, and to those of the other model.

    Raises:
        BadInputs: A given shape is none, names no input, has another rank, or contradicts a static dim.

    """
    given = {name: _whole(name, shape) for name, shape in shapes.items()}
    unknown = [name for name in given if name not in inputs]
    if unknown:
        raise BadInputs(
            f"a shape is given for {unknown[0]!r}, but the model has no such input",
            hint=f"its inputs are {', '.join(map(repr, inputs))}",
        )
    sizes, narrowed = Sizes(), dict(inputs)
    for name, spec in inputs.items():
        if spec.dims is None and name in given:
            narrowed[name] = Input(name, spec.elem_type, given[name], spec.default)
        elif spec.dims is None and name in other:
            narrowed[name] = Input(name, spec.elem_type, other[name].dims, spec.default)
    for name, spec in narrowed.items():
        for dims in _same_rank(spec, other.get(name), given.get(name)):
            for axis, (a, b) in enumerate(zip(spec.dims or (), dims, strict=True)):
                sizes.unify(a, b, f"axis {axis} of input {name!r}")
    for group in _equal(other):
        there = [(name, narrowed[name].dims or ()) for name, _ in group if name in narrowed]
        known = [dims[axis] for (_, dims), (_, axis) in zip(there, group, strict=False) if axis < len(dims)]
        for a, b in pairwise(known):
            sizes.unify(a, b, f"axis {group[0][1]} of input {group[0][0]!r}")
    return narrowed, sizes


def _equal(inputs: Mapping[str, Input]) -> list[list[tuple[str, int]]]:
    """Return the axes that a model's inputs declare by the same name, and so equal."""
    found: dict[str, list[tuple[str, int]]] = {}
    for name, spec in inputs.items():
        for axis, dim in enumerate(spec.dims or ()):
            if isinstance(dim, str) and ":" not in dim:
                found.setdefault(dim, []).append((name, axis))
    return [group for group in found.values() if len(group) > 1]


def _whole(name: str, shape: Sequence[int]) -> tuple[int, ...]:
    try:
        dims = tuple(map(operator.index, shape))
    except TypeError:
        dims = (-1,)
    if min(dims, default=0) < 0:
        raise BadInputs(
            f"the shape given for {name!r} is {shape}: sizes are whole numbers from 0 on",
            hint="write it like (2, 7, 64), on the command line --shape INPUT=2,7,64",
        )
    return dims


def _same_rank(spec: Input, other: Input | None, shape: tuple[int, ...] | None) -> Iterator[tuple[Dim, ...]]:
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
        # Names mean nothing across models: only what is known there narrows.
        yield tuple(b if isinstance(b, int) else a for a, b in zip(spec.dims or (), other.dims, strict=True))
