"""Keeping the states of a recurrence from stepping on frames that are none of the stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.stream.writer import dtype_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.stream.streamer import Streamer
    from gru_lower.passes.stream.timing import Timed


class HeldStates:
    """What keeps the states of one recurrence where they are while there is nothing to step on.

    A push that is of the stream as a whole, or not at all, takes one mask. Where it may be so in part, its frames are
    put in front and counted, as sequence_lens wants them, and put back behind the recurrence.

    Args:
        streamer: The streamed model.
        local: What to call what is written.
        found: X, time-major.
        exposed: Whether a last state is read by others than the next push.

    Attributes:
        mask: Whether there are frames not to step on.

    """

    def __init__(self, streamer: Streamer, local: str, found: Timed, *, exposed: bool) -> None:
        """Write the mask, or the counts."""
        self._streamer, self._local, self._found = streamer, local, found
        self._chunk = chunk = streamer.frames(found)
        begins = streamer.begins(found, chunk) if found.delay > 0 else None
        ends = streamer.ends(found, chunk) if exposed and (chunk > 1 or found.delay > 0) else None
        self.mask = begins is not None or ends is not None
        self._whole = chunk == 1 or (ends is None and found.delay % chunk == 0)
        self._ends = ends is not None
        self._shifts = not self._whole and begins is not None
        self._valid = self._count = self._shift = self._y = ""
        if not self.mask:
            return
        counters = streamer.counters
        if self._whole:
            first = None if begins is None else begins[:1]
            last = None if ends is None else ends[:1]
            self._valid = counters.valid(first, last, 0, found.elem_type)
            return
        self._shift = self._whole_less(begins) if begins is not None else ""
        self._end = self._sum(counters.valid(None, ends, 0, counters.elem_type)) if ends is not None else self._all()

    def _all(self) -> str:
        return self._streamer.write.constant(np.array([self._chunk], np.int64), f"{self._local}_all")

    def _whole_less(self, begins: Sequence[int]) -> str:
        """Return how many frames of a push are before the begin: int64 [1]."""
        counters = self._streamer.counters
        later = self._sum(counters.valid(begins, None, 0, counters.elem_type))
        return self._streamer.write.emit("Sub", [self._all(), later], f"{self._local}_early")

    def _sum(self, valid: str) -> str:
        """Return how many frames of a push a mask has: int64 [1]."""
        write, local = self._streamer.write, self._local
        if write.opset < 13:
            total = write.emit("ReduceSum", [valid], f"{local}_valid", axes=[0], keepdims=1)
        else:
            axes = write.constant(np.array([0], np.int64), f"{local}_axis")
            total = write.emit("ReduceSum", [valid, axes], f"{local}_valid", keepdims=1)
        return write.emit("Cast", [total], f"{local}_count", to=7)

    def begin_with(self, current: str, first: str, letter: str) -> str:
        """Return a state that is another value for as long as no frame of the stream has come."""
        write, kind = self._streamer.write, self._found.elem_type
        bound = self._streamer.chunk * (self._found.delay // self._chunk + 1)  # the push behind its first frame's
        begun = self._streamer.counters.valid([bound], None, 0, kind)
        one = write.constant(np.array([1], dtype_of(kind)), "one")
        local = f"{self._local}_{letter}"
        kept = write.emit("Mul", [current, begun], f"{local}_kept")
        fresh = write.emit("Mul", [first, write.emit("Sub", [one, begun], f"{local}_fresh")], f"{local}_first")
        return write.emit("Add", [kept, fresh], f"{local}_current")

    def output(self, y: str) -> str:
        """Return what the recurrence's Y is to be called, where it is to be ``y`` in the end."""
        if not y or not self._shifts:
            return y
        self._y = self._streamer.write.names.value(f"{self._local}_shifted")
        return self._y

    def input(self, x: str) -> tuple[str, str]:
        """Return X with the frames of the stream in front, and sequence_lens where they are needed."""
        if not self.mask or self._whole:
            return x, ""
        write, local = self._streamer.write, self._local
        count = self._end
        if self._shifts:
            most = write.constant(np.array(self._chunk - 1, np.int64), f"{local}_most")
            moved = write.emit("Add", [self._places(), self._shift], f"{local}_from")
            x = write.emit("Gather", [x, self._bounded("Min", moved, most, "in")], f"{local}_in_front", axis=0)
            count = write.emit("Sub", [count, self._shift], f"{local}_steps")
        least = write.constant(np.zeros(1, np.int64), f"{local}_none")
        self._count = self._bounded("Max", count, least, "lens64")
        shape = write.emit("Shape", [x], f"{local}_shape")
        lens = write.emit("Cast", [self._count], f"{local}_lens32", to=6)
        return x, write.emit("Expand", [lens, write.slice(shape, 0, 1, 2, f"{local}_batch")], f"{local}_lens")

    def _places(self) -> str:
        return self._streamer.write.constant(np.arange(self._chunk, dtype=np.int64), f"{self._local}_places")

    def state(self, current: str, last: str, following: str, letter: str, *, zero: bool) -> str:
        """Write the next value of a state, and return it.

        Args:
            current: The state as the push began.
            last: As the recurrence left it.
            following: What to call its next value, ``""`` for anything.
            letter: Which state.
            zero: Whether it is 0 for as long as no frame has come.

        """
        if not self.mask:
            return following or last
        write, kind = self._streamer.write, self._found.elem_type
        local = f"{self._local}_{letter}"
        valid = self._valid
        if not self._whole:
            one = write.constant(np.ones(1, np.int64), f"{local}_one64")
            valid = write.emit(
                "Cast", [self._bounded("Min", self._count, one, f"{letter}_any")], f"{local}_steps", to=kind
            )
        if not self._found.tame:
            truth = write.emit("Cast", [valid], f"{local}_steps_now", to=9)
            return write.emit("Where", [truth, last, current], f"{local}_held", following or None)
        if zero and not self._ends:
            return write.emit("Mul", [last, valid], f"{local}_held", following or None)
        unit = write.constant(np.array([1], dtype_of(kind)), "one")
        stepped = write.emit("Mul", [last, valid], f"{local}_new")
        stay = write.emit("Mul", [current, write.emit("Sub", [unit, valid], f"{local}_waits")], f"{local}_old")
        return write.emit("Add", [stepped, stay], f"{local}_held", following or None)

    def restore(self, y: str) -> None:
        """Write Y with its frames where they belong."""
        if not self._shifts:
            return
        write, local = self._streamer.write, self._local
        least = write.constant(np.array(0, np.int64), f"{local}_least")
        moved = write.emit("Sub", [self._places(), self._shift], f"{local}_back")
        write.emit("Gather", [self._y, self._bounded("Max", moved, least, "out")], f"{local}_in_place", y, axis=0)

    def _bounded(self, op_type: str, value: str, bound: str, what: str) -> str:
        """Write a Min or Max of whole numbers, which take floats only below opset 12."""
        write, local = self._streamer.write, f"{self._local}_{what}"
        if write.opset >= 12:
            return write.emit(op_type, [value, bound], local)
        floats = [write.emit("Cast", [each], f"{local}_float", to=1) for each in (value, bound)]
        return write.emit("Cast", [write.emit(op_type, floats, f"{local}_of_floats")], local, to=7)
