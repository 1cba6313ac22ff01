"""Write the outputs of masked steps where they are not those of a GRU with sequence_lens."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gru_lower.passes.fuse_gru.recognition.errors import CannotWriteError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.passes.fuse_gru.writing.node_writer import NodeWriter

WHERE = 9
"""The opset from which on there is Where."""


class MaskedGru(NamedTuple):
    """A GRU with sequence_lens that has been written.

    Attributes:
        lens: Its sequence_lens.
        mask: Of a mask that is only known at run time: (T, B), in the order of the GRU's X; else ``""``.
        initial_h: Its initial_h, ``None`` for zeros.
        write_repeated_initial: Writes a value by its name as (1, B, H) and returns it, ``None`` for zeros.

    """

    lens: str
    mask: str
    initial_h: str | None
    write_repeated_initial: Callable[[str], str | None]


def last_state(writer: NodeWriter, masked: MaskedGru, y_h: str, initial: str | None) -> str:
    """Write the state after the last step, (1, B, H): where a sequence has no steps, what it began with.

    Args:
        writer: Where to.
        masked: The GRU.
        y_h: The GRU's, which is 0 for a sequence of length 0.
        initial: What it begins with, (1, B, H), ``None`` for zeros.

    Raises:
        CannotWriteError: It takes a newer opset.

    """
    if initial is None:
        return y_h
    if writer.opset < WHERE:
        raise CannotWriteError("where a sequence has no steps its state has to be chosen, which needs opset 9")
    some = writer.node("Greater", [masked.lens, writer.constant(np.array([0], np.int32), "none")], "steps_taken")
    return writer.node("Where", [writer.unsqueeze(some, [1], "steps_taken_each"), y_h, initial], "Y_h_or_initial")


def repeated_outputs(
    writer: NodeWriter, masked: MaskedGru, y: str, y_h: str, initial: str | None, *, reverse: bool
) -> str:
    """Write Y, (T, B, H), where a masked step repeats the output of the one before instead of giving 0.

    Args:
        writer: Where to.
        masked: The GRU; its mask is there.
        y: The GRU's Y, (T, B, H).
        y_h: Its Y_h, (1, B, H).
        initial: What is repeated before there is an output, (1, B, H), ``None`` for zeros.
        reverse: Whether it runs backwards: its masked steps are then the first ones.

    Raises:
        CannotWriteError: It takes a newer opset, or the mask is not there.

    """
    if reverse and initial is None:
        return y
    if writer.opset < WHERE or not masked.mask:
        raise CannotWriteError("masked steps repeat an output, which has to be chosen: that needs opset 9")
    other = initial if reverse else last_state(writer, masked, y_h, initial)
    if other is None:
        raise AssertionError
    return writer.node("Where", [writer.unsqueeze(masked.mask, [2], "mask_each"), y, other], "Y_repeated")
