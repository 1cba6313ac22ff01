"""MatMul and Gemm, whichever of the two is the matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import to_int
from gru_lower.passes.fuse_gru.tensors.broadcasting import apply_elementwise
from gru_lower.passes.fuse_gru.tensors.constant_size import check_size
from gru_lower.passes.fuse_gru.tensors.einsum import einsum
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor, full_array
from gru_lower.passes.fuse_gru.tensors.transpose_and_squeeze import squeeze, transpose
from gru_lower.passes.fuse_gru.tensors.weight_matrices import MAX_FOLDED, is_zero, matrix_of, multiply_features

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.tensors.tensor import Tensor


def matmul(algebra: Algebra, left: Tensor, right: Tensor) -> Tensor:
    """Return MatMul of two tensors, of which one is a matrix, or zeros.

    Raises:
        NotUnderstoodError: Neither is a matrix, or the product is a batch of products.

    """
    if any(is_zero(side) for side in (left, right)):
        lead = max(left.dims[:-2], right.dims[:-2], key=len)
        dims = (*lead, *left.dims[-2:-1], *(right.dims[-1:] if len(right.dims) > 1 else ()))
        return ConstTensor(np.zeros((1,) * len(dims), np.float32), dims)
    if isinstance(left, ConstTensor) and isinstance(right, ConstTensor):
        return _matmul_of_constants(left, right)
    if isinstance(right, ConstTensor) and isinstance(left, PolyTensor) and len(right.dims) == 3 and right.dims[0] != 1:
        if len(left.dims) == 3 and left.dims[0] == 1:
            left = squeeze(algebra, left, [0])
        if isinstance(left, PolyTensor) and len(left.dims) == 2:
            return einsum(algebra, "bi,gio->gbo", left, right)
        raise NotUnderstoodError
    if (
        isinstance(left, ConstTensor)
        and isinstance(right, PolyTensor)
        and left.dims == (1, 1)
        and full_array(left).item() == 1
    ):
        return right
    if isinstance(right, ConstTensor) or not isinstance(left, ConstTensor):
        matrix = matrix_of(algebra, right, out_first=False)
        fits = len(left.dims) >= len(right.dims) or len(right.dims) == 2
        if matrix is not None and not isinstance(left, ConstTensor) and fits:
            return multiply_features(algebra, matrix, left, -1)
    matrix = matrix_of(algebra, left, out_first=True)
    if matrix is None or isinstance(right, ConstTensor) or len(left.dims) > max(len(right.dims), 2):
        raise NotUnderstoodError
    return multiply_features(algebra, matrix, right, -2 if len(right.dims) > 1 else -1)


def _matmul_of_constants(left: ConstTensor, right: ConstTensor) -> ConstTensor:
    if (
        object in (left.array.dtype, right.array.dtype)
        or left.array.size > MAX_FOLDED
        or not (left.dims and right.dims)
    ):
        raise NotUnderstoodError
    if len(left.dims) == 1 or len(right.dims) == 1:
        product = np.asarray(np.matmul(full_array(left), full_array(right)))
        return ConstTensor(product, product.shape)
    dims = (*left.dims[:-1], right.dims[-1])
    data = left.array
    if data.shape[-1] == 1 and left.dims[-1] != 1:
        data = np.broadcast_to(data, (*data.shape[:-1], to_int(right.dims[-2])))
    right_array = full_array(right)
    lead = np.broadcast_shapes(data.shape[:-2], right_array.shape[:-2])
    check_size((*lead, data.shape[-2], right_array.shape[-1]), data.itemsize)
    return ConstTensor(np.matmul(data, right_array), dims)


def gemm(
    algebra: Algebra,
    a: Tensor,
    b: Tensor,
    c: Tensor | None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    trans_a: bool = False,
    trans_b: bool = False,
) -> Tensor:
    """Return alpha · A B + beta · C."""
    a = transpose(a, (1, 0)) if trans_a else a
    b = transpose(b, (1, 0)) if trans_b else b
    product = matmul(algebra, a, b)
    if isinstance(product, ConstTensor):
        if c is not None and beta and not isinstance(c, ConstTensor):
            return apply_elementwise(
                algebra, lambda p, q: algebra.add(algebra.scale(p, alpha), algebra.scale(q, beta)), product, c
            )
        if c is None or not beta:
            return ConstTensor(product.array * np.asarray(alpha, product.array.dtype), product.dims)
        assert isinstance(c, ConstTensor)
        return ConstTensor(product.array * alpha + c.array * beta, product.dims)
    if c is None or not beta:
        return apply_elementwise(algebra, lambda p: algebra.scale(p, alpha), product)
    return apply_elementwise(
        algebra, lambda p, q: algebra.add(algebra.scale(p, alpha), algebra.scale(q, beta)), product, c
    )
