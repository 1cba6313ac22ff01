"""States that a model has already: inputs that become first states, and outputs made of the last ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.graph.scopes import is_onnx
from gru_lower.passes.stream.operators.recurrences import STATES
from gru_lower.passes.stream.sizes import compute

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.stream.known import Known

Array = np.ndarray[Any, np.dtype[Any]]
VIEWS = {
    *("Identity", "Slice", "Split", "Gather", "Squeeze", "Unsqueeze", "Reshape", "Transpose", "Concat", "Flatten"),
}


def state_pairs(scope: Scope, known: Known, inputs: Mapping[str, int]) -> tuple[dict[str, str], dict[str, str]]:
    """Find the states that a model has as inputs and outputs.

    Both ways are tried on numbers: where last states that are equal to the first ones make the output equal to the
    input, the output is the input's next value.

    Args:
        scope: The main graph.
        known: What is known of it.
        inputs: The inputs that take frames, which are no states.

    Returns:
        By the name of a first state the input it comes from, and by such an input the output that is its next value.

    """
    walker = _Views(scope, known)
    firsts: dict[str, set[str]] = {}
    lasts: dict[str, str] = {}
    for node in scope.nodes:
        if not is_onnx(node) or node.op_type not in STATES:
            continue
        for first, last, _ in STATES[node.op_type]:
            if first < len(node.input) and node.input[first] and last < len(node.output) and node.output[last]:
                firsts.setdefault(node.input[first], walker.roots(node.input[first]) or set())
                lasts[node.output[last]] = node.input[first]
    for front, following in _pasts(scope, known):
        firsts.setdefault(front, walker.roots(front) or set())
        lasts[following] = front
    found: dict[str, str] = {}
    pairs: dict[str, str] = {}
    for source in scope.inputs:
        shape = known.shape(source)
        if source in inputs or shape is None or source in scope.initializers:
            continue
        mine = [first for first, roots in firsts.items() if roots == {source}]
        if not mine:
            continue
        tried = np.arange(1, int(np.prod(shape)) + 1, dtype=np.float64).reshape(shape)
        values = {first: walker.run(first, {source: tried}) for first in mine}
        for output in scope.outputs:
            ends = walker.roots(output, frozenset(lasts))
            if not ends or not all(end in lasts and lasts[end] in values for end in ends):
                continue
            fed = {end: values[lasts[end]] for end in ends}
            result = None if any(value is None for value in fed.values()) else walker.run(output, fed)
            if result is not None and result.shape == tried.shape and np.array_equal(result, tried):
                pairs[source] = output
                found.update(dict.fromkeys(mine, source))
                break
    return found, pairs


def _pasts(scope: Scope, known: Known) -> Iterator[tuple[str, str]]:
    """Yield what stands in front of frames, and the Slice that takes as many of the last ones of both."""
    for node in scope.nodes:
        if not is_onnx(node, "Concat") or len(node.input) != 2:
            continue
        front, both = node.input[0], node.output[0]
        shape = known.shape(front)
        axes = known.grows(both)
        if shape is None or known.grows(front) or len(axes) != 1:
            continue
        for user in scope.nodes:
            if is_onnx(user, "Slice") and user.input[0] == both and known.shape(user.output[0]) == shape:
                yield front, user.output[0]


class _Views:
    """Follows and runs nodes that only move elements about."""

    def __init__(self, scope: Scope, known: Known) -> None:
        self._scope, self._known = scope, known

    def roots(self, name: str, stop: frozenset[str] = frozenset()) -> set[str] | None:
        """Return what a value is made of by moving elements about alone, ``None`` where it is computed."""
        found: set[str] = set()
        pending, seen = [name], set[str]()
        while pending:
            name = pending.pop()
            if name in seen or self._known.value(name) is not None or name in self._known.at.values:
                continue
            seen.add(name)
            index = self._scope.producers.get(name)
            if name in stop or index is None:
                found.add(name)
                continue
            node = self._scope.nodes[index]
            if not is_onnx(node) or node.op_type not in VIEWS:
                return None
            pending += [each for each in node.input if each]
        return found

    def run(self, name: str, fed: Mapping[str, Any]) -> Array | None:
        """Compute a value from what is fed."""
        if name in fed:
            value: Array | None = fed[name]
            return value
        known = self._known.at.value(name)
        if known is not None:
            return known
        index = self._scope.producers.get(name)
        if index is None:
            return None
        node = self._scope.nodes[index]
        values = [self.run(each, fed) for each in node.input if each]
        if any(value is None for value in values):
            return None
        results = compute(node, [value for value in values if value is not None], self._scope.opsets)
        return None if results is None else results[list(node.output).index(name)]
