"""Frames that are kept for later: caches, delays, states of the model's own, and padding made of first frames."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.passes.stream.masks import Masks
from gru_lower.passes.stream.refusal import refuse_many
from gru_lower.passes.stream.writer import dtype_of

if TYPE_CHECKING:
    from gru_lower.passes.stream.timing import Edge, Timed

Array = np.ndarray[Any, np.dtype[Any]]


class KeptFrames(Masks):
    """The streamed model as far as it is written, and the means to keep frames of a value."""

    def keep(self, timed: Timed, frames: int, first: Array | float, local: str) -> tuple[str, str]:
        """Add a state of so many frames of a value; return its input, and the output its next value goes to."""
        refuse_many(frames)
        dims = [*timed.dims]
        dims[timed.axis] = frames
        return self.write.state(local, timed.elem_type, dims, first)

    def first_frames(self, timed: Timed, begin: int, frames: int, fill: float) -> Array | float:
        """Return what the frames from a number on are before the first push: history, and ``fill`` below 0."""
        refuse_many(frames)
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
        """Return so many frames before those of a push, of a value that has a state of the model's own."""
        held = -timed.delay
        if timed.past is None or frames > held:
            raise AssertionError(f"{frames} frames of {held}")
        return timed.past if frames == held else self.write.slice(timed.past, timed.axis, held - frames, None, local)

    def _delayed_by_past(self, timed: Timed, more: int, local: str) -> Timed:
        """Return a value later by some of the frames that its state holds, and then by a cache.

        A state of the model's own stays as it is when the stream has ended. So frames may be read from it in pushes of
        the stream alone; where some are still to come behind these, they are in a cache that begins as the state does.
        """
        held = -timed.delay
        if more > held:
            return self.delayed(self.delayed(timed, 0, local), more - held, local)
        past = self.past_frames(timed, more, f"{local}_past")
        if timed.outlasts + more > 0:
            cache, following = self.keep(timed, more, 0.0, f"{local}_delay")
            own = replace(timed, name=cache)
            past = self.select(self._other_pushes(0, timed.elem_type), own, past, f"{local}_kept")
            both = self.write.concat([past, timed.name], timed.axis, f"{local}_window")
            chunk = self.frames(timed)
            self.write.slice(both, timed.axis, chunk, chunk + more, f"{local}_keep", following)
        else:
            both = self.write.concat([past, timed.name], timed.axis, f"{local}_window")
        name = self.write.slice(both, timed.axis, 0, self.frames(timed), f"{local}_late")
        left = None
        if more < held:
            left = self.write.slice(str(timed.past), timed.axis, 0, held - more, f"{local}_before")
        return replace(timed, name=name, delay=timed.delay + more, past=left, fill=None)

    def _delayed_edge(self, timed: Timed, more: int, local: str) -> Timed:
        """Return a value later by so many frames that the padding its first frames are is written."""
        chunk, axis = self.frames(timed), timed.axis
        cached = self.cast_for_state(timed, local)
        out = self.window_of(cached, more, 0.0, local)
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

    def window_of(self, timed: Timed, kept: int, fill: float, local: str) -> str:
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
