"""Constant sequence_lens in the unrolled form: which rows a step computes is known when it is written.

A step past every length is left out, one within all lengths is a step like any other, and in one between the old rows
are put in the place of the new ones that do not count, by a Gather with constant indices:

    H_t = Gather(Concat(H_t-1, H_t), own row of the old or of the new state)

No Where, and nothing that is not finite: what stands in the padding, NaN included, is not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.passes.lower_gru.variant import Variant


def valid_rows(lens: Sequence[int], step: int) -> tuple[bool, ...]:
    """Return for each sequence whether a step, counted from 0, is within its length."""
    return tuple(step < length for length in lens)


def keep_old_rows(e: Emitter, v: Variant, new: Value, old: Value | None, valid: Sequence[bool]) -> Value:
    """Return the state after a step: new rows where it is valid, old ones elsewhere.

    Args:
        e: Where to write.
        v: The variant; its batch is static.
        new: The state that the step computes, [B, H].
        old: The state before, or ``None`` for zeros.
        valid: For each sequence whether the step counts.

    """
    batch = len(valid)
    if old is None:
        old = e.tensor("zero_state", np.zeros((batch, v.hidden_size)))
    rows = e.op("Concat", [old, new], "Ht_old_and_new", axis=0)
    index = e.ints("Ht_rows", [row + batch * is_new for row, is_new in enumerate(valid)])
    return e.op("Gather", [rows, index], "Ht_kept", axis=0)


def all_states(e: Emitter, v: Variant, states: Sequence[Value], lens: Sequence[int], p: str) -> Value:
    """Return the states of all steps with zeros past the lengths, [T, B, H].

    Args:
        e: Where to write.
        v: The variant.
        states: The state after each step that is within some length, [B, H] each.
        lens: The lengths.
        p: What stands before local names.

    """
    length, batch = v.seq_length or 0, len(lens)
    rows = list(states)
    places = np.arange(length * batch).reshape(length, batch)
    valid = np.array([valid_rows(lens, step) for step in range(length)]).reshape(length, batch)
    if not valid.all():
        rows.append(e.tensor("zero_row", np.zeros((1, v.hidden_size))))
        places[~valid] = len(states) * batch
    joined = e.concat(rows, 0, f"{p}H_all")
    if not valid.all():
        joined = e.op("Gather", [joined, e.ints(f"{p}H_rows", places.reshape(-1).tolist())], f"{p}H_valid", axis=0)
    return e.reshape(joined, [length, batch, v.hidden_size], f"{p}Y_valid")


def empty_to_zero(e: Emitter, v: Variant, state: Value, lens: Sequence[int], name: str) -> Value:
    """Return the last states [B, H] with zeros for the sequences of length 0."""
    if all(lens):
        return state
    rows = e.op("Concat", [e.tensor("zero_row", np.zeros((1, v.hidden_size))), state], f"{name}_from", axis=0)
    index = e.ints(f"{name}_rows", [row + 1 if length else 0 for row, length in enumerate(lens)])
    return e.op("Gather", [rows, index], name, axis=0)
