"""Products with matrices: MatMul, Gemm and Einsum, whichever side the matrix is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT, FEATURES, FIRST, FreeAxis, ReadAlong, ReadAt, whole
from gru_lower.passes.fuse_gru.algebra.polynomials import Leaf
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import known
from gru_lower.passes.fuse_gru.tensors.reshape import reshape
from gru_lower.passes.fuse_gru.tensors.tensor import UNKNOWN, Const, NotUnderstoodError, Value, lift, refeature
from gru_lower.passes.fuse_gru.tensors.views import filled, squeeze, transpose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.axes import LeafAxis, TensorAxis
    from gru_lower.passes.fuse_gru.algebra.matrices import Matrix
    from gru_lower.passes.fuse_gru.algebra.polynomials import Algebra
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count

FOLDED = 1 << 16
"""A product of constants is computed if the left one has no more entries than this."""


def apply(algebra: Algebra, matrix: Matrix, value: Value, axis: int) -> Value:
    """Multiply the features, which lie along an axis, by a matrix (out, in).

    Raises:
        NotUnderstoodError: Something else lies along that axis.

    """
    rows, columns = matrix.shape
    value = refeature(algebra, value, axis, columns)
    if value.width != columns:
        raise NotUnderstoodError
    height = algebra.block if algebra.block and rows % algebra.block == 0 else rows
    pieces = []
    for row in range(0, rows, height):
        total, edge = [], 0
        for width, poly in value.pieces:
            part = algebra.matrices.block(matrix, row, row + height, edge, edge + width)
            total.append(algebra.linear(part, algebra.whole.get(poly, poly)))
            edge += width
        pieces.append((height, algebra.add(*total)))
    position = value.axes.index(FEATURES)
    dims = (*value.dims[:position], rows, *value.dims[position + 1 :])
    return Value(value.axes, dims, tuple(pieces))


def matrix_of(algebra: Algebra, value: Value | Const, *, out_first: bool) -> Matrix | None:
    """Return the matrix a tensor of two axes is, ``None`` if it is none.

    Args:
        algebra: The tables.
        value: The tensor; leading axes of length 1 do not count.
        out_first: Whether its first axis is the one of the results.

    """
    lead, dims = value.dims[:-2], value.dims[-2:]
    if len(dims) < 2 or any(dim != 1 for dim in lead):
        return None
    if isinstance(value, Const):
        if value.array.dtype == object or not all(isinstance(dim, int) for dim in dims):
            return None
        array = filled(value).reshape([known(dim) for dim in dims])
        return algebra.matrices.constant(array if out_first else array.T)
    serial = None if value.poly is None else value.poly.atom
    atom = None if serial is None else algebra.atoms[serial]
    if not isinstance(atom, Leaf) or not all(isinstance(dim, int) for dim in dims) or atom.lo:
        return None
    if atom.source in algebra.defined or atom.source in algebra.data or len(atom.axes) < 2:
        return None
    lengths = algebra.lengths.get(atom.source, ())
    if algebra.weights_in_parts:
        return _part_of_weights(algebra, value, atom, lengths, out_first=out_first)
    if any(entry == FIRST and length != 1 for entry, length in zip(atom.axes, lengths, strict=False)):
        return None  # one of several
    long = tuple(axis for axis in atom.axes if axis != FIRST)
    own = long if len(long) == 2 else atom.axes[-2:]
    plain = all(axis in (FEATURES, FIRST) or (isinstance(axis, ReadAlong) and axis.reads_all) for axis in own)
    if not plain or (own is not long and any(axis != FIRST for axis in atom.axes[:-2])):
        return None
    shown = value.axes[-2:]
    # Whichever of the two axes is not of length 1 tells which way around the leaf is seen.
    marks = [_read_whole(axis) for axis in shown]
    transposed = marks != list(own)
    if transposed and marks[::-1] != list(own):
        return None
    rows, columns = (known(dims[0]), known(dims[1])) if out_first else (known(dims[1]), known(dims[0]))
    return algebra.matrices.symbol(atom.source, rows, columns, transposed=transposed == out_first)


def _read_whole(axis: TensorAxis) -> LeafAxis | None:
    """Return how a leaf's own axis is read that is seen whole as this axis of a tensor, ``None`` for one of several."""
    if isinstance(axis, FreeAxis):
        return whole(axis.label)
    return FIRST if axis is CONSTANT else FEATURES if axis is FEATURES else None


