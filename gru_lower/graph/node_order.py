"""The order of a graph's nodes: each behind the nodes that produce what it uses."""

from __future__ import annotations

import heapq
from typing import Any

from gru_lower.graph.scopes import node_uses


def sort_and_cut(items: Any, keys: list[tuple[bool, int, int]]) -> None:  # noqa: ANN401 - protobuf's repeated container
    """Put messages in the order of their keys and drop those whose key begins with True, without copying any."""
    next_key = iter(keys)
    items.sort(key=lambda _item: next(next_key))
    kept = sum(not gone for gone, _, _ in keys)
    del items[kept:]


def is_in_order(nodes: Any) -> bool:  # noqa: ANN401 - a list, or protobuf's repeated container
    """Whether every node stands behind what it uses; onnxruntime sorts nodes itself, so not every model's are."""
    later = {name for node in nodes for name in node.output}
    for node in nodes:
        if not later.isdisjoint(node_uses(node)):
            return False
        later.difference_update(node.output)
    return True


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
        index = heapq.heappop(ready)
        rank[index] = place
        for user in users[index]:
            waiting[user] -= 1
            if not waiting[user]:
                heapq.heappush(ready, user)
    next_rank = iter(rank)
    nodes.sort(key=lambda _node: next(next_rank))
