"""The sequence_lens of a recurrence whose steps a mask may hold back.

Where the mask is t < len, sequence_lens is len, and the recurrence is exactly the operator. Where it is only known at
run time, sequence_lens is the sum of it, if whoever asks for the fusion promises that it is 1 up to each sequence's
length, and 0 from there on.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from gru_lower.light_dataclass import dataclass
from gru_lower.passes.fuse_gru.algebra.axes import ReadAt, index_at
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine
from gru_lower.passes.fuse_gru.interpreter.length_masks import LengthMask, compared_number
from gru_lower.passes.fuse_gru.recognition.errors import CannotWriteError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.recognition.recurrence import Recurrence

PROMISE = "right-padded"
"""What ``assume`` has to be for masks that are only known at run time."""


@dataclass(frozen=True)
class SequenceLens:
    """Where a recurrence's sequence_lens comes from.

    Attributes:
        leaf: The lengths, or the mask, as a leaf: one free axis at most beside the axis of time, the batch.
        backwards: Whether the steps run from the last to the first.
        time: Of a mask: its axis of time, ``None`` for lengths.
        first: Of a mask: the index of the first step on that axis.
        step: Of a mask: 1, or -1 where the steps run backwards.
        shift: What is added to lengths.
        live: The value of the mask where a step is taken.

    """

    leaf: Leaf
    backwards: bool
    time: int | None = None
    first: Count = 0
    step: int = 1
    shift: int = 0
    live: bool = True


class Progress(NamedTuple):
    """How a count moves from step to step.

    Attributes:
        first: The count in the first step.
        step: 1 or -1.

    """

    first: Any
    step: int


def find_sequence_lens(recurrence: Recurrence) -> SequenceLens:
    """Find what a masked recurrence's sequence_lens is.

    Raises:
        CannotWriteError: No lengths can say what the mask says.

    """
    leaf, live = recurrence.masks[0].mask, recurrence.masks[0].live
    counts_steps = _masks_count_steps(recurrence)
    if not counts_steps and any(mask.live != live or mask.mask.source != leaf.source for mask in recurrence.masks):
        raise CannotWriteError("its steps have different masks")
    return _from_lengths(recurrence) if counts_steps else _from_mask(recurrence)


def name_of_lengths(interpreter: Interpreter, lens: SequenceLens) -> str | None:
    """Return the value of the graph that lengths are read from, ``None`` for a constant.

    Raises:
        CannotWriteError: There is none.

    """
    if lens.leaf.source in interpreter.algebra.constants:
        return None
    name = interpreter.name_of(lens.leaf.source)
    if name is None:
        raise CannotWriteError("the lengths of its sequences are computed anew in every step")
    return name


def _masks_count_steps(recurrence: Recurrence) -> bool:
    """Whether the mask of every step is t < len."""
    return all(isinstance(mask.mask.source, LengthMask) for mask in recurrence.masks)


def needs_promise(recurrence: Recurrence) -> bool:
    """Whether a recurrence is a GRU only if its mask is what is promised of it."""
    return bool(recurrence.masks) and not _masks_count_steps(recurrence)


def why_promise_is_needed(interpreter: Interpreter, recurrence: Recurrence) -> str:
    """Say why a recurrence is not fused without a promise."""
    name = interpreter.name_of(recurrence.masks[0].mask.source)
    return (
        f"a GRU, but a mask{f' ({name})' if name else ''} decides step by step whether the state is updated, and "
        "sequence_lens only says where a sequence ends; if masks never do more, fuse with --assume right-padded"
    )


def _from_lengths(recurrence: Recurrence) -> SequenceLens:
    """Read the lengths that the masks compare a count of steps with."""
    seen = []
    for mask in recurrence.masks:
        if not isinstance(mask.mask.source, LengthMask):
            raise CannotWriteError("its steps have different masks")
        axes = mask.mask.axes[:-1] if mask.mask.source.has_positions else mask.mask.axes
        seen.append((mask.mask.source.lengths, axes, mask.live))
    counts = [compared_number(mask.mask) for mask in recurrence.masks]
    if len(set(seen)) > 1 or not seen[0][2]:
        raise CannotWriteError("its steps have different masks")
    first, step = _progress(recurrence, counts)
    shift = -first if step == 1 else recurrence.steps - 1 - first
    if isinstance(shift, Affine):
        raise CannotWriteError("its mask counts from another step than the first")
    leaf = recurrence.masks[0].mask._replace(source=seen[0][0], axes=seen[0][1])
    return SequenceLens(leaf, step == -1, shift=shift)


def _from_mask(recurrence: Recurrence) -> SequenceLens:
    """Read how a mask of all steps is read step by step."""
    axes = list(zip(*(mask.mask.axes for mask in recurrence.masks), strict=True))
    if recurrence.loop is not None:
        name = recurrence.loop.counter.terms[0][0]
        moving = [place for place, (entry, *_) in enumerate(axes) if index_at(entry, name) is not None]
    else:
        moving = [place for place, entries in enumerate(axes) if len(set(entries)) > 1]
    indices = [entry.position for entry in axes[moving[0]] if isinstance(entry, ReadAt)] if len(moving) == 1 else []
    if not indices or len(indices) != len(axes[moving[0]]):
        raise CannotWriteError("its mask is not one tensor that is read step by step")
    first, step = _progress(recurrence, indices)
    mask = recurrence.masks[0]
    return SequenceLens(mask.mask, step == -1, moving[0], first, step, live=mask.live)


def _progress(recurrence: Recurrence, counts: Sequence[Count | None]) -> Progress:
    """Return how a count that each mask reads moves with the steps.

    Raises:
        CannotWriteError: It does not move by 1 or -1.

    """
    if recurrence.loop is not None:
        count = counts[0]
        name = recurrence.loop.counter.terms[0][0]
        step = count.factor(name) if isinstance(count, Affine) else 0
        if isinstance(count, Affine) and step in (1, -1):
            return Progress(count - recurrence.loop.counter * step, step)
    elif all(isinstance(count, int) for count in counts):
        numbers = [count for count in counts if isinstance(count, int)]
        steps = {b - a for a, b in pairwise(numbers)} or {1}
        if len(steps) == 1 and steps <= {1, -1}:
            return Progress(numbers[0], steps.pop())
    raise CannotWriteError("its mask does not count the steps")
