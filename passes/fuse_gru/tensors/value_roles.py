"""Which values of a scope are states rather than matrices or biases, told from the nodes that use them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from gru_lower.graph.scopes import ONNX_DOMAINS

if TYPE_CHECKING:
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope

MICROSOFT = "com.microsoft"
VIEWS = {"Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Expand", "Cast", "Flatten", "Dropout"}
PRODUCTS = {"MatMul", "Gemm", "Einsum", "FusedGemm", "FusedMatMul"}
SCALING = {"Mul", "Div", "Add", "Sub", "Neg"}
ELEMENTWISE = {"Mul", "Sub", "Add", "Sum", "Where"}
LOOKED_AT = VIEWS | PRODUCTS | SCALING | ELEMENTWISE | {"Concat"}


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
        if facts.is_made(scope, name):
            return ""
        constant = facts.constant(scope, name) is not None
        if constant:
            fixed.add(name)
        return name if constant or name not in scope.producers else ""

    def kind(name: str) -> str:
        return root[name] if name in root else outer(name)

    read = scope.columns
    for op_type, domain, inputs, outputs in zip(read.op_types, read.domains, read.inputs, read.outputs, strict=True):
        if op_type not in LOOKED_AT or not (domain in ONNX_DOMAINS or domain == MICROSOFT):
            continue
        names = [name for name in inputs if name]
        given = [kind(name) for name in names]
        if op_type in VIEWS and given and given[0]:
            root[outputs[0]] = given[0]
        elif op_type == "Concat" and any(given):
            root[outputs[0]] = next(filter(None, given))
        elif op_type in PRODUCTS:
            multiplied.update(filter(None, given[:2]))
            wholes += [scaled[name] for name in inputs[:2] if name in scaled]
        elif op_type in ELEMENTWISE and given and all(name in fixed for name in given):
            root[outputs[0]] = outputs[0]
            fixed.add(outputs[0])
        elif op_type in ELEMENTWISE and not all(name in fixed for name in given):
            by_element.update(filter(None, given))
        data = [name for name, of in zip(names, given, strict=True) if of not in fixed]
        if len(data) == 1 and (op_type in SCALING or (op_type in VIEWS and data[0] in scaled)):
            before, by = scaled.get(data[0], (data[0], set()))
            scaled[outputs[0]] = before, by | set(given) & fixed
    found = multiplied & by_element
    whole = frozenset(name for name, by in wholes if by.isdisjoint(found))
    return Roles(frozenset(found & fixed), frozenset(found - fixed), whole)
