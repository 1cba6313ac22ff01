"""The update gate: a new state read as zt ∘ Ht_1 + (1 - zt) ∘ ht.

S = A + s·B is linear in a gate s.       A + B = Ht_1: the update gate is s,     the candidate A
                                         A = Ht_1:     the update gate is 1 - s, the candidate A + B
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gru_lower.passes.fuse_gru.algebra.atoms import Function, Leaf
from gru_lower.passes.fuse_gru.algebra.linear_split import split_linear
from gru_lower.passes.fuse_gru.recognition.errors import MismatchError
from gru_lower.passes.fuse_gru.recognition.gate_functions import GATE_FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly


class Blend(NamedTuple):
    """A new state as a gate's blend of the previous one and a candidate.

    Attributes:
        update: The update gate zt.
        previous: The previous state Ht_1: an atom, or 0.
        candidate: The candidate ht.

    """

    update: Poly
    previous: Poly
    candidate: Poly


def gates_in(algebra: Algebra, state: Poly) -> Iterator[int]:
    """Yield the atoms of a polynomial that are an activation of something."""
    for serial in dict.fromkeys(serial for mono, _ in state.terms for serial in mono):
        atom = algebra.atoms[serial]
        if isinstance(atom, Function) and atom.op in GATE_FUNCTIONS:
            yield serial


def blends(algebra: Algebra, state: Poly, gate: int) -> Iterator[Blend]:
    """Yield each way in which a gate may blend the previous state and a candidate.

    Args:
        algebra: The tables.
        state: The new state.
        gate: The atom of the gate.

    """
    parts = split_linear(algebra, state, gate)
    if parts is None:
        return
    without, times = parts
    both = algebra.add(without, times)
    s = algebra.poly_of(gate)
    if not both.terms or _is_state(algebra, both):
        yield Blend(s, both, without)
    if not without.terms or _is_state(algebra, without):
        yield Blend(algebra.add(algebra.constant(1.0), algebra.scale(s, -1.0)), without, both)


def unblended_terms(algebra: Algebra, state: Poly, gate: int) -> list[MismatchError]:
    """Say which terms keep A + B from being a state, where a state is among them."""
    parts = split_linear(algebra, state, gate)
    terms = () if parts is None else algebra.add(*parts).terms
    states = [
        mono
        for mono, factor in terms
        if factor == 1.0 and len(mono) == 1 and _is_state(algebra, algebra.poly({mono: 1.0}))
    ]
    rest = [mono for mono, _ in terms if mono not in states]
    if len(states) != 1 or not rest:
        return []
    where = "the update (the shares of old state and candidate do not come to 1)"
    return [MismatchError(where, state, rest[0], depth=0)]


def _is_state(algebra: Algebra, poly: Poly) -> bool:
    return poly.atom is not None and isinstance(algebra.atoms[poly.atom], Leaf)
