"""Tell which values are states of recurrences: one state, or several of them stacked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gru_lower.passes.fuse_gru.algebra.atoms import Stack

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.recognition.recurrence import Recurrence

LAST = -1
"""The time of the state that a masked recurrence ends with, which need not be the output of its last step."""


class StatePlace(NamedTuple):
    """Where a state belongs.

    Attributes:
        recurrence: The recurrence's number in its scope.
        time: After which step, from 0; 0 in a loop, :data:`LAST` for the state a masked recurrence ends with.

    """

    recurrence: int
    time: int


class StateSelection(NamedTuple):
    """The states of a recurrence that a value holds.

    Attributes:
        recurrence: The recurrence's number in its scope.
        times: After which steps, ``None`` for all.
        stacked: Whether there is a first axis for them; otherwise it is one state.
        backwards: Whether the last comes first, where all are meant.
        repeated_initial: With masks: the name of the value that masked steps repeat before there is an output, ``""``
            for zeros; ``None`` where masked steps give 0.

    """

    recurrence: int
    times: tuple[int, ...] | None
    stacked: bool
    backwards: bool = False
    repeated_initial: str | None = None


def places_of_states(algebra: Algebra, recurrences: list[Recurrence]) -> dict[Poly, StatePlace]:
    """Return the place of every polynomial that is a state."""
    found: dict[Poly, StatePlace] = {}
    for number, recurrence in enumerate(recurrences):
        if recurrence.masks:
            found.update(_places_of_masked_states(algebra, recurrence, number))
            continue
        for time, cell in enumerate(recurrence.cells):
            found[cell.state] = StatePlace(number, time)
            whole = algebra.atom_of.get(cell.state)
            if whole is not None:
                found[whole] = StatePlace(number, time)
    return found


def atoms_of_states(algebra: Algebra, recurrences: list[Recurrence]) -> dict[int, StatePlace]:
    """Return the place of every atom that is a state."""
    places = places_of_states(algebra, recurrences)
    return {poly.atom: place for poly, place in places.items() if poly.atom is not None}


def _places_of_masked_states(algebra: Algebra, recurrence: Recurrence, number: int) -> dict[Poly, StatePlace]:
    found = {output: StatePlace(number, time) for time, gate in enumerate(recurrence.masks) for output in gate.outputs}
    if recurrence.last_state is not None:
        found[recurrence.last_state] = StatePlace(number, LAST)
    found.update({algebra.atom_of[poly]: place for poly, place in list(found.items()) if poly in algebra.atom_of})
    return found


def states_in(algebra: Algebra, places: dict[Poly, StatePlace], poly: Poly) -> StateSelection | None:
    """Return the states of unrolled cells that a polynomial is, one or several stacked.

    Args:
        algebra: The tables.
        places: The place of every state.
        poly: The polynomial.

    """
    place = places.get(poly)
    if place is not None:
        return StateSelection(place.recurrence, (place.time,), stacked=False)
    atom = None if poly.atom is None else algebra.atoms[poly.atom]
    if not isinstance(atom, Stack):
        return None
    parts = [places.get(part) for part in atom.parts]
    numbers = {None if part is None else part.recurrence for part in parts}
    number = numbers.pop()
    if numbers or number is None:
        return None
    times = tuple(part.time for part in parts if part is not None)
    return None if LAST in times else StateSelection(number, times, stacked=True)


def states_side_by_side(
    algebra: Algebra, places: dict[Poly, StatePlace], poly: Poly
) -> tuple[StateSelection, ...] | None:
    """Return the states of unrolled cells that a polynomial is along an axis behind that of the steps: of directions.

    Args:
        algebra: The tables.
        places: The place of every state.
        poly: The polynomial.

    Returns:
        One for each index of that axis, ``None`` if the polynomial is anything else.

    """
    steps = algebra.atom_in(poly)
    inner = [algebra.atom_in(part) for part in steps.parts] if isinstance(steps, Stack) else []
    rows = [atom.parts for atom in inner if isinstance(atom, Stack)]
    if not rows or len(rows) < len(inner) or len({len(parts) for parts in rows}) > 1:
        return None
    found = [states_in(algebra, places, algebra.stack(column)) for column in zip(*rows, strict=True)]
    kept = tuple(selection for selection in found if selection is not None and selection.stacked)
    return kept if len(kept) == len(found) else None
