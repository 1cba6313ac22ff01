"""Which values of a scope are states rather than matrices or biases, told from the nodes that use them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from gru_lower.graph.scopes import is_onnx

if TYPE_CHECKING:
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope

MICROSOFT = "com.microsoft"
VIEWS = {"Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Expand", "Cast", "Flatten", "Dropout"}
PRODUCTS = {"MatMul", "Gemm", "Einsum", "FusedGemm", "FusedMatMul"}
SCALING = {"Mul", "Div", "Add", "Sub", "Neg"}
ELEMENTWISE = {"Mul", "Sub", "Add", "Sum", "Where"}


class Roles(NamedTuple):
    """Names of values by their role in a scope.

    Attributes:
        constant_states: Constants that a matrix multiplies and that are used by element as well: they are looked at as
            leaves.
        data: Other values of that kind that no node of the scope makes.
        atomic: What a matrix multiplies after constants have scaled it: it is looked at as a whole.

    """

    constant_states: frozenset[str]
    data: frozenset[str]
    atomic: frozenset[str]


def find_roles(scope: Scope, facts: Facts) -> Roles:
    """Find a scope's states: a matrix multiplies a state, and it is used by element as well.

    A matrix is never used by element, and a bias is never multiplied by a matrix.

    Args:
        scope: The scope.
        facts: The model's side table.

    """
    root: dict[str, str] = {}
    scaled: dict[str, tuple[str, set[str]]] = {}
    wholes: list[tuple[str, set[str]]] = []
    fixed: set[str] = set()
    multiplied: set[str] = set()
    by_element: set[str] = set()

    @cache
    def outer(name: str) -> str:
        constant = facts.constant(scope, name) is not None
        if constant:
            fixed.add(name)
        return name if constant or name not in scope.producers else ""

    def kind(name: str) -> str:
        return root[name] if name in root else outer(name)

    for node in scope.nodes:
        if not (is_onnx(node) or node.domain == MICROSOFT):
            continue
        given = [kind(name) for name in node.input if name]
        if node.op_type in VIEWS and given and given[0]:
            root[node.output[0]] = given[0]
        elif node.op_type == "Concat" and any(given):
            root[node.output[0]] = next(filter(None, given))
        elif node.op_type in PRODUCTS:
            multiplied.update(filter(None, given[:2]))
            wholes += [scaled[name] for name in node.input[:2] if name in scaled]
        elif node.op_type in ELEMENTWISE and given and all(name in fixed for name in given):
            root[node.output[0]] = node.output[0]
            fixed.add(node.output[0])
        elif node.op_type in ELEMENTWISE and not all(name in fixed for name in given):
            by_element.update(filter(None, given))
        data = [name for name, of in zip(filter(None, node.input), given, strict=True) if of not in fixed]
        if len(data) == 1 and (node.op_type in SCALING or (node.op_type in VIEWS and data[0] in scaled)):
            before, by = scaled.get(data[0], (data[0], set()))
            scaled[node.output[0]] = before, by | set(given) & fixed
    found = multiplied & by_element
    whole = frozenset(name for name, by in wholes if by.isdisjoint(found))
    return Roles(frozenset(found & fixed), frozenset(found - fixed), whole)
