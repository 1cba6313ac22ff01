"""Rows of which a mask chooses: masks laid beside rows, and padding that may be infinite."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT, FEATURES, FreeAxis, relabelled, reordered, varying
from gru_lower.passes.fuse_gru.algebra.clip_and_where import where
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.tensors.broadcasting import apply_elementwise
from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor
from gru_lower.passes.fuse_gru.tensors.transpose_and_squeeze import unsqueeze
from gru_lower.proving.infinite_gates import infinity

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.matrices import Array
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.tensors.tensor import Tensor


def masked_rows(algebra: Algebra, mask: PolyTensor, rows: Tensor, others: Tensor) -> PolyTensor:
    """Return the rows where a mask is true, and others elsewhere.

    Args:
        algebra: The tables.
        mask: The mask, (..., B).
        rows: (..., B, width).
        others: What broadcasts to that.

    Raises:
        NotUnderstoodError: The mask has axes that the rows have not.

    """
    column = unsqueeze(_labelled(algebra, mask, rows), [len(mask.dims)])
    return apply_elementwise(algebra, lambda *given: where(algebra, *given), column, rows, others)


def padding_row(algebra: Algebra, padding: Array, rank: int) -> PolyTensor:
    """Return a row that is the same at every index of the other axes."""
    pieces: list[tuple[int, Poly]] = []
    block = algebra.feature_block or padding.size
    for start in range(0, padding.size, block):
        for number, same in groupby(padding[start : start + block].tolist()):
            pieces.append((len(list(same)), _endless(algebra, number)))
    return PolyTensor((*(CONSTANT,) * (rank - 1), FEATURES), (*(1,) * (rank - 1), padding.size), tuple(pieces))


def _labelled(algebra: Algebra, mask: PolyTensor, rows: Tensor) -> PolyTensor:
    """Call a mask's free axes what those of the rows are called."""
    leaf = None if mask.poly is None or mask.poly.atom is None else algebra.atoms[mask.poly.atom]
    if not isinstance(leaf, Leaf) or not isinstance(rows, PolyTensor):
        raise NotUnderstoodError
    names = {
        mine.label: theirs.label
        for mine, theirs in zip(mask.axes, rows.axes, strict=False)
        if isinstance(mine, FreeAxis) and isinstance(theirs, FreeAxis)
    }
    if any(not isinstance(axis, FreeAxis) or axis.label not in names for axis in varying(mask.axes)):
        raise NotUnderstoodError
    entries = tuple(reordered(entry, names) for entry in leaf.axes)
    axes = tuple(relabelled(axis, names.__getitem__) for axis in mask.axes)
    return PolyTensor(axes, mask.dims, ((1, algebra.poly_of_atom(leaf._replace(axes=entries))),))


def _endless(algebra: Algebra, number: float) -> Poly:
    if np.isinf(number):
        return algebra.scale(infinity(algebra), float(np.sign(number)))
    return algebra.constant(number)
