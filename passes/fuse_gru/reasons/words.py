"""Terms of polynomials in the names a model's author knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.atoms import Broadcast, Function, Leaf, MatrixProduct, Stack
from gru_lower.passes.fuse_gru.algebra.polynomials import ONE
from gru_lower.passes.fuse_gru.algebra.sources import NamedValue
from gru_lower.passes.fuse_gru.loops.loop_outputs import LoopOutput

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.polynomials import Coefficient, Monomial
    from gru_lower.passes.fuse_gru.tensors.scope_values import ScopeValues


def term(values: ScopeValues, mono: Monomial, factor: Coefficient = 1.0) -> str:
    """Return a monomial in words: the names of its factors, behind a number that is not 1.

    Args:
        values: The scope.
        mono: The monomial.
        factor: What it is multiplied by.

    """
    names = [name(values, serial) for serial in mono]
    if isinstance(factor, float) and abs(factor) != 1.0 and any(mono):
        names.insert(0, f"{abs(factor):.4g}")
    return " · ".join(names) or "a constant"


def name(values: ScopeValues, serial: int) -> str:
    """Return an atom in words."""
    algebra = values.algebra
    if serial == ONE:
        return "a constant"
    home = values.named_tensors.get(algebra.poly_of(serial))
    if home is not None:
        return home.name
    match algebra.atoms[serial]:
        case Leaf() as leaf:
            return _leaf(values, leaf)
        case Function() as function:
            return f"{function.op}(...)"
        case MatrixProduct() as product:
            return f"a matrix · {name(values, product.atom)}"
        case Stack():
            return "stacked steps"
        case Broadcast():
            return "a value repeated"


def _leaf(values: ScopeValues, leaf: Leaf) -> str:
    source = leaf.source
    if source in values.algebra.definitions:
        if isinstance(source, LoopOutput):
            return source.name
        home = values.named_tensors.get(values.algebra.definitions[source])
        return "a product of states" if home is None else home.name
    return source.name if isinstance(source, NamedValue) else "a constant"
