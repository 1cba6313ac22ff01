"""What stretches of a loop's state are before the first step: those that are equal then may be equal in every step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.axes import FEATURES
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor, feature_pieces

if TYPE_CHECKING:
    from collections.abc import Hashable

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known

ZEROS = "zeros"
"""What a stretch of zeros is."""


def stretches_at_first(algebra: Algebra, initial: Known, width: int) -> list[Hashable] | None:
    """Return what each stretch of a state is at first; equal ones are equal.

    Args:
        algebra: The tables.
        initial: The state before the first step.
        width: How many features a stretch has.

    Returns:
        ``None`` if the state has no such stretches along its last axis, or it is not known what they are.

    """
    if not isinstance(initial, (PolyTensor, ConstTensor)) or len(initial.dims) < 2:
        return None
    total = initial.dims[-1]
    if not isinstance(total, int) or total % width or not total:
        return None
    edges = range(0, total, width)
    if isinstance(initial, ConstTensor):
        return _stretches_of_constant(initial, edges, width)
    if initial.axes[-1] is not FEATURES:
        return None
    found: list[Hashable] = []
    for edge in edges:
        pieces = feature_pieces(algebra, initial, edge, edge + width)
        found.append(pieces[0][1] if len(pieces) == 1 and pieces[0][1].terms else ZEROS if len(pieces) == 1 else edge)
    return found


def _stretches_of_constant(initial: ConstTensor, edges: range, width: int) -> list[Hashable] | None:
    if initial.array.dtype.kind not in "fV":
        return None
    if not initial.array.any():
        return [ZEROS for _ in edges]
    if not initial.is_full:
        return None
    parts = [initial.array[..., edge : edge + width] for edge in edges]
    return [part.tobytes() if part.any() else ZEROS for part in parts]
