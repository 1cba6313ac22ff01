"""Matrices of weights: which matrix a tensor of two axes is, and products of a tensor's features with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT, FEATURES, FIRST, FreeAxis, ReadAlong, ReadAt
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.sources import IndexedSource
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import to_int
from gru_lower.passes.fuse_gru.tensors.feature_axis import with_feature_axis
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor, full_array, only_atom

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.axes import LeafAxis, TensorAxis
    from gru_lower.passes.fuse_gru.algebra.matrices import Matrix
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.tensors.tensor import Tensor

MAX_FOLDED = 1 << 16
"""A product of constants is computed if the left one has no more entries than this."""


def matrix_of(algebra: Algebra, tensor: Tensor, *, out_first: bool) -> Matrix | None:
    """Return the matrix a tensor of two axes is, ``None`` if it is none.

    Args:
        algebra: The tables.
        tensor: The tensor; leading axes of length 1 do not count.
        out_first: Whether its first axis is the one of the results.

    """
    lead, dims = tensor.dims[:-2], tensor.dims[-2:]
    if len(dims) < 2 or any(dim != 1 for dim in lead):
        return None
    if isinstance(tensor, ConstTensor):
        if tensor.array.dtype == object or not all(isinstance(dim, int) for dim in dims):
            return None
        array = full_array(tensor).reshape([to_int(dim) for dim in dims])
        return algebra.matrices.constant(array if out_first else array.T)
    atom = only_atom(algebra, tensor)
    if not isinstance(atom, Leaf) or not all(isinstance(dim, int) for dim in dims):
        return None
    if atom.source in algebra.definitions or atom.source in algebra.non_matrices or len(atom.axes) < 2:
        return None
    lengths = algebra.source_dims.get(atom.source, ())
    if algebra.rows_share_matrix:
        return None if atom.lo else _block_of_rows(algebra, tensor, atom, lengths, out_first=out_first)
    return _block_of_value(algebra, tensor, atom, lengths, out_first=out_first)


def _block_of_value(
    algebra: Algebra, tensor: PolyTensor, atom: Leaf, lengths: Sequence[Count], *, out_first: bool
) -> Matrix | None:
    """Return the matrix that is a block of a value known at run time, at one index of the axes in front."""
    if len(lengths) != len(atom.axes):
        return None
    place = _several_matrices(atom, lengths)
    source = IndexedSource(atom.source, place) if place else atom.source
    rest = atom.axes[len(place) :]
    long = tuple(axis for axis in rest if axis != FIRST)
    own = long if len(long) == 2 else rest[-2:]
    if len(own) < 2 or (own is not long and any(axis != FIRST for axis in rest[:-2])):
        return None
    places = [i for i, axis in enumerate(rest) if axis != FIRST] if own is long else [len(rest) - 2, len(rest) - 1]
    known = lengths[len(place) :]
    if any(length != 1 for i, length in enumerate(known) if i not in places):
        return None  # one of several matrices
    blocks = [_range_of(rest[i], atom, known[i]) for i in places]
    shown, marks = list(tensor.axes[-2:]), [_shown(axis) for axis in own]
    # Whichever of the two axes is not of length 1 tells whether the leaf is transposed.
    swapped = shown != marks
    if None in blocks or (swapped and shown[::-1] != marks):
        return None
    transposed = swapped == out_first
    spans = [span for span in blocks if span is not None]
    (r0, r1, rows), (c0, c1, columns) = spans[::-1] if transposed else spans
    if (r1 - r0, c1 - c0) != tuple(to_int(dim) for dim in (tensor.dims[-2:] if out_first else tensor.dims[:-3:-1])):
        return None
    whole = algebra.matrices.symbol(source, rows, columns, transposed=transposed)
    return algebra.matrices.block(whole, r0, r1, c0, c1)


def _several_matrices(atom: Leaf, lengths: Sequence[Count]) -> tuple[int, ...]:
    """Return the index of the one matrix that is read, where a value holds several; none where it is one matrix."""
    first, length = atom.axes[0], lengths[0]
    several = len(atom.axes) == 3 and isinstance(first, ReadAt) and length != 1
    return (first.position,) if several and isinstance(first, ReadAt) and isinstance(first.position, int) else ()


def _range_of(axis: LeafAxis, atom: Leaf, total: Count) -> tuple[int, int, int] | None:
    """Return the first index, the last (exclusive) and the length of an axis that a leaf reads in order."""
    if not isinstance(total, int):
        return None
    if axis is FEATURES:
        return atom.lo, atom.hi, total
    if axis == FIRST:
        return 0, 1, total
    if not isinstance(axis, ReadAlong) or axis.step != 1 or not isinstance(axis.start, int):
        return None
    size = total if axis.size is None else axis.size
    return (axis.start, axis.start + size, total) if isinstance(size, int) else None


def _shown(axis: LeafAxis) -> TensorAxis | None:
    """Return the axis that a tensor has where a leaf's axis is read; ``None`` for one that is read at a later index."""
    if isinstance(axis, ReadAlong):
        return FreeAxis(axis.label)
    return FEATURES if axis is FEATURES else CONSTANT if axis == FIRST else None


