"""The recurrences among a scope's values that are no GRU: one rejection for each, that of its last state."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.reasons.recurrent_step import RecurrentStep
from gru_lower.passes.fuse_gru.reasons.unrolled_chains import find_chains, find_unread_blends, step_of
from gru_lower.passes.fuse_gru.reasons.update_share import NO_BLEND
from gru_lower.passes.fuse_gru.recognition.errors import MismatchError
from gru_lower.passes.fuse_gru.recognition.rejection_reason import Rejection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.reasons.unrolled_chains import Chain
    from gru_lower.passes.fuse_gru.recognition.recurrence import Recurrence


def one_for_each_chain(
    interpreter: Interpreter, grus: Sequence[Recurrence], rejected: Sequence[Rejection]
) -> list[Rejection]:
    """Return one rejection for each recurrence of a scope that is no GRU.

    Args:
        interpreter: The scope.
        grus: The recurrences that are GRUs.
        rejected: The values that look like a step and are none.

    """
    algebra = interpreter.algebra
    known = {cell.previous for gru in grus for cell in gru.cells if cell.previous is not None}
    states = [algebra.atom_of[cell.state].atom for gru in grus for cell in gru.cells if cell.state in algebra.atom_of]
    known.update(state for state in states if state is not None)
    chains = find_chains(interpreter, known)
    readers = _last_of_chains(interpreter, rejected)
    found = [_of_chain(interpreter, chain, readers) for chain in chains]
    chained = {serial for chain in chains for serial in chain.states}
    for serial, rejection in readers.items():
        if serial not in chained and not any(each.state is rejection.state for each in found):
            found.append(replace(rejection, step=RecurrentStep(interpreter, rejection.state, serial)))
    unread = find_unread_blends(interpreter) if not grus and not found else None
    if unread is not None:
        found.append(Rejection(unread.state, (MismatchError(NO_BLEND),), step=unread.step))
    return found


def _of_chain(interpreter: Interpreter, chain: Chain, readers: dict[int, Rejection]) -> Rejection:
    rejection = readers.get(chain.states[-1])
    step = step_of(interpreter, chain, None if rejection is None else rejection.state)
    if rejection is None:
        return Rejection(step.state, (MismatchError(NO_BLEND),), step=step)
    return replace(rejection, step=step)


def _last_of_chains(interpreter: Interpreter, rejected: Sequence[Rejection]) -> dict[int, Rejection]:
    """Return the last state of each chain of steps, with all its terms, by the state before."""
    algebra = interpreter.algebra
    atoms: dict[int, Rejection] = {}
    for rejection in rejected:
        whole = algebra.atom_of.get(rejection.state)
        if whole is not None and whole.atom is not None:
            atoms[whole.atom] = rejection
    readers: dict[int, Rejection] = {}
    for rejection in rejected:
        for serial in {serial for mono, _ in rejection.state.terms for serial in mono} & atoms.keys():
            if serial not in readers or len(rejection.state.terms) > len(readers[serial].state.terms):
                readers[serial] = rejection
    read = {id(atoms[serial]) for serial in readers}
    return {serial: rejection for serial, rejection in readers.items() if id(rejection) not in read}
