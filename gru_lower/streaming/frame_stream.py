"""One stream through a streamed model: frames in, frames out, the states kept in between."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.errors import Unsupported
from gru_lower.streaming.description import size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gru_lower.streaming.description import StreamDescription, StreamedOutput

Array = np.ndarray[Any, np.dtype[Any]]


class FrameStream:
    """One stream, or a batch of streams that begin and end together.

    Args:
        description: What the model says of itself.
        inputs: Of each input of the model, its type and its dims; open ones by name, or ``None``.
        run: Runs the model once.

    """

    def __init__(
        self,
        description: StreamDescription,
        inputs: Mapping[str, tuple[np.dtype[Any], Sequence[int | str | None]]],
        run: Callable[[dict[str, Array]], Mapping[str, Array]],
    ) -> None:
        """Begin the stream."""
        self._description, self._inputs, self._run = description, inputs, run
        self._timed = {each.name: each.axis for each in description.inputs}
        self._states = {each.input: each for each in description.states}
        self._sizes: dict[str, int] = {}
        self._values: dict[str, Array] = {}
        self._given: dict[str, Array] = {}
        self._waiting: dict[str, Array] = {}
        self._rest: dict[str, Array] = {}
        self._fed = self._pushes = 0
        self._ended = False
        self._latest: dict[str, Array] = {}

    def reset(self, states: Mapping[str, Any] | None = None) -> None:
        """Begin again.

        Args:
            states: First values of states by the name of their input, where they are to be others than the model's own.

        """
        self._values, self._waiting, self._sizes, self._latest = {}, {}, {}, {}
        self._fed = self._pushes = 0
        self._ended = False
        self._given = {name: np.asarray(value) for name, value in (states or {}).items()}
        self._refuse_unknown(self._given, self._states, "state")

    @property
    def states(self) -> dict[str, Array]:
        """The states as they are now, by the name of their input; none before the first push."""
        return dict(self._values)

    def push(self, frames: Any = None, **named: Any) -> dict[str, Array]:  # noqa: ANN401 - whatever numpy makes an array of
        """Hand in frames, any number of them, and return those that come out.

        Args:
            frames: The frames: an array, where the model has one input that takes frames, or a dict by input.
            named: The same by name. Inputs without time are handed in the first time at least, and are kept.

        Returns:
            By output: its next frames, of which there may be none; an output without time as of the latest frame.

        Raises:
            Unsupported: An input is missing, unknown or of another shape, or the stream has ended.

        """
        if self._ended:
            raise Unsupported("the stream has ended", code="GL009", hint="begin another one with reset()")
        given = self._arrays(frames, named)
        counts = {name: given[name].shape[axis] for name, axis in self._timed.items()}
        if len(set(counts.values())) > 1:
            raise Unsupported(
                f"the inputs have different numbers of frames: {counts}", code="GL009", hint="hand in as many of each"
            )
        for name, axis in self._timed.items():
            waiting = self._waiting.get(name)
            self._waiting[name] = given[name] if waiting is None else np.concatenate([waiting, given[name]], axis)
        self._fed += next(iter(counts.values()))
        found: list[dict[str, Array]] = []
        chunk = self._description.chunk
        first = next(iter(self._timed))
        while self._waiting[first].shape[self._timed[first]] >= chunk:
            found.append(self._push_chunk(self._take(chunk), None))
        return self._joined(found)

    def flush(self) -> dict[str, Array]:
        """End the stream, and return the frames that were still to come."""
        if self._ended or not self._waiting:
            self._ended = True
            return self._joined([])
        self._ended = True
        first = next(iter(self._timed))
        rest = self._waiting[first].shape[self._timed[first]]
        found: list[dict[str, Array]] = []
        while rest > 0 or self._owed():
            found.append(self._push_chunk(self._take(max(rest, 0)), max(rest, 0) if not found else -1))
            rest = 0
        return self._joined(found)

    @staticmethod
    def axis_of(output: StreamedOutput) -> int | None:
        """Return the axis along which frames of an output are joined, ``None`` for one without time."""
        return output.axis

    def _owed(self) -> bool:
        """Whether some output has frames to come, or its last frame, or a state of the model's own does."""
        if self._pushes * self._description.chunk < self._fed + self._description.settles:
            return True
        for output in self._description.outputs:
            if output.chunk and output.frames_of(self._fed) > self._pushes * output.chunk - output.lag:
                return True
        return False

    def _take(self, frames: int) -> dict[str, Array]:
        """Return a chunk of the frames that wait, with zeros behind them where there are too few."""
        chunk = self._description.chunk
        taken: dict[str, Array] = {}
        for name, axis in self._timed.items():
            here, self._waiting[name] = np.split(self._waiting[name], [frames], axis)
            if frames < chunk:
                shape = list(here.shape)
                shape[axis] = chunk - frames
                here = np.concatenate([here, np.zeros(shape, here.dtype)], axis)
            taken[name] = here
        return taken

    def _push_chunk(self, taken: dict[str, Array], left: int | None) -> dict[str, Array]:
        """Run the model once; ``left`` is how many frames are left where the end comes into sight, -1 behind that."""
        if not self._values:
            self._values = self._first_values()
        end = self._description.end
        if end is not None and left is not None and left >= 0:
            kind = self._values[end.input].dtype
            self._values[end.input] = np.full_like(self._values[end.input], end.known_ahead - left, dtype=kind)
        outputs = self._run({**self._rest, **taken, **self._values})
        self._values = {name: outputs[state.output] for name, state in self._states.items()}
        self._pushes += 1
        return {each.name: self._ready(each, outputs[each.name]) for each in self._description.outputs}

    def _ready(self, output: StreamedOutput, value: Array) -> Array:
        """Return those frames of an output that are the stream's."""
        before = (self._pushes - 1) * output.chunk - output.lag
        until = output.frames_of(self._fed) if self._ended else before + output.chunk
        if output.axis is None:
            if output.chunk and self._ended and before >= until > 0 and output.name in self._latest:
                return self._latest[output.name]
            self._latest[output.name] = value
            return value
        merged = size_of(output.before, self._sizes)
        first, last = max(0, -before), max(0, min(output.chunk, until - before))
        if merged == 1:
            return value[(slice(None),) * output.axis + (slice(first, max(first, last)),)]
        split = value.reshape(*value.shape[: output.axis], merged, output.chunk, *value.shape[output.axis + 1 :])
        return split[(slice(None),) * (output.axis + 1) + (slice(first, max(first, last)),)]

    def _joined(self, pieces: Sequence[dict[str, Array]]) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for output in self._description.outputs:
            if output.axis is None:
                if pieces:
                    found[output.name] = pieces[-1][output.name]
                continue
            merged = size_of(output.before, self._sizes)
            axis = output.axis if merged == 1 else output.axis + 1
            if not pieces:
                continue
            whole = np.concatenate([piece[output.name] for piece in pieces], axis)
            if merged != 1:
                whole = whole.reshape(*whole.shape[: output.axis], -1, *whole.shape[output.axis + 2 :])
            found[output.name] = whole
        return found

    def _first_values(self) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for name, state in self._states.items():
            dtype = self._inputs[name][0]
            if name in self._given:
                found[name] = self._given[name].astype(dtype)
            else:
                declared = self._inputs[name][1]  # dims may have been made static since
                shape = [
                    fixed if isinstance(fixed, int) else dim for dim, fixed in zip(state.shape, declared, strict=True)
                ]
                found[name] = replace(state, shape=tuple(shape)).first_value(dtype, self._sizes)
        return found

    def _arrays(self, frames: Any, named: Mapping[str, Any]) -> dict[str, Array]:  # noqa: ANN401 - see push
        if frames is not None and not isinstance(frames, dict):
            if len(self._timed) != 1:
                raise Unsupported(
                    f"the model has {len(self._timed)} inputs that take frames: {', '.join(self._timed)}",
                    code="GL009",
                    hint="hand them in by name",
                )
            frames = {next(iter(self._timed)): frames}
        given = {**(frames or {}), **named}
        own = {name: kind for name, kind in self._inputs.items() if name not in self._states}
        self._refuse_unknown(given, own, "input")
        found: dict[str, Array] = {}
        for name, (dtype, dims) in own.items():
            if name not in given:
                if name in self._rest:
                    continue
                raise Unsupported(f"the input {name!r} is missing", code="GL009", hint=f"inputs: {', '.join(own)}")
            value = np.asarray(given[name], dtype)
            if value.ndim != len(dims):
                raise Unsupported(
                    f"{name!r} has {value.ndim} axes, the model's has {len(dims)}",
                    code="GL009",
                    hint=f"its dims: {list(dims)}",
                )
            for axis, dim in enumerate(dims):
                if self._timed.get(name) == axis:
                    continue
                if isinstance(dim, int) and value.shape[axis] != dim:
                    raise Unsupported(
                        f"axis {axis} of {name!r} is {value.shape[axis]}, the model's is {dim}",
                        code="GL009",
                        hint=f"its dims: {list(dims)}",
                    )
                for key in (f"{name}:{axis}", *([dim] if isinstance(dim, str) else [])):
                    if self._sizes.setdefault(key, value.shape[axis]) != value.shape[axis]:
                        raise Unsupported(
                            f"axis {axis} of {name!r} is {value.shape[axis]}, and was {self._sizes[key]}",
                            code="GL009",
                            hint="begin another stream with reset()",
                        )
            if name in self._timed:
                found[name] = value
            else:
                self._rest[name] = value
        return found

    @staticmethod
    def _refuse_unknown(given: Mapping[str, Any], known: Mapping[str, Any], what: str) -> None:
        unknown = [name for name in given if name not in known]
        if unknown:
            raise Unsupported(f"there is no {what} {unknown[0]!r}", code="GL009", hint=f"{what}s: {', '.join(known)}")
