"""Lengths that a GRU takes to be equal: the batches of X, sequence_lens and initial_h, whatever each is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.axis_lengths import AxisLength
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import symbol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import NodeProto

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count, Unknown

X, SEQUENCE_LENS, INITIAL_H = 0, 4, 5


def equal_lengths(original: Model, rewritten: Model, facts: Facts) -> dict[Unknown, Count]:
    """Return for names of lengths the length that they are known to be, because some GRU takes both for its batch.

    Args:
        original: The model with GRUs.
        rewritten: The one in which they may have been lowered, whose values these are.
        facts: Its side table.

    """
    others = {scope.path: scope for scope in walk(rewritten.proto)}
    known: dict[str | AxisLength, str | AxisLength | int] = {}
    for scope in walk(original.proto):
        other = others.get(scope.path)
        for node in scope.nodes if other is not None else ():
            if is_onnx(node, "GRU"):
                assert other is not None
                batches = [_ultimate(known, length) for length in _batches(node, other, facts)]
                numbers = [length for length in batches if isinstance(length, int)]
                one = (numbers or batches or [1])[0]
                known.update({length: one for length in batches if not isinstance(length, int) and length != one})
    ends = {name: _ultimate(known, name) for name in known}
    return {name: end if isinstance(end, int) else symbol(end) for name, end in ends.items()}


def _ultimate(
    known: dict[str | AxisLength, str | AxisLength | int], length: str | AxisLength | int
) -> str | AxisLength | int:
    while not isinstance(length, int) and length in known:
        length = known[length]
    return length


def _batches(node: NodeProto, scope: Scope, facts: Facts) -> Iterator[str | AxisLength | int]:
    """Yield the lengths of a GRU's inputs along the batch, as the other model has them."""
    rows = next((attribute.i for attribute in node.attribute if attribute.name == "layout"), 0)
    for place, axis in ((X, 0 if rows else 1), (INITIAL_H, 0 if rows else 1), (SEQUENCE_LENS, 0)):
        name = node.input[place] if place < len(node.input) else ""
        dims = facts.shape(scope, name) if name else None
        home = scope.find(name) if name else None
        if dims is not None and axis < len(dims) and home is not None:
            dim = dims[axis]
            yield AxisLength(home.path, name, axis) if dim is None else dim


def as_text(lengths: dict[Unknown, Count]) -> list[str]:
    """Return the lengths that are known to be others, in words."""
    return [f"{_named(name)} = {length}" for name, length in lengths.items()]


def _named(name: Unknown) -> str:
    return f"axis {name.axis} of {name.value}" if isinstance(name, AxisLength) else str(name)
