"""Keeping the states of a recurrence from stepping on frames that are none of the stream."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.light_dataclass import dataclass
from gru_lower.passes.stream.writer import dtype_of

if TYPE_CHECKING:
    from gru_lower.passes.stream.streamer import Streamer
    from gru_lower.passes.stream.timing import Timed


@dataclass(frozen=True)
class Stretch:
    """Frames of a push that are of the stream together, or not: a recurrence steps on them by a node of its own.

    Attributes:
        begin: The first frame.
        end: The one behind the last.
        valid: The name of what is 1 where they are of the stream, and 0 before its begin; ``""`` where they always are.

    """

    begin: int
    end: int
    valid: str


class HeldStates:
    """What keeps the states of one recurrence where they are while there is nothing to step on.

    The stream begins at the same place of a push whatever it holds, so a push is cut there into two stretches, each
    with one mask. Where it ends, nothing is masked: the state that others read is that behind the last frame of the
    stream, picked from Y; a state that Y does not hold is told by sequence_lens how far to step.

    Args:
        streamer: The streamed model.
        local: What to call what is written.
        found: X, time-major.
        exposed: Whether a last state is read by others than the next push.

    Attributes:
        stretches: The stretches of each push, in order.

    """

    def __init__(self, streamer: Streamer, local: str, found: Timed, *, exposed: bool) -> None:
        """Write the masks."""
        self._streamer, self._local, self._found = streamer, local, found
        self._chunk = chunk = streamer.frames(found)
        self._ends = (
            streamer.ends(found, chunk) if exposed and (chunk > 1 or found.delay > 0 or streamer.outlasts) else None
        )
        cut = found.delay % chunk
        self.stretches = [self._stretch(begin, end) for begin, end in ((0, cut), (cut, chunk)) if end > begin]
        self._count = ""

    @property
    def in_parts(self) -> bool:
        """Whether a push may end in the middle of a stretch, and others read the states."""
        return self._ends is not None and self._chunk > 1

    def _stretch(self, begin: int, end: int) -> Stretch:
        first = self._streamer.begins(self._found, self._chunk)[begin : begin + 1]
        last = self._ends if self._chunk == 1 else None
        before = first if first[0] > 0 else None
        if before is None and last is None:
            return Stretch(begin, end, "")
        return Stretch(begin, end, self._streamer.counters.valid(before, last, 0, self._found.elem_type))

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

    def frames(self, x: str, stretch: Stretch) -> str:
        """Return those frames of X that a stretch holds."""
        if len(self.stretches) == 1:
            return x
        return self._streamer.write.slice(x, 0, stretch.begin, stretch.end, f"{self._local}_from_{stretch.begin}")

    def lengths(self, x: str, stretch: Stretch) -> tuple[str, Stretch]:
        """Return sequence_lens, frames of a stretch before the stream's end, and the stretch with a mask of any."""
        write, local, kind = self._streamer.write, f"{self._local}_{stretch.begin}", self._found.elem_type
        begin, end, none, one = (
            write.constant(np.array([n], np.int64), f"{local}_{n}") for n in (stretch.begin, stretch.end, 0, 1)
        )
        count = self._bounded(
            "Max", self._bounded("Min", self._counted(), end, f"{local}_upto"), begin, f"{local}_from"
        )
        count = write.emit("Sub", [count, begin], f"{local}_count") if begin != none else count
        shape = write.emit("Shape", [x], f"{local}_shape")
        lens = write.emit("Cast", [count], f"{local}_lens32", to=6)
        lens = write.emit("Expand", [lens, write.slice(shape, 0, 1, 2, f"{local}_batch")], f"{local}_lens")
        valid = write.emit("Cast", [self._bounded("Min", count, one, f"{local}_any")], f"{local}_steps", to=kind)
        if stretch.valid:
            valid = write.emit("Mul", [valid, stretch.valid], f"{local}_begun_steps")
        return lens, replace(stretch, valid=valid)

    def _counted(self) -> str:
        """Return how many frames of a push come before the end of the stream: int64 [1]."""
        if not self._count:
            write, counters, local = self._streamer.write, self._streamer.counters, self._local
            total = write.sum_of(counters.valid(None, self._ends, 0, counters.elem_type), f"{local}_valid")
            self._count = write.emit("Cast", [total], f"{local}_count", to=7)
        return self._count

    def last(self, current: str, steps: list[str], letter: str, following: str) -> str:
        """Write the state behind the last frame of the stream, and return it.

        Args:
            current: The state as a push began.
            steps: The Y of each stretch, [T, 1, B, H].
            letter: Which state.
            following: What to call it, ``""`` for anything.

        """
        write, local = self._streamer.write, f"{self._local}_{letter}"
        rows = [write.axes_node("Squeeze", each, [1], f"{local}_steps") for each in steps]
        states = write.concat([current, *rows], 0, f"{local}_states")
        return write.emit("Gather", [states, self._counted()], f"{local}_last", following or None, axis=0)

    def state(self, current: str, stepped: str, stretch: Stretch, local: str, following: str, *, zero: bool) -> str:
        """Write a state behind a stretch, and return it.

        Args:
            current: The state before it.
            stepped: As the recurrence left it.
            stretch: The stretch.
            local: What to call what is written.
            following: What to call the state, ``""`` for anything.
            zero: Whether it is 0 for as long as no frame has come.

        """
        write, kind, valid = self._streamer.write, self._found.elem_type, stretch.valid
        if not valid:
            return stepped
        if not self._found.tame:
            truth = write.emit("Cast", [valid], f"{local}_steps_now", to=9)
            return write.emit("Where", [truth, stepped, current], f"{local}_held", following or None)
        if zero and self._ends is None:
            return write.emit("Mul", [stepped, valid], f"{local}_held", following or None)
        unit = write.constant(np.array([1], dtype_of(kind)), "one")
        new = write.emit("Mul", [stepped, valid], f"{local}_new")
        stay = write.emit("Mul", [current, write.emit("Sub", [unit, valid], f"{local}_waits")], f"{local}_old")
        return write.emit("Add", [new, stay], f"{local}_held", following or None)

    def _bounded(self, op_type: str, value: str, bound: str, local: str) -> str:
        """Write a Min or Max of whole numbers, which take floats only below opset 12."""
        write = self._streamer.write
        if write.opset >= 12:
            return write.emit(op_type, [value, bound], local)
        floats = [write.emit("Cast", [each], f"{local}_float", to=1) for each in (value, bound)]
        return write.emit("Cast", [write.emit(op_type, floats, f"{local}_of_floats")], local, to=7)
