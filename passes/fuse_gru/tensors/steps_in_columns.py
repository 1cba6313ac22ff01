"""Steps as columns: a Reshape that lays time and features into one axis, [B, T·H], or takes them apart again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.axes import FEATURES
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.tensors.concat import concat
from gru_lower.passes.fuse_gru.tensors.reshape import reshape
from gru_lower.passes.fuse_gru.tensors.slice_and_split import split
from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor
from gru_lower.passes.fuse_gru.tensors.transpose_and_squeeze import squeeze

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.tensors.tensor import Tensor


def reshape_steps(algebra: Algebra, tensor: Tensor, shape: Sequence[Count], *, zero_is_copied: bool = True) -> Tensor:
    """Return a tensor in another shape, as :func:`gru_lower.passes.fuse_gru.tensors.reshape.reshape` does.

    Besides, steps become columns of one axis, and columns that hold a step each become steps.

    Raises:
        NotUnderstoodError: It is neither understood so nor otherwise.

    """
    if isinstance(tensor, PolyTensor) and zero_is_copied:
        parts = _columns_to_steps(algebra, tensor, shape)
        if parts is not None:
            return parts
    try:
        return reshape(algebra, tensor, shape, zero_is_copied=zero_is_copied)
    except NotUnderstoodError:
        columns = _steps_to_columns(algebra, tensor, shape) if isinstance(tensor, PolyTensor) else None
        if columns is None:
            raise
        return columns


def _columns_to_steps(algebra: Algebra, tensor: PolyTensor, shape: Sequence[Count]) -> Tensor | None:
    """Take [B, T·n] of a polynomial or more for each step for [B, T, ...]."""
    if tensor.axes[1:] != (FEATURES,) or len(shape[1:]) < len(tensor.dims) or shape[0] not in (-1, 0, tensor.dims[0]):
        return None
    rest = [length for length in shape[1:] if isinstance(length, int) and length > 0]
    if len(rest) != len(shape) - 1 or rest[0] == 1 or math.prod(rest) != tensor.width:
        return None
    width, boundaries, at = math.prod(rest[1:]), {0}, 0
    for each, _ in tensor.pieces:
        at += each
        boundaries.add(at)
    if not boundaries.issuperset(range(0, tensor.width, width)) or len(tensor.pieces) < rest[0]:
        return None
    steps = split(algebra, tensor, 1, [width] * rest[0])
    return concat(algebra, [reshape_steps(algebra, step, [tensor.dims[0], 1, *rest[1:]]) for step in steps], 1)


def _steps_to_columns(algebra: Algebra, tensor: PolyTensor, shape: Sequence[Count]) -> Tensor | None:
    """Lay [..., H] out as [B, T·H]."""
    width = tensor.dims[-1]
    if len(shape[1:]) != 1 or not isinstance(shape[1], int) or not isinstance(width, int) or width < 1:
        return None
    length = shape[1] // width
    if length * width != shape[1] or length < 1:
        return None
    steps = split(algebra, reshape(algebra, tensor, [shape[0], length, width]), 1, [1] * length)
    return concat(algebra, [squeeze(algebra, step, [1]) for step in steps], 1)
