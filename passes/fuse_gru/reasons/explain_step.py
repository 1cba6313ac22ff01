"""The sentence on a step of a recurrence that is no GRU.

What is said has to be true of the cell: the polynomials are read as a person would read the code, from the new state
inwards, and what is met first that no GRU has is named. Where nothing is found, that is what is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.atoms import Function, Leaf, MatrixProduct
from gru_lower.passes.fuse_gru.algebra.errors import TooLargeError
from gru_lower.passes.fuse_gru.algebra.linear_split import split_linear
from gru_lower.passes.fuse_gru.reasons import words
from gru_lower.passes.fuse_gru.reasons.cell_parts import why_parts_do_not_fit
from gru_lower.passes.fuse_gru.reasons.pre_activation import opened, part_of, step_sum
from gru_lower.passes.fuse_gru.reasons.rounded_numbers import reason_in_numbers
from gru_lower.passes.fuse_gru.reasons.update_share import NO_BLEND, read_update

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.reasons.recurrent_step import RecurrentStep

LSTM = "an LSTM: a gate times a function of another state is put out, and it is that state that is blended"


def explain(step: RecurrentStep) -> str | None:
    """Say why a step is no GRU's; ``None`` if nothing is found that no GRU has."""
    try:
        return reason_in_numbers(step) or _explain(step)
    except TooLargeError:
        return "its step has more terms than a GRU's"


def _explain(step: RecurrentStep) -> str | None:
    algebra, state = step.algebra, step_sum(step, opened(step, step.state))
    if is_lstm(step, state):
        return LSTM
    parts = split_linear(algebra, state, step.previous)
    if parts is None:
        return "the old state stands squared in the new one"
    rest, share = parts
    if not share.terms:
        return _without_old_state(step, state)
    update = read_update(step, share, rest)
    return update if isinstance(update, str) else why_parts_do_not_fit(step, update)


def is_lstm(step: RecurrentStep, state: Poly) -> bool:
    """Whether a state is a gate times a function of a state that is a blend itself."""
    algebra = step.algebra
    if len(state.terms) != 1 or len(state.terms[0][0]) != 2:
        return False
    for serial in state.terms[0][0]:
        atom = algebra.atoms[serial]
        if not isinstance(atom, Function) or atom.op in ("Sigmoid", "HardSigmoid"):
            continue
        inside = algebra.definition_of(atom.arguments[0])
        if any(len(mono) > 1 for mono, _ in inside.terms):
            return True
    return False


def _without_old_state(step: RecurrentStep, state: Poly) -> str | None:
    """Say what a new state is that holds the old one only inside of functions or products with matrices."""
    algebra = step.algebra
    if len(state.terms) == 1 and len(state.terms[0][0]) == 1:
        serial = state.terms[0][0][0]
        part = None if isinstance(algebra.atoms[serial], MatrixProduct) else part_of(step, serial)
        if part is not None:
            return _function_of(step, part.op, part.sum) if part.is_function else None
    for serial in dict.fromkeys(entry for mono, _ in state.terms for entry in mono):
        other = step.other_state(serial)
        if other is not None and any(len(mono) > 1 and serial in mono for mono, _ in state.terms):
            return f"what its gate blends with the candidate is {other}, not the state"
    if all(len(mono) == 1 and isinstance(algebra.atoms[mono[0]], (MatrixProduct, Leaf)) for mono, _ in state.terms):
        return "it has no gate: the new state is linear in the old one"
    if len(state.terms) == 1:
        product = words.term(step.values, state.terms[0][0])
        return f"the new state is a product, {product}, and holds no share of the old one"
    for serial in dict.fromkeys(entry for mono, _ in state.terms for entry in mono):
        atom = algebra.atoms[serial]
        if isinstance(atom, Function) and atom.arguments[0].atom == step.previous:
            return f"what is blended is {atom.op} of the old state, not the old state itself"
    return f"{NO_BLEND}: the old state has no share in it but inside of functions"


def _function_of(step: RecurrentStep, op: str, inside: Poly) -> str:
    """Say what a new state is that is a function."""
    algebra = step.algebra
    parts = split_linear(algebra, inside, step.previous)
    if parts is None or (parts[1].terms and any(any(mono) for mono, _ in parts[1].terms)):
        return f"the new state is {op} of a blend, where a GRU's is the blend itself"
    if parts[1].terms:
        return f"it has no gate: the new state is {op} of the old one and more"
    affine = all(
        len(mono) == 1 and (not mono[0] or isinstance(algebra.atoms[mono[0]], (MatrixProduct, Leaf)))
        for mono, _ in inside.terms
        if mono
    )
    if affine:
        return f"it has no gate: the new state is {op} of a sum, as in an Elman RNN"
    return f"the new state is {op} of a value that hangs on the old one, no gate's blend"
