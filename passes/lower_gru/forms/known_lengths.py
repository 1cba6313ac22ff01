"""Constant sequence_lens in the unrolled form: which rows a step computes is known when it is written.

A step past every length is left out, one within all lengths is a step like any other, and in one between the old rows
are put in the place of the new ones that do not count, by a Gather with constant indices:

    H_t = Gather(Concat(H_t-1, H_t), own row of the old or of the new state)

or, for targets that take no Gather of rows (ncnn computes something else and says nothing), by a Concat of Slices.

No Where, and nothing that is not finite: what stands in the padding, NaN included, is not read.
"""

from __future__ import annotations

from itertools import groupby
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
    picks = [(NEW if is_new else OLD if old is not None else None, row) for row, is_new in enumerate(valid)]
    return _choose(e, v, [new] if old is None else [new, old], picks, "Ht_kept")


NEW, OLD = 0, 1
Pick = tuple["int | None", int]
"""A row: which of several values it is of, ``None`` for zeros, and its place there."""


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
    picks: list[Pick] = [
        (step if is_valid else None, row)
        for step in range(length)
        for row, is_valid in enumerate(valid_rows(lens, step))
    ]
    return e.reshape(_choose(e, v, states, picks, f"{p}H_valid"), [length, batch, v.hidden_size], f"{p}Y_valid")


def only_valid_rows(e: Emitter, v: Variant, state: Value, valid: Sequence[bool], name: str) -> Value:
    """Return a state [B, H] with zeros for the sequences that a step is past the length of."""
    return _choose(e, v, [state], [(0 if is_valid else None, row) for row, is_valid in enumerate(valid)], name)


def empty_to_zero(e: Emitter, v: Variant, state: Value, lens: Sequence[int], name: str) -> Value:
    """Return the last states [B, H] with zeros for the sequences of length 0."""
    return only_valid_rows(e, v, state, [bool(length) for length in lens], name)


def _choose(e: Emitter, v: Variant, values: Sequence[Value], picks: Sequence[Pick], name: str) -> Value:
    """Return rows of several values, [B, H] each, and of zeros: by a Gather, or by Slices where there is none."""
    batch = v.batch_size or 0
    if list(picks) == [(number, row) for number in range(len(values)) for row in range(batch)]:
        return e.concat(list(values), 0, name)
    if e.vocabulary.has("Gather"):
        zeros = [e.tensor("zero_row", np.zeros((1, v.hidden_size)))] if any(of is None for of, _ in picks) else []
        index = [len(values) * batch if of is None else of * batch + row for of, row in picks]
        rows = e.concat([*values, *zeros], 0, f"{name}_from")
        return e.op("Gather", [rows, e.ints(f"{name}_rows", index)], name, axis=0)
    parts: list[Value] = []
    for of, run in groupby(picks, key=lambda pick: pick[0]):
        rows = [row for _, row in run]
        if of is None:
            parts.append(e.tensor("zero_rows", np.zeros((len(rows), v.hidden_size))))
            continue
        for _, places in groupby(enumerate(rows), key=lambda each: each[1] - each[0]):
            first, *rest = [row for _, row in places]
            end = first + len(rest) + 1
            whole = (first, end) == (0, batch)
            parts.append(values[of] if whole else e.slice(values[of], first, end, 0, f"{name}_part"))
    return e.concat(parts, 0, name)
