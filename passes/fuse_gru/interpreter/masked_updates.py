"""States that a mask keeps from being updated, as polynomials.

h + m (new - h)         a state that is new where the mask m is 1, and what it was where it is 0
m new                   what such a step gives out, if it is the operator's sequence_lens
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.errors import TooLargeError
from gru_lower.passes.fuse_gru.algebra.linear_split import split_linear
from gru_lower.passes.fuse_gru.interpreter.masks import mask_leaf, reduce_powers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.tensors.scope_values import ScopeValues


class MaskedUpdate(NamedTuple):
    """A polynomial that is one of two, as a mask says.

    Attributes:
        mask: The mask's leaf.
        live: Whether a step is taken where the mask is 1; else it is where the mask is 0.
        before: The polynomial where no step is taken.
        new: The polynomial where one is.
        outputs: What is new where a step is taken, and 0 elsewhere, as it may be written.

    """

    mask: Leaf
    live: bool
    before: Poly
    new: Poly
    outputs: tuple[Poly, ...]


def masked_updates(values: ScopeValues, poly: Poly) -> Iterator[MaskedUpdate]:
    """Yield every way in which a mask decides what a polynomial is.

    Args:
        values: The scope or body it is computed in.
        poly: The polynomial.

    """
    algebra = values.algebra
    masks = {
        serial: leaf
        for serial in dict.fromkeys(serial for mono, _ in poly.terms for serial in mono)
        if (leaf := mask_leaf(values, serial)) is not None
    }
    for serial, leaf in masks.items():
        parts = split_linear(algebra, reduce_powers(algebra, poly, serial), serial)
        if parts is None:
            continue
        without, times = parts
        one = algebra.add(without, times)
        gate = algebra.poly({(serial,): 1.0})
        if _is_state(algebra, without):
            yield MaskedUpdate(leaf, live=True, before=without, new=one, outputs=_products(algebra, gate, one, poly))
        if _is_state(algebra, one):
            rest = algebra.add(algebra.constant(1.0), algebra.scale(gate, -1.0))
            outputs = _products(algebra, rest, without, poly)
            yield MaskedUpdate(leaf, live=False, before=one, new=without, outputs=outputs)


def _products(algebra: Algebra, gate: Poly, *polys: Poly) -> tuple[Poly, ...]:
    made = []
    for poly in polys:
        try:
            made.append(algebra.mul(gate, poly))
        except TooLargeError:
            continue  # no value of the graph is such a product, then
    return tuple(made)


def _is_state(algebra: Algebra, poly: Poly) -> bool:
    return not poly.terms or (poly.atom is not None and isinstance(algebra.atoms[poly.atom], Leaf))
