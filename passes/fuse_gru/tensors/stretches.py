"""Stretches of features that lie side by side in one tensor."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.views import feature_range

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor


def in_stretches(algebra: Algebra, tensor: PolyTensor, widths: Sequence[int]) -> PolyTensor:
    """Return a tensor of one polynomial as stretches of its features; any other one, and one as wide, as it is.

    Args:
        algebra: The tables.
        tensor: The tensor.
        widths: How many features each stretch has.

    """
    if tensor.poly is None or sum(widths) != tensor.width:
        return tensor
    pieces = tuple(
        (width, feature_range(algebra, tensor.poly, end - width, end, tensor.width))
        for width, end in zip(widths, accumulate(widths), strict=True)
    )
    return replace(tensor, pieces=pieces)
