"""The lesser of a length and a number known at run time, such as the longest of the sequences' lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine, symbol
from gru_lower.passes.fuse_gru.tensors.tensor import Const, Value

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.interpreter.operators import Call


class Least(NamedTuple):
    """The name of such a number.

    Attributes:
        path: The scope.
        value: The value's name there.
        most: The length, which it does not exceed.

    """

    path: str
    value: str
    most: Any


def of(call: Call) -> Const | None:
    """Return the minimum of a count and a whole number that nobody knows as a count, ``None`` for any other."""
    given = [call.known(position) for position in range(len(call.node.input))]
    counts = [value for value in given if isinstance(value, Const)]
    if len(given) != 2 or len(counts) != 1 or not any(isinstance(value, Value) for value in given):
        return None
    dims = [value.dims for value in given if isinstance(value, (Value, Const))]
    entry = counts[0].array.reshape(-1)[0] if counts[0].array.size == 1 else None
    whole = isinstance(entry, Affine) or counts[0].array.dtype.kind in "iu"
    if entry is None or not whole or any(dim != 1 for each in dims for dim in each):
        return None
    rank = max(map(len, dims))
    array = np.empty((1,) * rank, object)
    most = entry if isinstance(entry, Affine) else int(entry)
    array.reshape(-1)[:] = [symbol(Least(call.interpreter.scope.path, call.node.output[0], most))]
    return Const(array, (1,) * rank)
