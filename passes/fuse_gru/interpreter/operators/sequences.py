"""Sequences of tensors: SplitToSequence, SequenceAt, SequenceInsert, ConcatFromSequence and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT
from gru_lower.passes.fuse_gru.tensors import constant_arithmetic, views
from gru_lower.passes.fuse_gru.tensors.tensor import Const, NotUnderstoodError, Sequence_, Value

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.interpreter.operators.call import Call, Tensor
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known


def split_to_sequence_node(call: Call) -> list[Known]:
    """SplitToSequence into parts of length 1."""
    given, axis = call.tensor(0), int(call.attributes.get("axis", 0))
    sizes = call.counts(1)
    # The operator says that keepdims does not count where sizes are given; for one size onnxruntime lets it count.
    keepdims = bool(call.attributes.get("keepdims", 1))
    vector = sizes is not None and bool(call.tensor(1).dims)
    if not isinstance(given, Value) or (sizes is not None and set(sizes) != {1}) or (vector and not keepdims):
        raise NotUnderstoodError
    return [Sequence_(tensor=given, axis=axis % len(given.dims), keepdims=keepdims)]


def sequence_at_node(call: Call) -> list[Known]:
    """SequenceAt."""
    sequence, indices = call.known(0), call.counts(1)
    if not isinstance(sequence, Sequence_) or indices is None:
        raise NotUnderstoodError
    if sequence.tensor is None:
        if not isinstance(indices[0], int):
            raise NotUnderstoodError
        return [sequence.parts[indices[0]]]
    taken = views.take(call.algebra, sequence.tensor, sequence.axis, indices[0])
    return [views.unsqueeze(taken, [sequence.axis]) if sequence.keepdims else taken]


def sequence_construct_node(call: Call) -> list[Known]:
    """SequenceConstruct."""
    return [Sequence_(parts=tuple(call.tensors()))]


def sequence_empty_node(_call: Call) -> list[Known]:
    """SequenceEmpty."""
    return [Sequence_()]


def sequence_insert_node(call: Call) -> list[Known]:
    """SequenceInsert."""
    sequence, new = call.known(0), call.tensor(1)
    if not isinstance(sequence, Sequence_) or sequence.tensor is not None:
        raise NotUnderstoodError
    place = call.ints(2)
    position = len(sequence.parts) if place is None else place[0] % (len(sequence.parts) + 1)
    return [Sequence_(parts=(*sequence.parts[:position], new, *sequence.parts[position:]))]


def sequence_length_node(call: Call) -> list[Known]:
    """SequenceLength."""
    sequence = call.known(0)
    if not isinstance(sequence, Sequence_):
        raise NotUnderstoodError
    length = len(sequence.parts) if sequence.tensor is None else sequence.tensor.dims[sequence.axis]
    made = constant_arithmetic.vector([length])
    return [Const(made.array.reshape(()), ())]


def concat_from_sequence_node(call: Call) -> list[Known]:
    """ConcatFromSequence."""
    sequence, axis = call.known(0), int(call.attributes["axis"])
    if isinstance(sequence, Sequence_) and sequence.tensor is not None and not sequence.keepdims and not sequence.axis:
        return [_concat_parts(call, sequence.tensor, axis)]
    if not isinstance(sequence, Sequence_) or sequence.tensor is not None or not sequence.parts:
        raise NotUnderstoodError
    parts = [part for part in sequence.parts if part is not None]
    if call.attributes.get("new_axis", 0):
        parts = [views.unsqueeze(part, [axis % (len(part.dims) + 1)]) for part in parts]
        axis %= len(parts[0].dims)
    return [views.concat(call.algebra, parts, axis)]


def _concat_parts(call: Call, tensor: Value, axis: int) -> Tensor:
    """Concatenate the parts that a tensor holds along its first axis along another one."""
    rank = len(tensor.dims)
    if call.attributes.get("new_axis", 0):
        axis %= rank
    else:
        axis %= rank - 1
        if tensor.axes[axis + 1] is not CONSTANT or tensor.dims[axis + 1] != 1:
            raise NotUnderstoodError
        squeezed = views.squeeze(call.algebra, tensor, [axis + 1])
        assert isinstance(squeezed, Value)
        tensor, rank = squeezed, rank - 1
    order = list(range(1, rank))
    order.insert(axis, 0)
    return views.transpose(tensor, order)
