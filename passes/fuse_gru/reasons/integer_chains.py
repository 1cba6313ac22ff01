"""Unrolled recurrences in whole numbers: the same quantised weights multiply what came of them a step before.

The interpreter takes such products for values of their own, so nothing of the recurrence is seen in polynomials.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gru_lower.passes.fuse_gru.reasons.rounded_numbers import QUANTISERS, listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnx import NodeProto

    from gru_lower.graph.scopes import Scope

WEIGHT_AT = {
    **dict.fromkeys(("MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "MatMulNBits", "MatMulBnb4"), 1),
    **dict.fromkeys(("QLinearMatMul", "QGemm"), 3),
}
"""The operators that multiply whole numbers, and where their weights stand among their inputs."""


class IntegerChain(NamedTuple):
    """A recurrence of products in whole numbers.

    Attributes:
        products: The places of the nodes that multiply by the same weights, in order.
        reason: Why it is no GRU, in words.

    """

    products: tuple[int, ...]
    reason: str


def find_integer_chains(scope: Scope, *, between_quantisers: bool) -> list[IntegerChain]:
    """Find the recurrences among a scope's nodes whose products are of whole numbers; one for each.

    Args:
        scope: The scope.
        between_quantisers: Whether to look for products of floats that were just dequantised, too.

    """
    by_weight: dict[str, list[int]] = {}
    for index, node in enumerate(scope.nodes):
        weight = _weight(node) or (_dequantised_weight(scope, node) if between_quantisers else "")
        if weight and weight not in scope.producers:
            by_weight.setdefault(weight, []).append(index)
    found: list[IntegerChain] = []
    for products in by_weight.values():
        if len(products) < 2:
            continue
        between = _made_between(scope, products[-2], products[-1])
        if not between or any(_is_same(scope, chain.products, products) for chain in found):
            continue
        kinds = dict.fromkeys(scope.nodes[index].op_type for index in sorted(between))
        rounding = [kind for kind in kinds if kind in QUANTISERS]
        verb = "rounds" if len(rounding) == 1 else "round"
        reason = f"quantised: {listed(rounding)} {verb} in its step, and a GRU rounds nothing"
        found.append(IntegerChain(tuple(products), reason))
    return found


def _weight(node: NodeProto) -> str:
    """Return the weights that a node multiplies whole numbers by, ``""`` if it does not."""
    place = WEIGHT_AT.get(node.op_type)
    return "" if place is None or len(node.input) <= place else node.input[place]


def _dequantised_weight(scope: Scope, node: NodeProto) -> str:
    """Return the weights in whole numbers behind both of whose operands a node has a DequantizeLinear, else ``""``."""
    if node.op_type not in ("MatMul", "Gemm"):
        return ""
    makers = [scope.nodes[scope.producers[name]] for name in node.input[:2] if name in scope.producers]
    if len(makers) < 2 or any(maker.op_type != "DequantizeLinear" for maker in makers):
        return ""
    return "" if makers[0].input[0] not in scope.producers else makers[1].input[0]


def _is_same(scope: Scope, chain: Iterable[int], products: list[int]) -> bool:
    """Whether products belong to a recurrence that was found: each is made of what the other made a step before."""
    *_, before, last = chain
    ours = _made_between(scope, before, products[-1]), _made_between(scope, products[-2], last)
    return all(ours)


def _made_between(scope: Scope, first: int, last: int) -> set[int]:
    """Return the nodes on the way from one to a later one, both included; none where there is no way."""
    made = set(scope.nodes[first].output)
    reached = {first}
    for index in range(first + 1, last + 1):
        node = scope.nodes[index]
        if not made.isdisjoint(node.input):
            made.update(node.output)
            reached.add(index)
    if last not in reached:
        return set()
    needed, wanted = {last}, set(scope.nodes[last].input)
    for index in range(last - 1, first - 1, -1):
        if index in reached and not wanted.isdisjoint(scope.nodes[index].output):
            needed.add(index)
            wanted.update(scope.nodes[index].input)
    return needed
