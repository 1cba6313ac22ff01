"""Prove unrolled steps: Y[t] is the operator's state after t steps from initial_h, for every t."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.atoms import Stack
from gru_lower.proving.errors import NotShownError
from gru_lower.proving.mask_cases import MaskCases

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.proving.operator_step import Operator


def prove(operator: Operator, y: Poly | None, y_h: Poly | None) -> None:
    """Show that Y and Y_h of one direction are the operator's.

    Args:
        operator: The direction.
        y: Y, its first free axis the steps; ``None`` where nobody asks for it.
        y_h: Y_h, the same.

    Raises:
        NotShownError: They are not, for all that could be shown.

    """
    algebra, count = operator.algebra, operator.node.length
    if not isinstance(count, int):
        raise NotShownError("the number of steps is not known")
    if operator.node.masked and count == 1:
        _prove_one_step(operator, y, y_h)
        return
    if operator.node.masked:
        if y is not None and not MaskCases(algebra).own_masks(y):
            raise NotShownError("Y is not 0 after the last step of a sequence")
        y, y_h = operator.outputs(y, y_h)
        states = _masked_states(operator, y, y_h, count)
    else:
        states = _states(operator, count)
    if y_h is not None and not is_same(algebra, y_h, states[-1]):
        raise NotShownError("Y_h is not the last state")
    if y is None:
        return
    found, wanted = parts(algebra, y), states[::-1] if operator.direction.reverse else states
    if len(found) != count or not all(is_same(algebra, one, two) for one, two in zip(found, wanted, strict=True)):
        raise NotShownError("Y is not the states, one after the other")


def parts(algebra: Algebra, y: Poly) -> tuple[Poly, ...]:
    """Return what a polynomial has along its first free axis; itself where that is one value."""
    atom = None if y.atom is None else algebra.atoms[y.atom]
    return atom.parts if isinstance(atom, Stack) else (y,)


def _states(operator: Operator, count: int) -> list[Poly]:
    """Return the states after each step."""
    state = operator.initial()
    states = []
    for step in range(count):
        state = operator.step(operator.x(step), state)
        states.append(state)
    return states


def _prove_one_step(operator: Operator, y: Poly | None, y_h: Poly | None) -> None:
    """Show what Y and Y_h of one step are, where its mask is 1 and where it is 0.

    Raises:
        NotShownError: They are something else.

    """
    initial = operator.initial()
    cases = MaskCases(operator.algebra, _atom_of(initial))
    wanted = cases.with_masks(operator.step(operator.x(0), initial), 1.0)
    empty = None if operator.node.empty_is_zero else initial
    for made, otherwise in [(part, None) for part in (parts(operator.algebra, y) if y else ())] + [(y_h, empty)]:
        if made is None:
            continue
        cases.check_masks(made, operator.node.mask_of(0))
        if cases.with_masks(made, 1.0) is not wanted or cases.with_masks(made, 0.0) is not (
            otherwise or operator.algebra.zero
        ):
            raise NotShownError("an output is not the first step's")


def _masked_states(operator: Operator, y: Poly | None, y_h: Poly | None, count: int) -> list[Poly]:
    """Return what is there for the states after each step, read from the last one back to the first.

    Raises:
        NotShownError: They are not what a step makes of the one before where its mask is 1, and that one where it is 0.

    """
    algebra = operator.algebra
    if y is None:
        assert y_h is not None
        last = y_h
    else:
        last = parts(algebra, y)[0 if operator.direction.reverse else -1]
    states = []
    for step in reversed(range(count)):
        states.append(last)
        made = algebra.definition_of(last)
        before = MaskCases(algebra).with_masks(made, 0.0) if step else operator.initial()
        if not operator.is_step(made, before, step, _atom_of(before)):
            raise NotShownError("a state is not one step from the one before")
        last = before or algebra.zero
    return states[::-1]


def _atom_of(state: Poly | None) -> frozenset[int]:
    return frozenset() if state is None or state.atom is None else frozenset([state.atom])


def is_same(algebra: Algebra, one: Poly, other: Poly | None) -> bool:
    """Whether two polynomials are one, looked at as a whole or not."""
    return other is not None and algebra.atom_of.get(one, one) is algebra.atom_of.get(other, other)
