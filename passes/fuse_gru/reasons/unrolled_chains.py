"""Recurrences among the values of a scope: states that the same matrix multiplies, each made of the one before.

A matrix that multiplies the same states as another belongs to the same recurrence, and so does one that multiplies
what is made between two of them. Layers that share their weights are no recurrence: each reads nothing of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gru_lower.passes.fuse_gru.algebra.atoms import Function, Leaf, MatrixProduct
from gru_lower.passes.fuse_gru.algebra.linear_split import split_linear
from gru_lower.passes.fuse_gru.reasons.recurrent_step import RecurrentStep

if TYPE_CHECKING:
    from collections.abc import Container

    from gru_lower.passes.fuse_gru.algebra.matrices import Matrix
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.tensors.scope_values import ScopeValues


class Chain(NamedTuple):
    """The states of one recurrence, but for the last one, which no matrix need multiply.

    Attributes:
        states: The atoms of the states, in the order of the steps.

    """

    states: tuple[int, ...]


def find_chains(values: ScopeValues, known: Container[int]) -> list[Chain]:
    """Find recurrences.

    Args:
        values: The scope.
        known: Atoms of states that belong to recurrences that were found before.

    """
    algebra = values.algebra
    multiplied: dict[Matrix, list[int]] = {}
    for atom in algebra.atoms:
        if isinstance(atom, MatrixProduct):
            multiplied.setdefault(atom.matrix, []).append(atom.atom)
    found = list[Chain]()
    for listed in dict.fromkeys(tuple(sorted(set(atoms))) for atoms in multiplied.values()):
        if (
            len(listed) < 2
            or not _follows(values, listed[-1], listed[-2])
            or not _follows(values, listed[1], listed[0])
        ):
            continue
        found.append(Chain(listed))
    blends = [chain for chain in found if _bare_in_next(values, chain)]
    return [
        chain
        for chain in found
        if not any(state in known for state in chain.states)
        and not any(_is_between(values, chain, other) for other in blends)
        and _reads_of_its_own(values, *chain.states[-2:])
    ]


def _follows(values: ScopeValues, state: int, before: int) -> bool:
    return state > before and RecurrentStep(values, values.algebra.zero, before).hangs(state)


def _is_between(values: ScopeValues, chain: Chain, other: Chain) -> bool:
    """Whether the atoms of a chain are made within the steps of a blend, such as the states behind a reset gate."""
    if chain is other:
        return False
    if set(other.states) < set(chain.states):
        return True
    if chain.states[-1] == other.states[-1] or other.states[-1] <= chain.states[-2]:
        return False
    return _follows(values, chain.states[-1], other.states[-2]) and _follows(values, other.states[-1], chain.states[-2])


def _bare_in_next(values: ScopeValues, chain: Chain) -> bool:
    """Whether a state is in the next one as it is, as in a blend."""
    algebra = values.algebra
    before, state = chain.states[-2:]
    poly = algebra.definition_of(algebra.poly_of(state))
    return any(before in mono for mono, _ in poly.terms)


def _reads_of_its_own(values: ScopeValues, before: int, state: int) -> bool:
    """Whether a step reads a value that is no constant and that the step before did not read."""
    step = RecurrentStep(values, values.algebra.zero, before)
    seen, pending = set[int](), list(step.parts(state))
    while pending:
        serial = pending.pop()
        if serial in seen or serial == before:
            continue
        seen.add(serial)
        if step.hangs(serial):
            pending += step.parts(serial)
        elif isinstance(values.algebra.atoms[serial], (MatrixProduct, Leaf)) and _varies(values, serial):
            return True
    return False


def _varies(values: ScopeValues, serial: int) -> bool:
    """Whether an atom is more than a constant."""
    algebra = values.algebra
    atom = algebra.atoms[serial]
    if isinstance(atom, MatrixProduct):
        return _varies(values, atom.atom)
    return isinstance(atom, Leaf) and atom.source not in algebra.constants


def step_of(values: ScopeValues, chain: Chain, state: Poly | None = None) -> RecurrentStep:
    """Return the last step of a chain.

    Args:
        values: The scope.
        chain: The chain.
        state: The state after the last of the chain's, where one is known; else that is taken for the new one.

    """
    algebra = values.algebra
    *earlier, before, last = chain.states
    if state is None:
        state = algebra.definition_of(algebra.poly_of(last))
    else:
        earlier, before = [*earlier, before], last
    others = {}
    for back, serial in enumerate(reversed(earlier)):
        atom = algebra.atoms[serial]
        if isinstance(atom, Leaf):
            others[atom.source] = "the state before the last" if back == 0 else "a state further back"
    return RecurrentStep(values, state, before, others)


class UnreadBlend(NamedTuple):
    """A state that is a gate's blend of another one, which no matrix multiplies.

    Attributes:
        state: The state, as the scope has it.
        step: The step that makes it.

    """

    state: Poly
    step: RecurrentStep


def find_unread_blends(values: ScopeValues) -> UnreadBlend | None:
    """Find states that no matrix multiplies, each a gate's blend of the one before, as a minGRU's: the last of them.

    Such states are written out in one another, until they are too long for that.
    """
    algebra = values.algebra
    last: tuple[Poly, Poly, Poly, Poly] | None = None
    for poly in values.named_tensors:
        if poly.degree < 2:
            continue
        for serial in dict.fromkeys(entry for mono, _ in poly.terms for entry in mono):
            atom = algebra.atoms[serial]
            if not isinstance(atom, Function) or atom.op not in ("Sigmoid", "HardSigmoid"):
                continue
            parts = split_linear(algebra, poly, serial)
            if parts is None:
                continue
            own = _matrices(values, serial)
            for before, candidate in (parts[0], algebra.add(*parts)), (algebra.add(*parts), parts[0]):
                if before in values.named_tensors and before.degree > 1 and own & _gates(values, before):
                    kept = (
                        algebra.poly_of(serial)
                        if before is not parts[0]
                        else algebra.complement(algebra.poly_of(serial))
                    )
                    last = poly, before, candidate, kept
    if last is None:
        return None
    state, before, candidate, kept = last
    previous = algebra.new_atom(before)
    blend = algebra.add(algebra.mul(kept, algebra.poly_of(previous)), algebra.mul(algebra.complement(kept), candidate))
    return UnreadBlend(state, RecurrentStep(values, blend, previous))


def _gates(values: ScopeValues, poly: Poly) -> set[Matrix]:
    return {each for mono, _ in poly.terms for serial in mono for each in _matrices(values, serial)}


def _matrices(values: ScopeValues, serial: int) -> set[Matrix]:
    """Return the matrices in what a function is applied to."""
    algebra = values.algebra
    function = algebra.atoms[serial]
    if not isinstance(function, Function):
        return set()
    atoms = [algebra.atoms[entry] for poly in function.arguments for mono, _ in poly.terms for entry in mono]
    return {atom.matrix for atom in atoms if isinstance(atom, MatrixProduct)}
