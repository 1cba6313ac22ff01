"""Whether several GRUs are one stack, Y of one X of the next, and how the directions of each are merged.

Transposes, reshapes and the like can be written in many ways, so they are not matched but run: given whole numbers
for Y, no two alike, they have to return what one of the known ways to merge it returns, to the bit and in float64.
Where T or B is open, they do so at several lengths, among them some beyond every place that the nodes read, so that
a cut shows; and once with numbers so small that a bias shows.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from gru_lower.errors import Unsupported
from gru_lower.frameworks.onnx_models.evaluate_nodes import nodes_between, places_read, run_nodes
from gru_lower.frameworks.onnx_models.gru_stack import Gru, Stack
from gru_lower.frameworks.weights.cell import MERGES
from gru_lower.graph.run_node import CannotComputeError
from gru_lower.graph.scopes import is_onnx

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onnx import NodeProto

    from gru_lower.frameworks.weights.cell import Array, Merge
    from gru_lower.graph.scopes import Scope

LENGTHS = ((3, 2), (4, 5))
"""T and B to run on where the model's are not static."""
UNBOUNDED = 2**31 - 1
"""A number from which on it stands for the end of an axis, whatever that is."""
MOST_VALUES = 1 << 24
"""How many numbers are run on at most."""
SMALL = 2.0**-40
"""A power of two: what is scaled by it stays exact."""


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
        hint=f'name the one meant: node="{one.site}"',
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
    path = _Path(scope, nodes, source, target)
    try:
        ways = {
            _merge_at(_values(gru, lengths, states=states) * scale, gru, path, states=states, batch_major=batch_major)
            for lengths in _lengths(gru, path, states=states)
            for scale in (1.0, SMALL)
        }
    except CannotComputeError:
        return None  # such as a Reshape written for other sizes than these: not a known way
    return ways.pop() if len(ways) == 1 else None


class _Path(NamedTuple):
    """The nodes between two values.

    Attributes:
        scope: Their scope.
        nodes: The nodes, in order.
        source: The value they begin with.
        target: The value they end with.

    """

    scope: Scope
    nodes: list[NodeProto]
    source: str
    target: str


def _lengths(gru: Gru, path: _Path, *, states: bool) -> list[tuple[int, int]]:
    """Return the T and B to run on; none where one beyond every place that is read would be too long."""
    fixed_t, fixed_b = gru.spec.seq_length, gru.spec.batch_size
    first = (fixed_t or LENGTHS[0][0], fixed_b or LENGTHS[0][1])
    if fixed_t is not None and fixed_b is not None:
        return [first]
    fed = _as_written(_values(gru, first, states=states), gru, states=states)
    places = places_read(path.scope, path.nodes, path.source, fed)
    beyond = 2 + max((abs(place) for place in places if abs(place) < UNBOUNDED), default=0)
    if beyond * 2 * gru.spec.num_directions * gru.spec.hidden_size > MOST_VALUES:
        return []
    return [(fixed_t or steps, fixed_b or batch) for steps, batch in (*LENGTHS, (beyond, 2), (2, beyond))]


def _values(gru: Gru, lengths: tuple[int, int], *, states: bool) -> Array:
    """Return whole numbers for Y [T,D,B,H], or for Y_h [D,B,H]; no two alike.

    Raises:
        CannotComputeError: There would be too many.

    """
    steps, batch = lengths
    shape = (*(() if states else (steps,)), gru.spec.num_directions, batch, gru.spec.hidden_size)
    if math.prod(shape) > MOST_VALUES:
        raise CannotComputeError(f"{math.prod(shape)} values to run on")
    return np.random.default_rng(0).permutation(np.arange(1.0, math.prod(shape) + 1)).reshape(shape)


def _as_written(values: Array, gru: Gru, *, states: bool) -> Array:
    """Return Y or Y_h in the axes of the GRU's layout."""
    axes = (1, 0, 2) if states else (2, 0, 1, 3)
    return np.ascontiguousarray(values.transpose(axes)) if gru.spec.layout else values


def _merge_at(values: Array, gru: Gru, path: _Path, *, states: bool, batch_major: bool) -> Merged | None:
    """Return how a value is made of some Y [T,D,B,H], or of some Y_h [D,B,H]."""
    fed = _as_written(values, gru, states=states)
    actual = run_nodes(path.scope, path.nodes, path.source, path.target, fed)
    for merged, wanted in _known_merges(list(np.moveaxis(values, -3, 0)), states=states):
        arranged = wanted.swapaxes(0, 1) if batch_major and not states else wanted
        if actual.shape == arranged.shape and np.array_equal(actual, arranged):
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