def _part_of_weights(
    algebra: Algebra, value: Value, atom: Leaf, lengths: Sequence[Count], *, out_first: bool
) -> Matrix | None:
    """Return the matrix that is one direction's gate: rows of one index of the first axis of a value of three."""
    if len(lengths) != len(atom.axes) or not all(isinstance(length, int) for length in lengths):
        return None
    first, rows = 0, None
    place = []
    for entry, length in zip(atom.axes[:-1], lengths[:-1], strict=True):
        if isinstance(entry, ReadAt):
            place.append(entry.position)
        elif rows is None and isinstance(entry, ReadAlong) and isinstance(entry.start, int) and entry.step == 1:
            first, rows = entry.start, known(length)
        else:
            return None
    if rows is None or atom.axes[-1] is not FEATURES or len(value.axes) != 2 or FEATURES not in value.axes:
        return None
    own = value.axes[-1] is FEATURES  # as it is, or transposed
    height, columns = known(value.dims[0 if own else 1]), known(lengths[-1])
    whole = algebra.matrices.symbol((atom.source, *place), rows, columns, transposed=own != out_first)
    if own == out_first:
        return algebra.matrices.block(whole, first, first + height, 0, columns)
    transposed = algebra.matrices.symbol((atom.source, *place), columns, rows, transposed=True)
    return algebra.matrices.block(transposed, 0, columns, first, first + height)


def matmul(algebra: Algebra, left: Value | Const, right: Value | Const) -> Value | Const:
    """Multiply two tensors of which one is a matrix, or zeros."""
    if any(_is_zero(side) for side in (left, right)):
        lead = max(left.dims[:-2], right.dims[:-2], key=len)
        dims = (*lead, *left.dims[-2:-1], *(right.dims[-1:] if len(right.dims) > 1 else ()))
        return Const(np.zeros((1,) * len(dims), np.float32), dims)
    if isinstance(left, Const) and isinstance(right, Const):
        return _fold(left, right)
    if isinstance(right, Const) and isinstance(left, Value) and len(right.dims) == 3 and right.dims[0] != 1:
        if len(left.dims) == 3 and left.dims[0] == 1:
            left = squeeze(algebra, left, [0])
        if isinstance(left, Value) and len(left.dims) == 2:
            return einsum(algebra, "bi,gio->gbo", left, right)
        raise NotUnderstoodError
    if isinstance(left, Const) and isinstance(right, Value) and left.dims == (1, 1) and filled(left).item() == 1:
        return right
    if isinstance(right, Const) or not isinstance(left, Const):
        matrix = matrix_of(algebra, right, out_first=False)
        fits = len(left.dims) >= len(right.dims) or len(right.dims) == 2
        if matrix is not None and not isinstance(left, Const) and fits:
            return apply(algebra, matrix, left, -1)
    matrix = matrix_of(algebra, left, out_first=True)
    if matrix is None or isinstance(right, Const) or len(left.dims) > max(len(right.dims), 2):
        raise NotUnderstoodError
    return apply(algebra, matrix, right, -2 if len(right.dims) > 1 else -1)


def _is_zero(value: Value | Const) -> bool:
    return (
        isinstance(value, Const)
        and value.array.dtype != object
        and value.array.size <= FOLDED
        and not value.array.any()
    )


def _fold(left: Const, right: Const) -> Const:
    if object in (left.array.dtype, right.array.dtype) or left.array.size > FOLDED or not (left.dims and right.dims):
        raise NotUnderstoodError
    if len(left.dims) == 1 or len(right.dims) == 1:
        product = np.asarray(np.matmul(filled(left), filled(right)))
        return Const(product, product.shape)
    dims = (*left.dims[:-1], right.dims[-1])
    data = left.array
    if data.shape[-1] == 1 and left.dims[-1] != 1:
        data = np.broadcast_to(data, (*data.shape[:-1], known(right.dims[-2])))
    product = np.matmul(data, filled(right))
    return Const(product, dims)


