"""Read a polynomial as the new state of a GRU's step: the cell that computes it, if there is one.

The update gate is found first, then the candidate's activation, then the reset gate inside of it. The cell that was
read is then written down again as a polynomial; it is a GRU's step if and only if that is the polynomial it was read
from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gru_lower.passes.fuse_gru.algebra.atoms import Function
from gru_lower.passes.fuse_gru.algebra.errors import TooLargeError
from gru_lower.passes.fuse_gru.algebra.function_identities import SATURATED
from gru_lower.passes.fuse_gru.recognition.cell import Cell
from gru_lower.passes.fuse_gru.recognition.errors import MismatchError
from gru_lower.passes.fuse_gru.recognition.gate_functions import Activated, read_candidate, read_gate
from gru_lower.passes.fuse_gru.recognition.pre_activation import PreActivation, read_pre_activation
from gru_lower.passes.fuse_gru.recognition.projected_input import may_be_input, with_shared_inputs
from gru_lower.passes.fuse_gru.recognition.reset_gate import ResetReading, reset_readings
from gru_lower.passes.fuse_gru.recognition.step_polynomial import step_polynomial
from gru_lower.passes.fuse_gru.recognition.update_gate import Blend, blends, gates_in, unblended_terms

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly


class CellReadings(NamedTuple):
    """The ways to read a polynomial as a GRU's step.

    Attributes:
        cells: The cells it may be; a state of zeros leaves several.
        mismatches: Why it could not be read in other ways, what says most first.

    """

    cells: list[Cell]
    mismatches: list[MismatchError]


def read_cells(algebra: Algebra, state: Poly) -> CellReadings:
    """Read a polynomial as a GRU's step.

    Args:
        algebra: The tables.
        state: The polynomial.

    """
    found: list[Cell] = []
    mismatches: list[MismatchError] = []
    if state.degree < 2:
        return CellReadings(found, mismatches)
    if len(state.terms) == 1 and not all(isinstance(algebra.atoms[serial], Function) for serial in state.terms[0][0]):
        return CellReadings(found, mismatches)  # r ∘ Ht_1; a step from zeros has the candidate for a factor
    for gate in gates_in(algebra, state):
        ways = list(blends(algebra, state, gate))
        if not ways:
            mismatches += unblended_terms(algebra, state, gate)
        for blend in ways:
            try:
                found += _cells_of(algebra, state, blend)
            except MismatchError as mismatch:
                mismatches.append(mismatch)
            except TooLargeError:
                mismatches.append(MismatchError("the step has more terms than a GRU's"))
    mismatches.sort(key=lambda mismatch: -mismatch.depth)
    return CellReadings(found, mismatches if len(state.terms) > 1 else [])


def _cells_of(algebra: Algebra, state: Poly, blend: Blend) -> list[Cell]:
    """Return the cells that a blend of a gate may be.

    Raises:
        MismatchError: It is no step of a GRU.

    """
    previous = blend.previous.atom
    update = read_gate(algebra, blend.update, "the update gate")
    z = read_pre_activation(
        algebra, update.pre_activation, previous, "the update gate", lambda atom: may_be_input(algebra, atom, previous)
    )
    if previous is not None and not z.state:
        raise MismatchError("the update gate does not read the state")
    candidate = read_candidate(algebra, blend.candidate)
    bound = update.clip if update.clip is not None else candidate.clip
    # Sigmoids and tanh do not feel a bound so far off; whether theirs are such is seen when the step is written down.
    if update.clip != candidate.clip and (
        bound is None or bound < SATURATED or None not in (update.clip, candidate.clip)
    ):
        raise MismatchError("the gates and the candidate are clipped differently")
    found = []
    mismatch = MismatchError("the candidate does not read the state through the reset gate")
    for reading in reset_readings(algebra, candidate.pre_activation, previous):
        try:
            _check_gates_differ(algebra, reading.gate, blend.update)
            r = _reset_pre_activation(algebra, reading.gate, previous, update)
            h, recurrent = _candidate_pre_activation(algebra, reading, previous, [z, r or z])
            shared = with_shared_inputs(algebra, [z, h] if r is None else [z, h, r])
        except MismatchError as other:
            mismatch = other
            mismatch.depth = 2
            continue
        linear = reading.linear_before_reset
        own_r = None if r is None else shared[2]
        cell = Cell(
            state, previous, update.function, candidate.function, bound, linear, shared[0], own_r, shared[1], recurrent
        )
        if step_polynomial(algebra, cell) is state:
            found.append(cell)
    if not found:
        raise mismatch
    return found


def _check_gates_differ(algebra: Algebra, r: Poly | None, z: Poly) -> None:
    if r is not None and (r is z or algebra.add(r, z) is algebra.constant(1.0)):
        raise MismatchError("the reset gate and the update gate are the same gate, as in a minimal gated unit")


def _reset_pre_activation(
    algebra: Algebra, gate: Poly | None, previous: int | None, update: Activated
) -> PreActivation | None:
    """Return the reset gate's pre-activation, ``None`` without a gate.

    Raises:
        MismatchError: Its activation is not the update gate's, or it does not read the state.

    """
    if gate is None:
        return None
    reset = read_gate(algebra, gate, "the reset gate")
    if reset.function != update.function or reset.clip != update.clip:
        raise MismatchError("the reset gate's function is not the update gate's")
    r = read_pre_activation(
        algebra, reset.pre_activation, previous, "the reset gate", lambda atom: may_be_input(algebra, atom, previous)
    )
    if previous is not None and not r.state:
        raise MismatchError("the reset gate does not read the state")
    return r


def _multiplied(gate: PreActivation) -> set[int]:
    """Return the inputs of a gate that a matrix of the model multiplies: those of one GRU's gates are the same."""
    return {atom for atom, products in gate.inputs if not all(product.matrix.selects for product in products)}


def _candidate_pre_activation(
    algebra: Algebra, reading: ResetReading, previous: int | None, gates: list[PreActivation]
) -> tuple[PreActivation, PreActivation | None]:
    """Return the candidate's pre-activation, and with linear_before_reset what the reset gate multiplies.

    Args:
        algebra: The tables.
        reading: The candidate's pre-activation with the reset gate told apart.
        previous: The atom of Ht_1.
        gates: The gates' pre-activations.

    Raises:
        MismatchError: The candidate reads the state otherwise, or another input than the gates do.

    """
    linear = reading.linear_before_reset
    state = previous
    if linear is False:
        assert reading.multiplied is not None
        state = algebra.as_atom(reading.multiplied)
    h = read_pre_activation(
        algebra,
        reading.rest,
        state,
        "the candidate",
        lambda atom: atom != previous and may_be_input(algebra, atom, previous),
    )
    recurrent = None
    if linear:
        assert reading.multiplied is not None
        if h.state:
            raise MismatchError("the candidate reads the state outside of the reset gate")
        recurrent = read_pre_activation(algebra, reading.multiplied, previous, "what the reset gate multiplies")
        if recurrent.inputs or (previous is not None and not recurrent.state):
            raise MismatchError("what the reset gate multiplies")
    if not h.inputs or any(_multiplied(gate) != _multiplied(h) for gate in gates):
        raise MismatchError("the gates do not read the same input")
    if not linear and previous is not None and (not h.state or any(atom == previous for atom, _ in h.inputs)):
        raise MismatchError("the candidate does not read the state through the reset gate")
    return h, recurrent
