"""How many frames there were, and whether the end is in sight: two counters that stop where nothing asks for more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import numpy_helper

from gru_lower.passes.stream.writer import dtype_of
from gru_lower.streaming.description import Ending

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.stream.writer import Writer

EXACT = {1: 2048, 16: 256}
"""The largest number up to which all whole ones are exact, by ``TensorProto.DataType``: float16 and bfloat16."""


class TooFar(Exception):  # noqa: N818 - caught by who chose the type
    """A counter has to count further than its type is exact."""


class Counters:
    """The counters of a streamed model, written once something asks for them.

    ``frames_seen`` says how many frames there were before a push, up to the most that is asked for. ``frames_ended`` is
    0 until the caller knows the end: where a push begins with ``n`` frames left, it is ``known_ahead - n``, and goes on
    from there by itself.

    Attributes:
        elem_type: Their ``TensorProto.DataType``.

    """

    def __init__(self, write: Writer, chunk: int, elem_type: int) -> None:
        """Write nothing yet."""
        self.elem_type = elem_type
        self._write, self._chunk = write, chunk
        self._seen: tuple[str, str] | None = None
        self._ended: tuple[str, str] | None = None
        self._most_seen = 0
        self._masks: dict[tuple[Any, ...], str] = {}
        self._pending: list[tuple[str, np.ndarray[Any, np.dtype[Any]]]] = []
        self._most_left = chunk
        self._least_left = 0

    @property
    def dtype(self) -> np.dtype[Any]:
        """Numpy's type of the counters."""
        return dtype_of(self.elem_type)

    def seen(self) -> str:
        """Return the counter of the frames there were."""
        if self._seen is None:
            self._seen = self._write.state("frames_seen", self.elem_type, [1], 0.0, "count")
        return self._seen[0]

    def ended(self) -> str:
        """Return the counter that runs once the end is in sight."""
        if self._ended is None:
            self._ended = self._write.state("frames_ended", self.elem_type, [1], 0.0, "count")
        return self._ended[0]

    def valid(self, begins: Sequence[int] | None, ends: Sequence[int] | None, trailing: int, elem_type: int) -> str:
        """Return a mask: 1 for frames of the stream and 0 for others.

        Args:
            begins: For each frame, how many there have to have been before the push; ``None`` not to ask.
            ends: For each frame, how many have to be left, this push included; ``None`` not to ask.
            trailing: How many axes of length 1 stand behind.
            elem_type: The type of the mask.

        """
        both = (*(begins or ()), *(ends or ()))
        if not both:
            raise ValueError("a mask of nothing")
        count = len(begins if begins is not None else ends or ())
        trailing = trailing if count > 1 else 0
        key = tuple(begins or ()), tuple(ends or ()), trailing, elem_type
        if key not in self._masks:
            self._masks[key] = self._mask(begins, ends, trailing, elem_type)
        return self._masks[key]

    def _mask(self, begins: Sequence[int] | None, ends: Sequence[int] | None, trailing: int, elem_type: int) -> str:
        write, parts = self._write, []
        if begins is not None:
            self._most_seen = max(self._most_seen, *begins)
            bound = write.constant(_column([begin - 1 for begin in begins], trailing, self.dtype), "begins")
            parts.append(write.clip01(write.emit("Sub", [self.seen(), bound], "since_begin"), self.dtype, "begun"))
        if ends is not None:
            self._most_left = max(self._most_left, *ends)
            self._least_left = min(self._least_left, *ends)
            bound = write.names.value("ends")
            self._pending.append((bound, _column(ends, trailing, np.dtype(np.int64))))
            parts.append(write.clip01(write.emit("Sub", [bound, self.ended()], "until_end"), self.dtype, "unended"))
        mask = parts[0] if len(parts) == 1 else write.emit("Mul", parts, "inside")
        if elem_type != self.elem_type:
            mask = write.emit("Cast", [mask], "inside_cast", to=elem_type)
        return mask

    def finish(self) -> Ending | None:
        """Write the counters' next values, and return how to say that the stream ends.

        Raises:
            TooFar: The type is not exact up to what is asked for.

        """
        write, chunk = self._write, self._chunk
        most = -(-self._most_seen // chunk) * chunk
        # From the first push without a frame on, the counter goes on to what makes the last frame of all be outside.
        last = self._most_left - self._least_left + chunk
        if max(most, last) > EXACT.get(self.elem_type, 1 << 24):
            raise TooFar
        step = write.constant(np.array([chunk], self.dtype), "chunk")
        if self._seen is not None:
            further = write.emit("Add", [self._seen[0], step], "seen_further")
            limit = write.constant(np.array([most], self.dtype), "seen_most")
            write.emit("Min", [further, limit], "seen_next", self._seen[1])
        if self._ended is None:
            return None
        for name, ends in self._pending:
            bound = (self._most_left - ends + 1).astype(self.dtype)
            write.initializers.append(numpy_helper.from_array(bound, name))
        running = write.clip01(self._ended[0], self.dtype, "end_in_sight")
        further = write.emit("Add", [self._ended[0], write.emit("Mul", [running, step], "ended_step")], "ended_further")
        limit = write.constant(np.array([last], self.dtype), "ended_most")
        write.emit("Min", [further, limit], "ended_next", self._ended[1])
        return Ending(self._ended[0], self._most_left)


def _column(numbers: Sequence[int], trailing: int, dtype: np.dtype[Any]) -> np.ndarray[Any, np.dtype[Any]]:
    return np.array(numbers, dtype).reshape(-1, *([1] * trailing))