def gemm(
    algebra: Algebra,
    a: Value | Const,
    b: Value | Const,
    c: Value | Const | None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    trans_a: bool = False,
    trans_b: bool = False,
) -> Value | Const:
    """Return alpha · A B + beta · C."""
    a = transpose(a, (1, 0)) if trans_a else a
    b = transpose(b, (1, 0)) if trans_b else b
    product = matmul(algebra, a, b)
    if isinstance(product, Const):
        if c is not None and beta and not isinstance(c, Const):
            return lift(algebra, lambda p, q: algebra.add(algebra.scale(p, alpha), algebra.scale(q, beta)), product, c)
        if c is None or not beta:
            return Const(product.array * np.asarray(alpha, product.array.dtype), product.dims)
        assert isinstance(c, Const)
        return Const(product.array * alpha + c.array * beta, product.dims)
    if c is None or not beta:
        return lift(algebra, lambda p: algebra.scale(p, alpha), product)
    return lift(algebra, lambda p, q: algebra.add(algebra.scale(p, alpha), algebra.scale(q, beta)), product, c)


def einsum(algebra: Algebra, equation: str, left: Value | Const, right: Value | Const) -> Value | Const:
    """Return a sum of products that is one with a matrix: one shared letter is summed over, one is the matrix's own.

    Raises:
        NotUnderstoodError: The equation says anything else.

    """
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != 2 or "." in equation:
        raise NotUnderstoodError
    if (isinstance(left, Const) and isinstance(right, Const)) or _is_zero(left) or _is_zero(right):
        return _einsum_of_constants(equation, left, right)
    if not arrow:
        output = "".join(sorted(letter for letter in set(inputs) - {","} if inputs.count(letter) == 1))
    for (data, value), (weight, matrix) in (
        ((terms[0], left), (terms[1], right)),
        ((terms[1], right), (terms[0], left)),
    ):
        if isinstance(value, Value) and isinstance(matrix, Const) and len(weight) == 3:
            return _several(algebra, data, value, weight, matrix, output)
        if len(weight) != 2 or isinstance(value, Const) or len(set(data)) != len(data):
            continue
        summed = [letter for letter in weight if letter in data and letter not in output]
        own = [letter for letter in weight if letter not in data and letter in output]
        if len(summed) != 1 or len(own) != 1 or set(data) - {summed[0]} != set(output) - {own[0]}:
            continue
        found = matrix_of(algebra, matrix, out_first=weight[0] == own[0])
        if found is None:
            continue
        product = apply(algebra, found, value, data.index(summed[0]))
        letters = data.replace(summed[0], own[0])
        return transpose(product, [letters.index(letter) for letter in output])
    raise NotUnderstoodError


def _several(algebra: Algebra, data: str, value: Value, weight: str, matrix: Const, output: str) -> Value | Const:
    """Multiply by a matrix whose results are laid over two axes, such as all gates' at once."""
    summed = [letter for letter in weight if letter in data and letter not in output]
    own = [letter for letter in weight if letter not in data and letter in output]
    if len(summed) != 1 or len(own) != 2 or len(set(data)) != len(data) or matrix.array.dtype == object:
        raise NotUnderstoodError
    if set(data) - set(summed) != set(output) - set(own):
        raise NotUnderstoodError
    own.sort(key=output.index)
    laid = transpose(matrix, [weight.index(letter) for letter in (*own, summed[0])])
    outer, inner, columns = (known(dim) for dim in laid.dims)
    assert isinstance(laid, Const)
    found = algebra.matrices.constant(filled(laid).reshape(outer * inner, columns))
    at = data.index(summed[0])
    product = apply(algebra, found, value, at)
    apart = reshape(algebra, product, [*product.dims[:at], outer, inner, *product.dims[at + 1 :]])
    letters = [*data[:at], *own, *data[at + 1 :]]
    return transpose(apart, [letters.index(letter) for letter in output])


def _einsum_of_constants(equation: str, left: Value | Const, right: Value | Const) -> Const:
    """Multiply constants, or anything with zeros."""
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    lengths = dict(zip("".join(terms), (*left.dims, *right.dims), strict=True))
    if not arrow:
        raise NotUnderstoodError
    dims = tuple(lengths[letter] for letter in output)
    if _is_zero(left) or _is_zero(right):
        return Const(np.zeros((1,) * len(dims), np.float32), dims)
    assert isinstance(left, Const)
    assert isinstance(right, Const)
    if max(left.array.size, right.array.size) > FOLDED or object in (left.array.dtype, right.array.dtype):
        raise NotUnderstoodError
    return Const(np.einsum(equation.replace(" ", ""), filled(left), filled(right)), dims)


__all__ = ["UNKNOWN", "apply", "einsum", "gemm", "matmul", "matrix_of"]
