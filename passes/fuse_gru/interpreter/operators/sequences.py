"""Sequences of tensors: SplitToSequence, SequenceAt, SequenceInsert, ConcatFromSequence and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.tensors.concat import concat
from gru_lower.passes.fuse_gru.tensors.indexing import take_index
from gru_lower.passes.fuse_gru.tensors.integer_vectors import int_vector
from gru_lower.passes.fuse_gru.tensors.slice_and_split import split
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor, TensorSequence
from gru_lower.passes.fuse_gru.tensors.transpose_and_squeeze import squeeze, transpose, unsqueeze

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.operators.call import Call
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known
    from gru_lower.passes.fuse_gru.tensors.tensor import Tensor


def split_to_sequence_node(call: Call) -> list[Known]:
    """SplitToSequence into parts of length 1, or into a known number of parts whose lengths are known."""
    given, axis = call.tensor(0), int(call.attributes.get("axis", 0))
    axis %= len(given.dims)
    sizes = call.counts(1)
    vector = sizes is not None and bool(call.tensor(1).dims)
    if sizes is not None and set(sizes) != {1}:
        lengths = sizes if vector else _equal_parts(given.dims[axis], sizes[0])
        return [TensorSequence(parts=tuple(split(call.algebra, given, axis, lengths)))]
    # The operator says that keepdims does not count where sizes are given; for one size onnxruntime lets it count.
    keepdims = bool(call.attributes.get("keepdims", 1))
    if not isinstance(given, PolyTensor) or (vector and not keepdims):
        raise NotUnderstoodError
    return [TensorSequence(tensor=given, axis=axis, keepdims=keepdims)]


def _equal_parts(length: Count, size: Count) -> list[Count]:
    """Return the lengths of the parts of an axis that is split into parts of one size, but perhaps for the last."""
    if not isinstance(length, int) or not isinstance(size, int) or length < 1 or size < 1:
        raise NotUnderstoodError
    return [min(size, length - first) for first in range(0, length, size)]


def sequence_at_node(call: Call) -> list[Known]:
    """SequenceAt."""
    sequence, indices = call.known(0), call.counts(1)
    if not isinstance(sequence, TensorSequence) or indices is None:
        raise NotUnderstoodError
    if sequence.tensor is None:
        if not isinstance(indices[0], int) or not -len(sequence.parts) <= indices[0] < len(sequence.parts):
            raise NotUnderstoodError
        return [sequence.parts[indices[0]]]
    taken = take_index(call.algebra, sequence.tensor, sequence.axis, indices[0])
    return [unsqueeze(taken, [sequence.axis]) if sequence.keepdims else taken]


def sequence_construct_node(call: Call) -> list[Known]:
    """SequenceConstruct."""
    return [TensorSequence(parts=tuple(call.tensors()))]


def sequence_empty_node(_call: Call) -> list[Known]:
    """SequenceEmpty."""
    return [TensorSequence()]


def sequence_insert_node(call: Call) -> list[Known]:
    """SequenceInsert."""
    sequence, new = call.known(0), call.tensor(1)
    if not isinstance(sequence, TensorSequence) or sequence.tensor is not None:
        raise NotUnderstoodError
    place = call.ints(2)
    position = len(sequence.parts) if place is None else place[0] % (len(sequence.parts) + 1)
    return [TensorSequence(parts=(*sequence.parts[:position], new, *sequence.parts[position:]))]


def sequence_length_node(call: Call) -> list[Known]:
    """SequenceLength."""
    sequence = call.known(0)
    if not isinstance(sequence, TensorSequence):
        raise NotUnderstoodError
    length = len(sequence.parts) if sequence.tensor is None else sequence.tensor.dims[sequence.axis]
    made = int_vector([length])
    return [ConstTensor(made.array.reshape(()), ())]


def concat_from_sequence_node(call: Call) -> list[Known]:
    """ConcatFromSequence."""
    sequence, axis = call.known(0), int(call.attributes["axis"])
    if (
        isinstance(sequence, TensorSequence)
        and sequence.tensor is not None
        and not sequence.keepdims
        and not sequence.axis
    ):
        return [_concat_parts(call, sequence.tensor, axis)]
    if not isinstance(sequence, TensorSequence) or sequence.tensor is not None or not sequence.parts:
        raise NotUnderstoodError
    parts = [part for part in sequence.parts if part is not None]
    if call.attributes.get("new_axis", 0):
        parts = [unsqueeze(part, [axis % (len(part.dims) + 1)]) for part in parts]
        axis %= len(parts[0].dims)
    return [concat(call.algebra, parts, axis)]


def _concat_parts(call: Call, tensor: PolyTensor, axis: int) -> Tensor:
    """Concatenate the parts that a tensor holds along its first axis along another one."""
    rank = len(tensor.dims)
    if call.attributes.get("new_axis", 0):
        axis %= rank
    else:
        axis %= rank - 1
        if tensor.axes[axis + 1] is not CONSTANT or tensor.dims[axis + 1] != 1:
            raise NotUnderstoodError
        squeezed = squeeze(call.algebra, tensor, [axis + 1])
        assert isinstance(squeezed, PolyTensor)
        tensor, rank = squeezed, rank - 1
    order = list(range(1, rank))
    order.insert(axis, 0)
    return transpose(tensor, order)
