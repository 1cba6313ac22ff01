"""What the handlers of operators stand on: delays, windows over frames, and what lies outside a stream."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.passes.stream.refusal import Refused, WantsChunk
from gru_lower.passes.stream.streamed_values import StreamedValues
from gru_lower.passes.stream.timing import LONG, SPAN, Length, Timed
from gru_lower.passes.stream.writer import dtype_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.stream.timing import Edge

Array = np.ndarray[Any, np.dtype[Any]]


class Streamer(StreamedValues):
    """The streamed model as far as it is written, and the means to delay values and to look at several frames."""

    # -- frames kept for later ------------------------------------------------------------------------------------

    def keep(self, timed: Timed, frames: int, first: Array | float, local: str) -> tuple[str, str]:
        """Add a state of so many frames of a value; return its input, and the output its next value goes to."""
        dims = [*timed.dims]
        dims[timed.axis] = frames
        return self.write.state(local, timed.elem_type, dims, first)

    def first_frames(self, timed: Timed, begin: int, frames: int, fill: float) -> Array | float:
        """Return what the frames from a number on are before the first push: history, and ``fill`` below 0."""
        if timed.history is None:
            return fill
        outside = max(0, -begin)
        axis = timed.axis
        known = np.take(timed.history, range(max(begin, 0), begin + frames), axis=axis)
        shape = list(known.shape)
        shape[axis] = outside
        return np.concatenate([np.full(shape, fill, known.dtype), known], axis=axis) if outside else known

    def delayed(self, timed: Timed, to: int, local: str) -> Timed:
        """Return a value that is ``to`` frames late, by a cache of what is missing to that."""
        more = to - timed.delay
        if more == 0 and timed.edge is None:
            return timed
        key = *timed.identity, to
        if key in self._delayed:
            return self._delayed[key]
        if timed.past is not None:
            self._delayed[key] = self._delayed_by_past(timed, more, local)
            return self._delayed[key]
        if timed.edge is not None:
            self._delayed[key] = self._delayed_edge(timed, more, local)
            return self._delayed[key]
        whole, timed = timed, self.plain(timed, local)
        more *= int(timed.rate / whole.rate)
        chunk, axis = self.frames(timed), timed.axis
        outside = 0.0 if timed.fill is None else timed.fill
        cached = self.cast_for_state(timed, local)
        first = self.first_frames(timed, -timed.delay - more, more, outside)
        cache, following = self.keep(cached, more, first, f"{local}_delay")
        if more == chunk:
            out = cache
            self.write.emit("Identity", [cached.name], f"{local}_keep", following)
        elif more < chunk:
            out = self.write.concat(
                [cache, self.write.slice(cached.name, axis, 0, chunk - more, f"{local}_now")], axis, f"{local}_late"
            )
            self.write.slice(cached.name, axis, chunk - more, None, f"{local}_keep", following)
        else:
            out = self.write.slice(cache, axis, 0, chunk, f"{local}_late")
            kept = self.write.slice(cache, axis, chunk, None, f"{local}_old")
            self.write.concat([kept, cached.name], axis, f"{local}_keep", following)
        out = self.cast_from_state(out, timed, local)
        early = None
        if timed.history is not None and timed.delay + more < 0:
            early = np.take(timed.history, range(-timed.delay - more), axis=axis)
        fill = timed.fill if timed.delay >= 0 and timed.history is None else None
        late = replace(timed, name=out, delay=timed.delay + more, history=early, fill=fill)
        if whole.merged and timed.rate == whole.rate:
            late = self.merged(late, whole, self.write.names.value(f"{local}_merged"), f"{local}_merged")
        elif whole.merged:
            late = replace(late, rate=whole.rate, delay=to, length=whole.length, after=whole.after)
        self._delayed[key] = late
        return late

    def past_frames(self, timed: Timed, frames: int, local: str) -> str:
        """Return so many frames before those of a push, of a value that has a state of the model's own.

        Raises:
            Refused: The state holds fewer.

        """
        held = -timed.delay
        if timed.past is None or frames > held:
            raise Refused("GL859", f"it reads {frames} frames back, and {timed.past} holds {held}")
        return timed.past if frames == held else self.write.slice(timed.past, timed.axis, held - frames, None, local)

    def _delayed_by_past(self, timed: Timed, more: int, local: str) -> Timed:
        """Return a value later by some of the frames that its state holds.

        Raises:
            Refused: A push may end in the middle, and the state is then not of its last frames.

        """
        if self.chunk > 1:
            raise Refused("GL859", f"it reads frames of {timed.past} one by one", "take one frame at a time: --chunk 1")
        past = self.past_frames(timed, more, f"{local}_past")
        both = self.write.concat([past, timed.name], timed.axis, f"{local}_window")
        name = self.write.slice(both, timed.axis, 0, self.frames(timed), f"{local}_late")
        if timed.delay + more < 0:
            raise Refused("GL859", f"it reads {-timed.delay - more} frames of {timed.past} alone")
        return replace(timed, name=name, delay=timed.delay + more, past=None, fill=None)

    def _delayed_edge(self, timed: Timed, more: int, local: str) -> Timed:
        """Return a value later by so many frames that the padding its first frames are is written."""
        chunk, axis = self.frames(timed), timed.axis
        cached = self.cast_for_state(timed, local)
        out = self._window_of(cached, more, 0.0, local)
        if more:
            out = self.write.slice(out, axis, 0, chunk, f"{local}_late")
        return replace(
            timed, name=self.cast_from_state(out, timed, local), delay=timed.delay + more, edge=None, fill=None
        )

    def edge_known(self, timed: Timed) -> int:
        """Return the least delay at which the padding that the first frames of a value are can be written."""
        if timed.edge is None:
            return 0
        chunk = self.frames(timed)
        return (timed.delay + timed.edge.frames + timed.edge.ahead) // chunk * chunk

    def _window_of(self, timed: Timed, kept: int, fill: float, local: str) -> str:
        """Write the frames of a push behind so many before them, which are kept in a state; return both."""
        axis, chunk = timed.axis, self.frames(timed)
        if not kept:
            return timed.name if timed.edge is None else self._with_edge(timed, timed.edge, timed.name, 0, local)
        first = self.first_frames(timed, -timed.delay - kept, kept, fill)
        cache, following = self.keep(timed, kept, first, f"{local}_past")
        window = self.write.concat([cache, timed.name], axis, f"{local}_window")
        if timed.edge is not None:
            window = self._with_edge(timed, timed.edge, window, kept, local)
        self.write.slice(window, axis, chunk, chunk + kept, f"{local}_keep", following)
        return window

    def _with_edge(self, timed: Timed, edge: Edge, window: str, kept: int, local: str) -> str:
        """Write the padding at the begin into the frames of the push with which it is known."""
        write, axis, chunk = self.write, timed.axis, self.frames(timed)
        push = self.edge_known(timed) // chunk
        at = timed.delay + kept - push * chunk
        behind = at + edge.frames
        if at < 0:
            raise AssertionError("the padding is read before it is known")
        if edge.mirrors:
            places = np.arange(behind + edge.frames, behind, -1)
            index = write.constant(places.astype(np.int64), f"{local}_mirror_places")
            padding = write.emit("Gather", [window, index], f"{local}_mirrored", axis=axis)
        else:
            padding = write.slice(window, axis, behind, behind + 1, f"{local}_first")
        keeps = self._other_pushes(push, timed.elem_type)
        own = write.slice(window, axis, at, behind, f"{local}_padding")
        padded = self.select(keeps, replace(timed, name=own), padding, f"{local}_padded")
        parts = [write.slice(window, axis, 0, at, f"{local}_before")] if at else []
        parts += [padded, write.slice(window, axis, behind, None, f"{local}_behind")]
        return write.concat(parts, axis, f"{local}_edge")

    def _other_pushes(self, push: int, elem_type: int) -> str:
        """Return what is 0 in one push, counted from 0, and 1 in all others."""
        behind = self.counters.valid([self.chunk * push + 1], None, 0, elem_type)
        if not push:
            return behind
        reached = self.counters.valid([self.chunk * push], None, 0, elem_type)
        now = self.write.emit("Sub", [reached, behind], "now")
        return self.write.emit("Sub", [self.write.constant(np.array([1], dtype_of(elem_type)), "one"), now], "not_now")

    def cast_for_state(self, timed: Timed, local: str) -> Timed:
        """Return a value of truths as numbers: states are of the model's float type."""
        if dtype_of(timed.elem_type) != np.dtype(bool):
            return timed
        kind = self.counters.elem_type
        return replace(timed, name=self.write.emit("Cast", [timed.name], f"{local}_as_number", to=kind), elem_type=kind)

    def cast_from_state(self, name: str, like: Timed, local: str) -> str:
        """Return what comes out of a cache in the type of the value that went in."""
        if dtype_of(like.elem_type) != np.dtype(bool):
            return name
        return self.write.emit("Cast", [name], f"{local}_as_truth", to=like.elem_type)

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

    def choose(self, valid: str, timed: Timed, fill: float, local: str) -> str:
        """Write what gives a value where a mask is 1 and ``fill`` where it is 0."""
        other = self.write.constant(np.array(fill, dtype_of(timed.elem_type)), f"{local}_fill")
        if not timed.tame or not np.isfinite(fill) or not np.issubdtype(dtype_of(timed.elem_type), np.floating):
            truth = self.write.emit("Cast", [valid], f"{local}_mask", to=9)
            return self.write.emit("Where", [truth, timed.name, other], local)
        if not fill:
            return self.write.emit("Mul", [timed.name, valid], local)
        return self.blend(valid, timed, other, local)

    def select(self, valid: str, timed: Timed, other: str, local: str) -> str:
        """Write what gives a value where a mask is 1 and another one of its kind where it is 0."""
        if timed.tame and np.issubdtype(dtype_of(timed.elem_type), np.floating):
            return self.blend(valid, timed, other, local)
        truth = self.write.emit("Cast", [valid], f"{local}_mask", to=9)
        return self.write.emit("Where", [truth, timed.name, other], local)

    def blend(self, valid: str, timed: Timed, other: str, local: str) -> str:
        """Write what :meth:`select` does, by products: what is not chosen has to be finite."""
        kept = self.write.emit("Mul", [timed.name, valid], f"{local}_kept")
        one = self.write.constant(np.array(1, dtype_of(timed.elem_type)), f"{local}_one")
        outside = self.write.emit("Sub", [one, valid], f"{local}_outside")
        filled = self.write.emit("Mul", [other, outside], f"{local}_filled")
        return self.write.emit("Add", [kept, filled], local)

    def begins(self, timed: Timed, count: int) -> list[int]:
        """Return for each frame of a push how many have to have been before the push for it to be of the stream."""
        return [ceil(Fraction(timed.delay - j) / timed.rate) for j in range(count)]

    def ends(self, timed: Timed, count: int) -> list[int]:
        """Return for each frame of a push how many have to be left, this push included, for it to be one."""
        return [least_frames(timed.length, j - timed.delay + 1) for j in range(count)]

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
        timed = self.plain(timed, local)
        rate, length = timed.rate / stride, timed.length.then(1, left + right - reach - 1, stride).plus(1)
        if (self.chunk * rate).denominator != 1:
            raise WantsChunk((self.chunk * rate).denominator, f"it takes one frame in {stride} along axis {timed.axis}")
        beyond = any(
            (length.of(t) - unused - 1) * stride - left + reach >= timed.length.of(t) for t in range(LONG, LONG + SPAN)
        )
        if beyond and timed.fill != fill:
            timed = self.foreseen(timed, local)
        delay = -((timed.delay + reach - left - stride + 1) // -stride)
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
            name = self._window_of(source, 0, fill, local)
            name = self.write.slice(name, axis, -kept, None, f"{local}_from")
        elif kept > 0 and timed.past is not None:
            name = self.write.concat([self.past_frames(timed, kept, f"{local}_past"), name], axis, f"{local}_window")
        else:
            name = self._window_of(source, kept, fill, local)
        wanted = (chunk // stride - 1) * stride + reach + 1
        if kept + chunk - wanted >= stride:
            name = self.write.slice(name, axis, 0, wanted, f"{local}_until")
        read = replace(source, name=name, fill=None, history=None, past=None, edge=None)
        out = replace(timed, rate=rate, delay=delay, length=length, fill=None, history=None, past=None, edge=None)
        return read, out


def least_frames(length: Length, wanted: int) -> int:
    """Return the least number of frames of the inputs, below 0 too, for which a value has at least so many.

    Raises:
        Refused: It has as many however many there are.

    """
    if length.is_constant:
        raise Refused(
            "GL855", f"the first {length.of(0)} frames are for something else than to stand in front of others"
        )
    low, high = -LONG, LONG
    while length.of(high) < wanted:
        high *= 2
    while length.of(low) >= wanted:
        low *= 2
    while high - low > 1:
        middle = (low + high) // 2
        if length.of(middle) >= wanted:
            high = middle
        else:
            low = middle
    return high
