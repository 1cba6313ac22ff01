"""What is known of every value of a scope, by name: tensors as polynomials, constants, sequences, or nothing.

A value that no node has been interpreted for is a leaf: a tensor of its own, of which only the shape is known.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from onnx import TensorProto

from gru_lower.graph.axis_lengths import AxisLength
from gru_lower.passes.fuse_gru.algebra.sources import NamedValue
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import symbol
from gru_lower.passes.fuse_gru.tensors.tensor import (
    ConstTensor,
    PolyTensor,
    Tensor,
    TensorSequence,
    const_tensor,
    leaf_tensor,
)
from gru_lower.passes.fuse_gru.tensors.value_roles import find_roles

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.matrices import Array
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count

SHAPED_BY_VALUE = {"ConstantOfShape", "Expand", "Pad", "Range", "Reshape", "Resize", "Slice", "Tile"}
"""Operators that an input tells the shape of their output."""
TAKING_SOME_SIZES = {
    "Expand",
    "Reshape",
    "Concat",
    "Where",
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Pow",
    "Max",
    "Min",
    "Mean",
    "Sum",
    "And",
    "Or",
    "Xor",
}
"""Operators that only some of the sizes that their inputs may have go through."""

WIDE_TYPES = {TensorProto.INT32, TensorProto.INT64, TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.BOOL}
"""Types of which shape inference knows all the numbers."""

Known = Tensor | TensorSequence | None
"""What is known of a value; ``None`` where not even its rank is."""


class NamedTensor(NamedTuple):
    """A value of the graph that is one polynomial.

    Attributes:
        name: Its name.
        value: The tensor: how its axes are laid out.

    """

    name: str
    value: PolyTensor


class ScopeValues:
    """The values of one scope.

    Args:
        algebra: The tables, shared with the scopes around.
        facts: Declared and inferred types and shapes.
        scope: The scope.
        scopes: Every scope of the model, by the identity of its graph or function.
        parent: The values of the scope around it.

    Attributes:
        values: What is known, by name; filled in as values are asked for.
        given_types: The element types of a function's parameters in one call, as far as they are known.
        named_tensors: For every polynomial that a value of this scope is, the first such value.

    """

    def __init__(
        self,
        algebra: Algebra,
        facts: Facts,
        scope: Scope,
        scopes: dict[int, Scope],
        parent: ScopeValues | None = None,
    ) -> None:
        """Start with what is given: inputs and initializers."""
        self.algebra, self.facts, self.scope, self.scopes, self.parent = algebra, facts, scope, scopes, parent
        self.values: dict[str, Known] = {}
        self.given_types: dict[str, int] = {}
        self.named_tensors: dict[Poly, NamedTensor] = {}
        self._roles = find_roles(scope, facts)
        for name in self._roles.data:
            here = next((each for each in self.outwards() if each.scope.defines(name)), None)
            if here is not None:
                algebra.non_matrices.add(NamedValue(here.scope.path, name))

    def outwards(self) -> Iterator[ScopeValues]:
        """Yield this scope, the one around it, and so on."""
        here: ScopeValues | None = self
        while here is not None:
            yield here
            here = here.parent

    def keep(self, name: str, result: Known) -> None:
        """Enter a value."""
        if name in self._roles.constant_states and isinstance(result, ConstTensor) and _may_be_state(result.array):
            result = self._constant_state(name, result.array, result.dims)
        if name in self._roles.atomic and isinstance(result, PolyTensor):
            for _, poly in result.pieces:
                if poly.degree > 1:
                    self.algebra.as_atom(poly)
        self.values[name] = result
        if isinstance(result, PolyTensor) and len(result.pieces) == 1 and result.pieces[0][1] not in self.named_tensors:
            self.named_tensors[result.pieces[0][1]] = NamedTensor(name, result)

    def value(self, name: str) -> Known:
        """Return what is known of a value that is visible in this scope."""
        if name in self.values:
            return self.values[name]
        if not self.scope.defines(name) and self.parent is not None:
            outer = self.parent.value(name)
            if isinstance(outer, ConstTensor) and name in self._roles.constant_states and _may_be_state(outer.array):
                outer = self.values[name] = self._constant_state(name, outer.array, outer.dims)
            return outer
        result: Known
        array = self.facts.array(self.scope, name)
        state = array is not None and name in self._roles.constant_states and _may_be_state(array)
        result = self.opaque(name) if array is None or state else const_tensor(array)
        if state and array is not None:
            self.algebra.constant_states[NamedValue(self.scope.path, name)] = array
        self.values[name] = result
        return result

    def _constant_state(self, name: str, array: Array, dims: Sequence[Count]) -> PolyTensor:
        """Return the leaf that a constant is which may be a state."""
        source = NamedValue(self.scope.path, name)
        self.algebra.constant_states[source] = array
        return leaf_tensor(self.algebra, source, dims)

    def opaque(self, name: str) -> Known:
        """Return a leaf for a value, ``None`` where not even its rank is known."""
        dims = self.facts.shape(self.scope, name)
        if dims is None:
            return None
        if self.algebra.exact_lengths and self._may_be_shaped_otherwise(name):
            dims = (None,) * len(dims)
        return leaf_tensor(
            self.algebra,
            NamedValue(self.scope.path, name),
            [self._dim(name, axis, dim) for axis, dim in enumerate(dims)],
        )

    def _may_be_shaped_otherwise(self, name: str) -> bool:
        """Whether a value may have another shape than inference says, or none, since its node was not understood.

        Inference passes over casts that wrap, and says of what only some sizes go through which size comes out.
        """
        index = self.scope.producers.get(name)
        if index is None or NamedValue(self.scope.path, name) in self.algebra.shared_values:
            return False
        op_type = self.scope.nodes[index].op_type
        return op_type in TAKING_SOME_SIZES or (
            op_type in SHAPED_BY_VALUE and any(here.has_narrow_casts for here in self.outwards())
        )

    @cached_property
    def has_narrow_casts(self) -> bool:
        """Whether something is cast to a type of few bits in this scope."""
        return any(
            node.op_type in ("Cast", "CastLike")
            and not any(a.i in WIDE_TYPES for a in node.attribute if a.name == "to")
            for node in self.scope.nodes
        )

    def _dim(self, name: str, axis: int, dim: int | str | None) -> Count:
        if isinstance(dim, int):
            return dim
        length = dim or AxisLength(self.scope.path, name, axis)
        return self.algebra.same_lengths.get(length) or symbol(length)

    def dims(self, name: str) -> tuple[Count, ...]:
        """Return the lengths of a value's axes, ``()`` where nothing is known."""
        known = self.value(name)
        return known.dims if isinstance(known, (PolyTensor, ConstTensor)) else ()

    def named_tensor(self, poly: Poly) -> NamedTensor | None:
        """Return a value visible in this scope that is a polynomial."""
        return next((here.named_tensors[poly] for here in self.outwards() if poly in here.named_tensors), None)

    def name_of(self, source: Hashable) -> str | None:
        """Return the name of the value that a leaf with a source is, ``None`` if none is visible in this scope."""
        for here in self.outwards():
            if source in self.algebra.definitions:
                named = here.named_tensors.get(self.algebra.definitions[source])
                if named is not None:
                    return named.name
            elif isinstance(source, NamedValue) and source.path == here.scope.path:
                return source.name
        return None

    def locate(self, source: Hashable) -> tuple[ScopeValues, str] | None:
        """Return the scope and name of the value that a leaf is known by, ``None`` if its source is no visible value.

        Args:
            source: The leaf's source: for a value, the path of its scope and its name.

        """
        for here in self.outwards():
            if isinstance(source, NamedValue) and source.path == here.scope.path:
                return here, source.name
        return None


def _may_be_state(array: Array) -> bool:
    return array.dtype.kind not in "iubO" and bool(array.any())
