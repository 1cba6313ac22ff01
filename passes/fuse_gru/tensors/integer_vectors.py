"""Vectors of integers, not all of which are known, and ONNX's Range."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine, Position, symbol
from gru_lower.passes.fuse_gru.tensors.constant_size import check_entries, check_size
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, full_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count

POSITION = symbol(Position())
"""The index on an axis whose length is not known: entry i of a range of unknown length is first + step · POSITION."""


def int_vector(entries: Sequence[Count]) -> ConstTensor:
    """Return a vector of whole numbers."""
    if all(isinstance(entry, int) for entry in entries):
        return ConstTensor(np.array(entries, np.int64), (len(entries),))
    array = np.empty(len(entries), object)
    array[:] = entries
    return ConstTensor(array, (len(entries),))


def int_entries(const: ConstTensor) -> list[Count]:
    """Return the whole numbers of a vector or scalar.

    Raises:
        NotUnderstoodError: They are no integers, they count up, or how many there are is not known.

    """
    if len(const.dims) > 1 or const.array.dtype.kind not in "iuO":
        raise NotUnderstoodError
    every = full_array(const)
    check_entries(every.size)
    entries = [entry if isinstance(entry, Affine) else int(entry) for entry in every.reshape(-1)]
    if any(isinstance(entry, Affine) and entry.factor(POSITION.terms[0][0]) for entry in entries):
        raise NotUnderstoodError
    return entries


def arange(start: ConstTensor, limit: ConstTensor, delta: ConstTensor) -> ConstTensor:
    """Return the integers from start up to limit, without it, as ONNX's Range does.

    Raises:
        NotUnderstoodError: One of the three is not known, and the step is neither 1 nor -1; or they are no range.

    """
    if not all(tensor.array.size for tensor in (start, limit, delta)):
        raise NotUnderstoodError
    first, last, step = (tensor.array.reshape(-1)[0] for tensor in (start, limit, delta))
    if not any(isinstance(entry, Affine) for entry in (first, last, step)):
        if not all(math.isfinite(entry) for entry in (first, last, step)) or not step:
            raise NotUnderstoodError
        check_size([math.ceil((float(last) - float(first)) / float(step))])
        array = np.arange(first, last, step, dtype=start.array.dtype if start.array.dtype != object else np.int64)
        return ConstTensor(array, array.shape)
    if step not in (1, -1):
        raise NotUnderstoodError
    length = (last - first) * int(step)
    entry = POSITION * int(step) + first
    array = np.empty(1, object)
    array[0] = entry
    return ConstTensor(array, (length,))
