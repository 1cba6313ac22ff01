"""Einsum of a tensor and a matrix, or of constants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import to_int
from gru_lower.passes.fuse_gru.tensors.constant_size import check_size
from gru_lower.passes.fuse_gru.tensors.reshape import reshape
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor, full_array
from gru_lower.passes.fuse_gru.tensors.transpose_and_squeeze import transpose
from gru_lower.passes.fuse_gru.tensors.weight_matrices import MAX_FOLDED, is_zero, matrix_of, multiply_features

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.tensors.tensor import Tensor


def einsum(algebra: Algebra, equation: str, left: Tensor, right: Tensor) -> Tensor:
    """Return Einsum of a tensor and a matrix: one letter of both is summed over, one or two are the matrix's own.

    Raises:
        NotUnderstoodError: The equation is any other.

    """
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != 2 or "." in equation:
        raise NotUnderstoodError
    if (isinstance(left, ConstTensor) and isinstance(right, ConstTensor)) or is_zero(left) or is_zero(right):
        return _einsum_of_constants(equation, left, right)
    if not arrow:
        output = "".join(sorted(letter for letter in set(inputs) - {","} if inputs.count(letter) == 1))
    for (data, tensor), (weight, matrix) in (
        ((terms[0], left), (terms[1], right)),
        ((terms[1], right), (terms[0], left)),
    ):
        if isinstance(tensor, PolyTensor) and isinstance(matrix, ConstTensor) and len(weight) == 3:
            return _product_over_two_axes(algebra, data, tensor, weight, matrix, output)
        if len(weight) != 2 or isinstance(tensor, ConstTensor) or len(set(data)) != len(data):
            continue
        summed, own = _letters(weight, data, output)
        if len(summed) != 1 or len(own) != 1 or set(data) - {summed[0]} != set(output) - {own[0]}:
            continue
        found = matrix_of(algebra, matrix, out_first=weight[0] == own[0])
        if found is None:
            continue
        product = multiply_features(algebra, found, tensor, data.index(summed[0]))
        letters = data.replace(summed[0], own[0])
        return transpose(product, [letters.index(letter) for letter in output])
    raise NotUnderstoodError


def _letters(weight: str, data: str, output: str) -> tuple[list[str], list[str]]:
    """Return the letters of a matrix that are summed over, and those of its results."""
    summed = [letter for letter in weight if letter in data and letter not in output]
    return summed, [letter for letter in weight if letter not in data and letter in output]


def _product_over_two_axes(
    algebra: Algebra, data: str, tensor: PolyTensor, weight: str, matrix: ConstTensor, output: str
) -> Tensor:
    """Multiply by a matrix whose results lie along two axes, such as those of all gates at once."""
    summed, own = _letters(weight, data, output)
    if len(summed) != 1 or len(own) != 2 or len(set(data)) != len(data) or matrix.array.dtype == object:
        raise NotUnderstoodError
    if set(data) - set(summed) != set(output) - set(own):
        raise NotUnderstoodError
    own.sort(key=output.index)
    laid = transpose(matrix, [weight.index(letter) for letter in (*own, summed[0])])
    outer, inner, columns = (to_int(dim) for dim in laid.dims)
    assert isinstance(laid, ConstTensor)
    found = algebra.matrices.constant(full_array(laid).reshape(outer * inner, columns))
    at = data.index(summed[0])
    product = multiply_features(algebra, found, tensor, at)
    apart = reshape(algebra, product, [*product.dims[:at], outer, inner, *product.dims[at + 1 :]])
    letters = [*data[:at], *own, *data[at + 1 :]]
    return transpose(apart, [letters.index(letter) for letter in output])


def _einsum_of_constants(equation: str, left: Tensor, right: Tensor) -> ConstTensor:
    """Return Einsum of constants, or of zeros and anything."""
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    lengths = dict(zip("".join(terms), (*left.dims, *right.dims), strict=True))
    if not arrow:
        raise NotUnderstoodError
    dims = tuple(lengths[letter] for letter in output)
    if is_zero(left) or is_zero(right):
        return ConstTensor(np.zeros((1,) * len(dims), np.float32), dims)
    assert isinstance(left, ConstTensor)
    assert isinstance(right, ConstTensor)
    if max(left.array.size, right.array.size) > MAX_FOLDED or object in (left.array.dtype, right.array.dtype):
        raise NotUnderstoodError
    check_size(map(to_int, lengths.values()))  # so many products are summed
    return ConstTensor(np.einsum(equation.replace(" ", ""), full_array(left), full_array(right)), dims)
