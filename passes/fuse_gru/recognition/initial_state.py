"""The state a loop begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known


class InitialState(NamedTuple):
    """The state before the first step of a loop: a stretch of a value's features.

    Attributes:
        name: A value of the scope.
        lo: The first of its features.
        hi: The last, exclusive.
        axis: The axis of its features.

    """

    name: str
    lo: int
    hi: int
    axis: int


def is_zeros(known: Known) -> bool:
    """Whether a value is a constant of zeros."""
    return isinstance(known, ConstTensor) and known.array.dtype != object and not known.array.any()
