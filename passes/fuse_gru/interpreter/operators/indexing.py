"""Operators that take axes apart or join tensors along one: Slice, Gather, Split, Concat, ReverseSequence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine
from gru_lower.passes.fuse_gru.tensors.concat import concat
from gru_lower.passes.fuse_gru.tensors.gather import gather
from gru_lower.passes.fuse_gru.tensors.integer_vectors import POSITION
from gru_lower.passes.fuse_gru.tensors.slice_and_split import slice_axis, slice_bounds, split
from gru_lower.passes.fuse_gru.tensors.symbolic_constants import position_factor
from gru_lower.passes.fuse_gru.tensors.tensor import UNKNOWN, ConstTensor, PolyTensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.operators.call import Call
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known
    from gru_lower.passes.fuse_gru.tensors.tensor import Tensor


def slice_node(call: Call) -> list[Known]:
    """Slice."""
    starts, ends = call.counts(1, "starts"), call.counts(2, "ends")
    axes, steps = call.ints(3, "axes"), call.ints(4)
    result = call.tensor(0)
    if starts is None or ends is None:
        raise NotUnderstoodError
    rank = len(result.dims)
    for position, axis in enumerate(axes if axes is not None else range(len(starts))):
        step = 1 if steps is None else steps[position]
        first, size = slice_bounds(starts[position], ends[position], step, result.dims[axis % rank])
        result = slice_axis(call.algebra, result, axis % rank, first, step, size)
    return [result]


def gather_node(call: Call) -> list[Known]:
    """Gather at constant indices."""
    indices = call.tensor(1)
    if not isinstance(indices, ConstTensor):
        raise NotUnderstoodError
    given, axis = call.tensor(0), int(call.attributes.get("axis", 0))
    if isinstance(given, PolyTensor) and len(indices.dims) == 1 and indices.array.size == 1 and indices.dims[0] != 1:
        return [_gather_along(call.algebra, given, axis % len(given.dims), indices)]
    return [gather(call.algebra, given, axis, indices)]


def _gather_along(algebra: Algebra, given: PolyTensor, axis: int, indices: ConstTensor) -> Tensor:
    """Read an axis at indices that count up or down, whose number is not known."""
    entry = indices.array.flat[0]
    step = position_factor(entry)
    if step not in (1, -1):
        raise NotUnderstoodError
    return slice_axis(algebra, given, axis, entry - POSITION * step, step, indices.dims[0])


def _split_sizes(call: Call, length: Count) -> Sequence[Count]:
    sizes = call.counts(1, "split")
    if sizes is not None:
        return sizes
    count = len(call.node.output)
    if call.attributes.get("num_outputs", count) != count:
        raise NotUnderstoodError
    if isinstance(length, Affine) and not any(
        factor % count for factor in (length.constant, *dict(length.terms).values())
    ):
        return [length // count] * count
    if isinstance(length, Affine) or length == UNKNOWN:
        raise NotUnderstoodError
    each = -(-length // count)
    return [min(each, length - each * i) for i in range(count)]


def split_node(call: Call) -> list[Known]:
    """Split."""
    given, axis = call.tensor(0), int(call.attributes.get("axis", 0))
    return list(split(call.algebra, given, axis, _split_sizes(call, given.dims[axis])))


def concat_node(call: Call) -> list[Known]:
    """Concat; empty tensors are left out."""
    axis = int(call.attributes["axis"])
    given = [value for value in call.tensors() if value.dims[axis] != 0]
    if not given:
        raise NotUnderstoodError
    return [given[0] if len(given) == 1 else concat(call.algebra, given, axis)]


def reverse_sequence_node(call: Call) -> list[Known]:
    """ReverseSequence of which all sequences are known to be as long as the axis."""
    given, lengths = call.tensor(0), call.tensor(1)
    axis = int(call.attributes.get("time_axis", 0))
    if not isinstance(given, PolyTensor) or not isinstance(lengths, ConstTensor):
        raise NotUnderstoodError
    dim = given.dims[axis]
    if any(entry != dim for entry in lengths.array.reshape(-1).tolist()):
        raise NotUnderstoodError
    return [slice_axis(call.algebra, given, axis, dim - 1, -1, dim)]
