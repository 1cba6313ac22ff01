"""Operators that arrange axes anew: Transpose, Reshape, Flatten, Squeeze, Unsqueeze, Expand, Tile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.tensors.broadcasting import expand
from gru_lower.passes.fuse_gru.tensors.reshape import reshape
from gru_lower.passes.fuse_gru.tensors.steps_in_columns import reshape_steps
from gru_lower.passes.fuse_gru.tensors.transpose_and_squeeze import squeeze, transpose, unsqueeze

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.operators.call import Call
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known


def transpose_node(call: Call) -> list[Known]:
    """Transpose."""
    return [transpose(call.tensor(0), call.attributes.get("perm"))]


def reshape_node(call: Call) -> list[Known]:
    """Reshape."""
    shape = call.counts(1, "shape")
    if shape is None:
        raise NotUnderstoodError
    copied = not call.attributes.get("allowzero", 0)
    return [reshape_steps(call.algebra, call.tensor(0), shape, zero_is_copied=copied)]


def flatten_node(call: Call) -> list[Known]:
    """Flatten."""
    given, axis = call.tensor(0), int(call.attributes.get("axis", 1))
    axis %= max(len(given.dims), 1)
    first: Count = 1
    for dim in given.dims[:axis]:
        first = first * dim
    return [reshape(call.algebra, given, [first, -1], zero_is_copied=False)]


def squeeze_node(call: Call) -> list[Known]:
    """Squeeze."""
    return [squeeze(call.algebra, call.tensor(0), call.ints(1, "axes"))]


def unsqueeze_node(call: Call) -> list[Known]:
    """Unsqueeze."""
    return [unsqueeze(call.tensor(0), call.ints(1, "axes") or [])]


def expand_node(call: Call) -> list[Known]:
    """Expand."""
    shape = call.counts(1)
    if shape is None:
        raise NotUnderstoodError
    return [expand(call.algebra, call.tensor(0), shape)]


def tile_node(call: Call) -> list[Known]:
    """Tile along axes of length 1."""
    repeats, given = call.counts(1), call.tensor(0)
    if repeats is None or any(r != 1 and d != 1 for r, d in zip(repeats, given.dims, strict=True)):
        raise NotUnderstoodError
    return [expand(call.algebra, given, repeats)]
