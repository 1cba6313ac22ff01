"""Proof of unrolled steps: Y[t] is the operator's state after t steps from initial_h, for every t."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse.algebra import Stack
from gru_lower.passes.proving.operator import NotShownError

if TYPE_CHECKING:
    from gru_lower.passes.fuse.algebra import Algebra, Poly
    from gru_lower.passes.proving.operator import Operator


def prove(operator: Operator, y: Poly | None, y_h: Poly | None) -> None:
    """Show that Y and Y_h of one direction are the operator's.

    Args:
        operator: The direction.
        y: Y, its first free axis the steps; ``None`` where nobody asks for it.
        y_h: Y_h, the same.

    Raises:
        NotShownError: They are not, for all that could be shown.

    """
    algebra, count = operator.algebra, operator.site.length
    if not isinstance(count, int):
        raise NotShownError("the number of steps is not known")
    state = operator.initial()
    states: list[Poly] = [algebra.zero] * count
    for step in range(count):
        place = count - 1 - step if operator.direction.reverse else step
        state = states[place] = operator.step(operator.x(step), state)
    if y_h is not None and not same(algebra, y_h, state):
        raise NotShownError("Y_h is not the last state")
    if y is None:
        return
    atom = None if y.atom is None else algebra.atoms[y.atom]
    parts = atom.parts if isinstance(atom, Stack) else (y,)
    if len(parts) != count or not all(same(algebra, one, two) for one, two in zip(parts, states, strict=True)):
        raise NotShownError("Y is not the states, one after the other")


def same(algebra: Algebra, one: Poly, other: Poly | None) -> bool:
    """Whether two polynomials are one, looked at as a whole or not."""
    return other is not None and algebra.whole.get(one, one) is algebra.whole.get(other, other)