def _block_of_rows(
    algebra: Algebra, tensor: PolyTensor, atom: Leaf, lengths: Sequence[Count], *, out_first: bool
) -> Matrix | None:
    """Return the matrix of one direction's gate: a block of rows of W or R, at one index of the axes in front."""
    if len(lengths) != len(atom.axes) or not all(isinstance(length, int) for length in lengths):
        return None
    first, rows = 0, None
    place = []
    for entry, length in zip(atom.axes[:-1], lengths[:-1], strict=True):
        if isinstance(entry, ReadAt):
            place.append(entry.position)
        elif rows is None and isinstance(entry, ReadAlong) and isinstance(entry.start, int) and entry.step == 1:
            first, rows = entry.start, to_int(length)
        else:
            return None
    if rows is None or atom.axes[-1] is not FEATURES or len(tensor.axes) != 2 or FEATURES not in tensor.axes:
        return None
    own = tensor.axes[-1] is FEATURES  # as it is, or transposed
    height, columns = to_int(tensor.dims[0 if own else 1]), to_int(lengths[-1])
    matrix = algebra.matrices.symbol(
        IndexedSource(atom.source, tuple(place)), rows, columns, transposed=own != out_first
    )
    if own == out_first:
        return algebra.matrices.block(matrix, first, first + height, 0, columns)
    transposed = algebra.matrices.symbol(IndexedSource(atom.source, tuple(place)), columns, rows, transposed=True)
    return algebra.matrices.block(transposed, 0, columns, first, first + height)


def multiply_features(algebra: Algebra, matrix: Matrix, tensor: PolyTensor, axis: int) -> PolyTensor:
    """Return a matrix (out, in) times the features of a tensor, which lie along an axis.

    Raises:
        NotUnderstoodError: Something else lies along that axis.

    """
    rows, columns = matrix.shape
    tensor = with_feature_axis(algebra, tensor, axis, columns)
    if tensor.width != columns:
        raise NotUnderstoodError
    pieces, row = [], 0
    for height in _stretches_made(algebra, matrix, tuple(width for width, _ in tensor.pieces)):
        total, edge = [], 0
        for width, poly in tensor.pieces:
            part = algebra.matrices.block(matrix, row, row + height, edge, edge + width)
            total.append(algebra.matrix_product(part, algebra.atom_of.get(poly, poly)))
            edge += width
        pieces.append((height, algebra.add(*total)))
        row += height
    position = tensor.axes.index(FEATURES)
    dims = (*tensor.dims[:position], rows, *tensor.dims[position + 1 :])
    return PolyTensor(tensor.axes, dims, tuple(pieces))


def _stretches_made(algebra: Algebra, matrix: Matrix, given: tuple[int, ...]) -> tuple[int, ...]:
    """Return how wide the stretches are that a product comes in: those given where each makes one of its own."""
    rows, wide = matrix.shape[0], algebra.feature_block
    if wide and rows % wide == 0:
        return (wide,) * (rows // wide)
    return given if len(given) > 1 and algebra.matrices.is_block_diagonal(matrix, given) else (rows,)


def is_zero(tensor: Tensor) -> bool:
    """Whether a tensor is a small constant of zeros."""
    return (
        isinstance(tensor, ConstTensor)
        and tensor.array.dtype != object
        and tensor.array.size <= MAX_FOLDED
        and not tensor.array.any()
    )
