"""What the handlers of operators stand on: delays, windows over frames, and what lies outside a stream."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.passes.stream.kept_frames import KeptFrames
from gru_lower.passes.stream.refusal import Refused, WantsChunk, refuse_many
from gru_lower.passes.stream.timing import LONG, SPAN, Timed

if TYPE_CHECKING:
    from collections.abc import Sequence


Array = np.ndarray[Any, np.dtype[Any]]


class Streamer(KeptFrames):
    """The streamed model as far as it is written, and the means to delay values and to look at several frames."""

    @staticmethod
    def cropped(timed: Timed, first: int, last: int) -> Timed:
        """Return a value without some of its first frames and of its last ones: these lie outside now."""
        delay, history = timed.delay + first, None
        if timed.history is not None and delay < 0:
            history = np.take(timed.history, range(first, first - delay), axis=timed.axis)
        edge = timed.edge.without(first) if timed.edge is not None else None
        return replace(
            timed,
            delay=delay,
            length=timed.length.plus(-first - last),
            history=history,
            past=None,
            edge=edge,
            fill=None,
        )

    def ready(self, timed: Timed, local: str) -> Timed:
        """Return a value all of whose frames come: one whose first frames lie before the stream is delayed."""
        least = max(0, self.edge_known(timed))
        if timed.delay < 0 or timed.edge is not None:
            return self.delayed(timed, max(least, timed.delay), local)
        return timed

    def aligned(self, values: Sequence[Timed], local: str) -> list[Timed]:
        """Return values that are equally late, each delayed to the latest.

        Raises:
            Refused: They are not equally fast or long.

        """
        first = values[0]
        for other in values[1:]:
            if other.rate != first.rate:
                raise Refused("GL858", f"it joins frames of {first.rate} and {other.rate} for each frame of the inputs")
            if not other.length.agrees(first.length):
                raise Refused("GL858", f"it joins {first.length.of(LONG)} and {other.length.of(LONG)} frames of {LONG}")
        late = max(each.delay for each in values)
        return [
            each if each.delay == late else self.delayed(each, late, f"{local}_{number}" if len(values) > 2 else local)
            for number, each in enumerate(values)
        ]

    # -- what lies outside ----------------------------------------------------------------------------------------

    def masked(self, timed: Timed, fill: float, local: str, *, begin: bool, end: bool) -> Timed:
        """Return a plain value with ``fill`` before its begin and from its end on, as far as asked for."""
        if not ((begin and timed.delay > 0) or end) or timed.fill == fill:
            return timed
        timed = self.foreseen(timed, local) if end else timed
        begin = begin and timed.delay > 0
        key = *timed.identity, fill, begin, end
        if key in self._masked:
            return self._masked[key]
        kind, c = timed.elem_type, self.frames(timed)
        trailing = len(timed.dims) - 1 - timed.axis
        valid = self.counters.valid(
            self.begins(timed, c) if begin else None, self.ends(timed, c) if end else None, trailing, kind
        )
        name = self.choose(valid, timed, fill, f"{local}_inside")
        result = replace(timed, name=name, fill=fill if begin == (timed.delay > 0) and end else None)
        self._masked[key] = result
        return result

    def foreseen(self, timed: Timed, local: str) -> Timed:
        """Return a value so late that no frame beyond its end has come before the end is known."""
        timed = self.ready(timed, local) if timed.edge is not None else timed
        early = max(self.ends(timed, self.frames(timed))) - self.chunk
        return timed if early <= 0 else self.delayed(timed, timed.delay + ceil(early * timed.rate), local)

    def split_past(self, out: Timed, axis: int, whole: str, output: str, local: str) -> str:
        """Write the frames of a push of what came of a state as well, and return those before them."""
        past = self.write.slice(whole, axis, 0, -out.delay, f"{local}_of_past")
        self.write.slice(whole, axis, -out.delay, None, local, output)
        return past

    # -- windows --------------------------------------------------------------------------------------------------

    def window(
        self, timed: Timed, reach: int, stride: int, left: int, right: int, fill: float, local: str, unused: int = 0
    ) -> tuple[Timed, Timed]:
        """Return the frames that an operator over windows of frames reads in one push, and the timing of its output.

        The operator is then to be run without padding along time. Its output frame ``i`` reads the frames
        ``i * stride - left`` up to and with ``i * stride - left + reach``.

        Args:
            timed: The value.
            reach: How many frames behind the first one a window goes.
            stride: How many frames one window is behind the other.
            left: The padding in front.
            right: The padding behind.
            fill: What padding holds.
            local: What to call what is written.
            unused: How many of the last frames of the output nobody reads.

        """
        refuse_many(max(reach, stride, abs(left), abs(right)))
        timed = self.plain(timed, local)
        rate, length = timed.rate / stride, timed.length.then(1, left + right - reach - 1, stride).plus(1)
        if (self.chunk * rate).denominator != 1:
            raise WantsChunk((self.chunk * rate).denominator, f"it takes one frame in {stride} along axis {timed.axis}")
        beyond = any(
            (length.of(t) - unused - 1) * stride - left + reach >= timed.length.of(t) for t in range(LONG, LONG + SPAN)
        )
        if beyond and timed.fill != fill:
            timed = self.foreseen(timed, local)
        if timed.past is not None and (left or right or stride > 1 or reach > -timed.delay):
            timed = self.ready(timed, local)
        delay = -((timed.delay + reach - left - stride + 1) // -stride)
        if timed.past is not None:  # the operator is to run on all that the state holds
            window = self.write.concat([timed.past, timed.name], timed.axis, f"{local}_window")
            past = timed.past if delay < 0 else None
            out = replace(timed, rate=rate, delay=delay, length=length, fill=None, past=past)
            return replace(timed, name=window, fill=None, past=None), out
        if timed.edge is not None:
            delay = max(delay, self.edge_known(timed) // stride)
        elif delay < 0:
            timed = self.delayed(timed, timed.delay - delay * stride, local)
            delay = 0
        source = self.masked(timed, fill, local, begin=left > 0, end=beyond)
        chunk, axis = self.frames(timed), timed.axis
        kept = delay * stride + left - timed.delay
        name = source.name
        if kept < 0:
            name = self.window_of(source, 0, fill, local)
            name = self.write.slice(name, axis, -kept, None, f"{local}_from")
        else:
            name = self.window_of(source, kept, fill, local)
        wanted = (chunk // stride - 1) * stride + reach + 1
        if kept + chunk - wanted >= stride:
            name = self.write.slice(name, axis, 0, wanted, f"{local}_until")
        read = replace(source, name=name, fill=None, history=None, past=None, edge=None)
        out = replace(timed, rate=rate, delay=delay, length=length, fill=None, history=None, past=None, edge=None)
        return read, out
