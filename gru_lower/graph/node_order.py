"""The order of a graph's nodes: each behind the nodes that produce what it uses."""

from __future__ import annotations

import heapq
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from gru_lower.errors import InvalidModel
from gru_lower.graph.scopes import captures, node_uses, subgraphs, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx
    from onnx import NodeProto

    from gru_lower.graph.scopes import Scope


class Disorder(NamedTuple):
    """A scope whose nodes did not stand behind what they use.

    Attributes:
        scope: Its path.
        early: How many nodes stood in front of something they use.
        node: The first of them, by its operator and first output.
        value: The value it uses.

    """

    scope: str
    early: int
    node: str
    value: str


def has_order(scope: Scope) -> bool:
    """Whether every node of a scope stands behind what it uses."""
    read, producers = scope.columns, scope.producers
    later = set(producers)
    for inputs, outputs in zip(read.inputs, read.outputs, strict=True):
        if not later.isdisjoint(inputs):
            return False
        later.difference_update(outputs)
    held = ((index, body) for index in read.holders for _, body in subgraphs(read.nodes[index]))
    return all(producers.get(name, -1) < index for index, body in held for name in captures(body))


def sort_scopes(model: onnx.ModelProto) -> list[Disorder]:
    """Put the nodes of every scope of a model in order; return what did not stand so.

    Raises:
        InvalidModel: Nodes use one another in a circle.

    """
    found = []
    for scope in walk(model):
        early = list(_early_nodes(scope.nodes))
        if early:
            index, value = early[0]
            found.append(Disorder(scope.path, len(early), _described(scope.nodes[index]), value))
            sort_nodes(scope.nodes)
    return found


def _early_nodes(nodes: Any) -> Iterator[tuple[int, str]]:  # noqa: ANN401 - a list, or protobuf's repeated container
    """Yield the nodes that stand in front of something they use, each by its index, with the first such value."""
    later = {name for node in nodes for name in node.output}
    for index, node in enumerate(nodes):
        if not later.isdisjoint(node.input) or node.attribute:
            early = next((name for name in node_uses(node) if name in later), None)
            if early is not None:
                yield index, early
        later.difference_update(node.output)


def _described(node: NodeProto) -> str:
    return f"{node.op_type} {next(filter(None, node.output), node.name)!r}"


GONE = sys.maxsize
"""The key of what is dropped."""


def sort_and_cut(items: Any, keys: list[int]) -> None:  # noqa: ANN401 - protobuf's repeated container
    """Put messages in the order of their keys and drop those whose key is ``GONE``, without copying any."""
    next_key = iter(keys)
    items.sort(key=lambda _item: next(next_key))
    gone = keys.count(GONE)
    if gone:
        del items[-gone:]


def is_in_order(nodes: Any) -> bool:  # noqa: ANN401 - a list, or protobuf's repeated container
    """Whether every node stands behind what it uses; onnxruntime sorts nodes itself, so not every model's are."""
    return next(_early_nodes(nodes), None) is None


def sort_nodes(nodes: Any) -> None:  # noqa: ANN401 - a list, or protobuf's repeated container
    """Move nodes behind what they use; where they are in order already, nothing moves.

    The order is the topological one that is nearest to the order given: of the nodes that could come next, it is always
    the first.
    """
    if is_in_order(nodes):
        return
    producer = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    uses = [{producer[name] for name in node_uses(node) if name in producer} for node in nodes]
    users: list[list[int]] = [[] for _ in nodes]
    waiting = [len(before) for before in uses]
    for index, before in enumerate(uses):
        for used in before:
            users[used].append(index)
    ready = [index for index, count in enumerate(waiting) if not count]
    heapq.heapify(ready)
    rank = [0] * len(waiting)
    for place in range(len(waiting)):
        if not ready:
            raise _circle(nodes, uses, {index for index, count in enumerate(waiting) if count > 0})
        index = heapq.heappop(ready)
        rank[index] = place
        for user in users[index]:
            waiting[user] -= 1
            if not waiting[user]:
                heapq.heappush(ready, user)
    next_rank = iter(rank)
    nodes.sort(key=lambda _node: next(next_rank))


def _circle(nodes: Any, uses: list[set[int]], stuck: set[int]) -> InvalidModel:  # noqa: ANN401 - as in sort_nodes
    """Return the error for nodes of which each waits for another one."""
    index, path = min(stuck), list[int]()
    while index not in path:
        path.append(index)
        index = min(uses[index] & stuck)
    named = [_described(nodes[each]) for each in path[path.index(index) :]]
    said = " and ".join(named[:2]) + (f" and {len(named) - 2} more" if len(named) > 2 else "")
    return InvalidModel(
        f"nodes use one another in a circle: {said}" if len(named) > 1 else f"{said} uses what it makes itself",
        code="GL003",
        hint="no runtime loads such a model: export it again",
    )
