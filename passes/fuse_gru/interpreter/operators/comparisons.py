"""Comparisons and their complement: Less, LessOrEqual, Greater, GreaterOrEqual, Equal, Not.

A comparison of the number of a step with lengths is a mask (:mod:`length_masks`); one of data is a part of a cell only
where a matrix made it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
from gru_lower.passes.fuse_gru.algebra.atoms import Broadcast, Leaf
from gru_lower.passes.fuse_gru.algebra.clip_and_where import less, less_or_equal
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.interpreter.length_masks import length_mask
from gru_lower.passes.fuse_gru.interpreter.operators.elementwise import apply, elementwise
from gru_lower.passes.fuse_gru.interpreter.sequence_lengths import read_lengths
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.interpreter.operators.call import Call
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known


def less_node(call: Call) -> list[Known]:
    """Less and LessOrEqual."""
    mask = _length_mask(call)
    if mask is not None:
        return [mask]
    _refuse_data(call)
    function = less if call.node.op_type == "Less" else less_or_equal
    return [apply(call, function, *call.tensors())]


def greater_node(call: Call) -> list[Known]:
    """Greater and GreaterOrEqual: Less and LessOrEqual of the inputs exchanged."""
    mask = _length_mask(call)
    if mask is not None:
        return [mask]
    _refuse_data(call)
    function = less if call.node.op_type == "Greater" else less_or_equal

    def exchanged(algebra: Algebra, left: Poly, right: Poly) -> Poly:
        return function(algebra, right, left)

    return [apply(call, exchanged, call.tensor(0), call.tensor(1))]


def equal_node(call: Call) -> list[Known]:
    """Equal."""
    _refuse_data(call)
    return elementwise(lambda algebra, a, b: algebra.function("Equal", a, b))(call)


def not_node(call: Call) -> list[Known]:
    """Not: the complement of a tensor of 0 and 1."""
    given = call.known(0)
    if not isinstance(given, PolyTensor) or given.poly is None:
        return elementwise(Algebra.complement)(call)
    algebra = call.algebra
    poly = algebra.add(algebra.constant(1.0), algebra.scale(given.poly, -1.0))
    return [PolyTensor(given.axes, given.dims, ((given.width, poly),))]


def _length_mask(call: Call) -> PolyTensor | None:
    """Return the mask that a comparison of counts with lengths known at run time is, ``None`` if it is none."""
    op, left, right = call.node.op_type, call.known(0), call.known(1)
    swapped = isinstance(right, ConstTensor)
    # From here on: count < tensor, or count ≤ tensor, or the complement of one of these.
    count, tensor = (right, left) if swapped else (left, right)
    if not isinstance(count, ConstTensor) or not isinstance(tensor, PolyTensor):
        return None
    lengths = read_lengths(call.values, call.node.input[0 if swapped else 1], tensor)
    if lengths is None or (not lengths.whole and count.array.dtype != object):
        return None
    below = (op in ("Less", "LessOrEqual")) != swapped
    # t < len; t ≤ len is t - 1 < len; len < t is the complement of t - 1 < len; len ≤ t that of t < len.
    one_more = (op in ("LessOrEqual", "GreaterOrEqual")) == below
    if one_more and not lengths.whole:
        return None
    try:
        return length_mask(call.algebra, count, tensor, lengths._replace(shift=lengths.shift + one_more), below=below)
    except NotUnderstoodError:
        return None


def _refuse_data(call: Call) -> None:
    """Raise NotUnderstoodError for a comparison of data: only that of a pre-activation is a part of a cell."""
    algebra = call.algebra
    given = [value for value in map(call.known, (0, 1)) if isinstance(value, PolyTensor)]
    atoms = [algebra.atoms[s] for value in given for _, poly in value.pieces for mono, _ in poly.terms for s in mono]
    if atoms and all(isinstance(atom, (Leaf, Broadcast)) for atom in atoms):
        raise NotUnderstoodError
