"""Constants of one whole number that need not be known: loop counters, lengths, and vectors that count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine
from gru_lower.passes.fuse_gru.tensors.integer_vectors import POSITION
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count


def count_constant(count: Count, dims: Sequence[Count] = ()) -> ConstTensor:
    """Return a constant whose one entry is a whole number, or depends on :data:`POSITION` as its only one."""
    array = np.empty((1,) * len(dims), object)
    array.reshape(-1)[:] = [count]
    return ConstTensor(array, tuple(dims))


def is_count(const: ConstTensor) -> bool:
    """Whether a constant has one entry, a whole number."""
    return const.array.size == 1 and (const.array.dtype == object or const.array.dtype.kind in "iu")


def count_of(const: ConstTensor) -> Count:
    """Return the one entry of a constant."""
    entry: Any = const.array.reshape(-1)[0]
    return entry if isinstance(entry, Affine) else int(entry)


def position_factor(entry: object) -> int:
    """Return by how much an entry of a vector grows with its position, 0 where it does not."""
    return entry.factor(POSITION.terms[0][0]) if isinstance(entry, Affine) else 0
