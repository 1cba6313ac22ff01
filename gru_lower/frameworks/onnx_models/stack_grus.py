"""Whether several GRUs are one stack, Y of one X of the next, and how the directions of each are merged.

Transposes, reshapes and the like can be written in many ways, so they are not matched but run: given a Y of random
numbers, they have to return what one of the known ways to merge it returns.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from gru_lower.errors import Unsupported
from gru_lower.frameworks.onnx_models.evaluate_nodes import nodes_between, run_nodes
from gru_lower.frameworks.onnx_models.gru_stack import Gru, Stack
from gru_lower.frameworks.weights.cell import MERGES
from gru_lower.graph.scopes import is_onnx

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.frameworks.weights.cell import Array, Merge
    from gru_lower.graph.scopes import Scope

T, B = 3, 2
"""Sizes to run on where the model's are not static."""
CLOSE = 0.02
"""Half precision differs by less than this, and two ways of merging by more."""


class Merged(NamedTuple):
    """How a value is made of Y, or of Y_h.

    Attributes:
        merge: How the directions are merged; ``"left"`` or ``"right"`` where one alone is used.
        reverses_time: Whether time is reversed.

    """

    merge: Merge | Literal["left", "right"]
    reverses_time: bool


def stack_grus(scopes: Sequence[Scope], grus: Sequence[Gru]) -> Stack:
    """Return GRUs as a stack, with what the nodes around them do to their outputs.

    Args:
        scopes: The scope of each.
        grus: The GRUs in the order of the nodes.

    Raises:
        Unsupported: There are several and they are no stack.

    """
    if any(scope.path != scopes[0].path for scope in scopes):
        raise _no_stack(grus[0], next(gru for gru, s in zip(grus, scopes, strict=True) if s.path != scopes[0].path))
    scope, found = scopes[0], []
    for gru, following in itertools.pairwise(grus):
        merged = _merge_of(
            scope, gru, following.spec.inputs["X"], states=False, batch_major=bool(following.spec.layout)
        )
        if merged is None or merged.merge in ("left", "right"):
            raise _no_stack(gru, following)
        found.append(_with_merge(gru, merged))
    return Stack((*found, _with_output(scope, grus[-1])), batch_first=_batch_first(scope, grus[0]))


def _no_stack(one: Gru, other: Gru) -> Unsupported:
    return Unsupported(
        f"the model holds several GRUs, and {other.site} does not take Y of {one.site} as its X",
        code="GL606",
        hint=f"name the one meant: --node {one.site}, or node=...",
    )


def _with_merge(gru: Gru, merged: Merged) -> Gru:
    merge: Merge | None = next((known for known in MERGES if known == merged.merge), None)
    return replace(gru, merge=merge, flipped=merged.reverses_time)


def _with_output(scope: Scope, gru: Gru) -> Gru:
    """Return the last GRU with how an output of the graph is made of it, if one is."""
    for name in scope.outputs:
        for states in (False, True):
            for batch_major in (False, True):
                merged = _merge_of(scope, gru, name, states=states, batch_major=batch_major)
                if merged is not None:
                    return _with_merge(gru, merged)
    return gru


def _batch_first(scope: Scope, gru: Gru) -> bool:
    """Whether X is batch-major, or the transpose of an input."""
    name = gru.spec.inputs["X"]
    swaps = gru.spec.layout
    while name in scope.producers:
        node = scope.nodes[scope.producers[name]]
        perm = [list(attribute.ints) for attribute in node.attribute if attribute.name == "perm"]
        if not is_onnx(node, "Transpose") or perm != [[1, 0, 2]]:
            break
        name, swaps = node.input[0], swaps + 1
    return swaps % 2 == 1


def _merge_of(scope: Scope, gru: Gru, target: str, *, states: bool, batch_major: bool) -> Merged | None:
    """Return how a value is made of Y, or of Y_h; ``None`` if it is not, or in none of the known ways."""
    source = gru.spec.Y_h if states else gru.spec.Y
    nodes = nodes_between(scope, source, target) if source else None
    if nodes is None:
        return None
    D, H = gru.spec.num_directions, gru.spec.hidden_size
    steps, batch = gru.spec.seq_length or T, gru.spec.batch_size or B
    shape = (D, batch, H) if states else (steps, D, batch, H)
    values = np.random.default_rng(0).uniform(1, 2, shape).astype(gru.W.dtype)
    fed = values if not gru.spec.layout else values.transpose((1, 0, 2) if states else (2, 0, 1, 3))
    try:
        actual = run_nodes(scope, nodes, source, target, np.ascontiguousarray(fed))
    except (
        ValueError,
        IndexError,
        RuntimeError,
    ):  # such as a Reshape written for other sizes than these: not a known way
        return None
    for merged, wanted in _known_merges(list(np.moveaxis(values.astype(np.float64), -3, 0)), states=states):
        arranged = wanted.swapaxes(0, 1) if batch_major and not states else wanted
        if actual.shape == arranged.shape and np.allclose(actual.astype(np.float64), arranged, atol=CLOSE):
            return merged
    return None


def _known_merges(directions: list[Array], *, states: bool) -> Iterator[tuple[Merged, Array]]:
    """Yield every known way to merge, with what it makes of one or two arrays [T,B,H], or [B,H] for states."""
    for flipped in (False,) if states else (False, True):
        parts = [each[::-1] for each in directions] if flipped else directions
        if len(parts) == 1:
            yield Merged("concat", flipped), parts[0]
            continue
        left, right = parts
        yield Merged("concat", flipped), np.concatenate(parts, axis=-1)
        yield Merged("sum", flipped), left + right
        yield Merged("mul", flipped), left * right
        yield Merged("ave", flipped), (left + right) / 2
        yield Merged("left", flipped), left
        yield Merged("right", flipped), right
