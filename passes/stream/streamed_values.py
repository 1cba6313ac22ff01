"""The values of a streamed model: what each is called, how it comes, and which dims are merged with time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.passes.stream.counters import Counters
from gru_lower.passes.stream.refusal import Refused, WantsChunk, refuse_many
from gru_lower.passes.stream.timing import Timed

if TYPE_CHECKING:
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.stream.known import Known
    from gru_lower.passes.stream.open_dim import Open
    from gru_lower.passes.stream.writer import Writer

Array = np.ndarray[Any, np.dtype[Any]]


class StreamedValues:
    """The streamed model as far as it is written.

    Attributes:
        known: What is known of the whole model.
        write: Writes nodes, constants and states.
        chunk: K, how many frames of the inputs each push takes.
        timed: The values that come frame by frame, by their name in the whole model.
        latest: Values without time that are as of the latest frame.
        lags: The values whose latest frame these are of.
        uniform: Constants that stand for a value of other dims, by name: they have to be broadcast.
        counted: Values as long as the sequence that may grow by the same from frame to frame, 1 along other axes.
        counters: How many frames there were, and how many there will be.
        kept_states: By the name of a first state the model's own input that it comes from.
        pairs: By such an input the model's own output that is its next value.
        works: What reads more than one frame, by the site: whether anything streams at all.
        steps: The recurrences that step along time, or would if they could, by the site.
        states_of: The first state of each recurrence that steps along time: its input and its output.
        gone: Inputs that nothing asks for any more.
        settles: How many frames behind the last one a state of the model's own still steps on.
        outlasts: Whether frames are pushed behind the end of the stream, for what is late; known once all is written.
        read: The values whose entries an output comes of.
        notes: What there is to say, as ``(code, message, node)``.

    """

    def __init__(self, scope: Scope, known: Known, write: Writer, chunk: int, counter_type: int) -> None:
        """Begin with nothing written."""
        self.scope, self.known, self.write, self.chunk = scope, known, write, chunk
        self.timed: dict[str, Timed] = {}
        self.latest: set[str] = set()
        self.lags: dict[str, Timed] = {}
        self.uniform: dict[str, Array] = {}
        self.counted: dict[str, Array] = {}
        self.renamed: dict[str, str] = {}
        self.counters = Counters(write, chunk, counter_type)
        self.works: list[str] = []
        self.steps: list[str] = []
        self.states_of: dict[str, tuple[str, str]] = {}
        self.gone: set[str] = set()
        self.settles = 0
        self.outlasts = False
        self.read: set[str] = set()
        self.notes: list[tuple[str, str, str]] = []
        self.kept_states: dict[str, str] = {}
        self.pairs: dict[str, str] = {}
        self._delayed: dict[tuple[Any, ...], Timed] = {}
        self._masked: dict[tuple[Any, ...], Timed] = {}
        self._plain: dict[tuple[Any, ...], Timed] = {}
        self._number: tuple[str, str] | None = None

    # -- values ---------------------------------------------------------------------------------------------------

    def name(self, name: str) -> str:
        """Return what a value is called in the streamed model."""
        found = self.timed.get(name)
        return found.name if found is not None else self.renamed.get(name, name)

    def value(self, name: str) -> Array | None:
        """Return what a value always is, or ``None``."""
        return self.known.value(name) if name else None

    def skips(self, name: str) -> bool:
        """Whether a value need not be written, as its dims alone are read, and do not follow time."""
        return name not in self.read and not self.known.grows(name)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the dims of a value at the sizes that were worked out.

        Raises:
            Refused: They are not known.

        """
        found = self.known.shape(name)
        if found is None:
            raise Refused("GL859", f"the shape of {name} cannot be worked out")
        return found

    def shape_of(self, timed: Timed) -> tuple[int, ...]:
        """Return the dims of a timed value at the sizes that were worked out."""
        return tuple(dim if isinstance(dim, int) else self.known.size(dim) for dim in timed.dims)

    def frames(self, timed: Timed) -> int:
        """Return how many frames of a value come with each push.

        Raises:
            WantsChunk: Not a whole number.
            Refused: Too many to be handed over at once.

        """
        rate = timed.rate
        found, rest = divmod(self.chunk * rate.numerator, rate.denominator)
        if rest:
            multiple = (self.chunk * rate).denominator
            raise WantsChunk(multiple, f"it has one frame for every {1 / rate} frames of the inputs")
        refuse_many(found)
        return found

    def frames_at(self, timed: Timed) -> int:
        """Return how many frames a value has at the sizes that were worked out."""
        return timed.length.of(self.known.frames)

    def put(self, output: str, like: Timed, axis: int, **changes: Any) -> Timed:  # noqa: ANN401 - attributes of Timed
        """Note that an output of the whole model comes frame by frame.

        Args:
            output: Its name, in the whole model and the streamed one.
            like: Whose timing it has.
            axis: Its axis of time.
            changes: What else is different.

        Raises:
            Refused: Its shape is not known, or is not what the timing says.

        """
        dims = self.known.dims(output)
        if dims is None:
            raise Refused("GL859", f"the shape of {output} cannot be worked out")
        name = changes.pop("name", output)
        found = like.named(name, axis=axis, dims=tuple(dims), elem_type=self.known.elem_type(output), **changes)
        if found.delay < 0 and found.history is None and found.past is None and found.edge is None:
            raise Refused("GL859", f"what comes before the first frame of {output} is not known")
        refuse_many(found.delay)
        size = self.shape(output)[axis]
        wanted = found.before * self.frames_at(found) * found.after
        if size != wanted:
            raise Refused("GL859", f"axis {axis} of {output} has {size} entries where {wanted} were expected")
        self.frames(found)
        self.timed[output] = found
        return found

    def clock(self) -> Timed:
        """Return a value that has the timing of the model's inputs."""
        return Timed("", (), 1, 0)

    def number(self) -> tuple[str, str]:
        """Return a count of the frames before a push that never stops, in float32, and its next value."""
        if self._number is None:
            self._number = self.write.state("frames_counted", 1, [1], 0.0, "count")
            step = self.write.constant(np.array([self.chunk], np.float32), "counted_step")
            self.write.emit("Add", [self._number[0], step], "counted_next", self._number[1])
        return self._number

    def sources(self, name: str) -> set[str]:
        """Return the inputs of the whole model that a value is computed from."""
        found: set[str] = set()
        pending, seen = [name], {name}
        while pending:
            name = pending.pop()
            index = self.scope.producers.get(name)
            if index is not None:
                read = set(self.scope.nodes[index].input) - seen
                seen |= read
                pending += read
            elif name in self.scope.inputs:
                found.add(name)
        return found

    # -- merged axes ----------------------------------------------------------------------------------------------

    def plain(self, timed: Timed, local: str) -> Timed:
        """Return a value with an axis that is time alone."""
        if not timed.merged:
            return timed
        if timed.before == 1 and isinstance(timed.dims[timed.axis], int):
            return self.as_faster(timed)
        key = timed.identity
        if key in self._plain:
            return self._plain[key]
        if timed.history is not None:
            raise Refused("GL859", f"frames from before the stream are merged with other dims on axis {timed.axis}")
        whole = timed.dims[timed.axis]
        before, after = self.known.part(whole, timed.before), self.known.part(whole, timed.after)
        parts: list[int | Open] = (
            [before] * (timed.before != 1) + [self.frames_at(timed)] + [after] * (timed.after != 1)
        )
        dims = (*timed.dims[: timed.axis], *parts, *timed.dims[timed.axis + 1 :])
        axis = timed.axis + (timed.before != 1)
        result = replace(timed, dims=dims, axis=axis, before=1, after=1)
        result = replace(result, name=self.reshaped(timed.name, result, f"{local}_frames"))
        self._plain[key] = result
        return result

    def as_faster(self, timed: Timed) -> Timed:
        """Return a value whose axis is time and so many entries for each frame as one with so many times the frames."""
        times = timed.after
        return replace(
            timed, rate=timed.rate * times, delay=timed.delay * times, length=timed.length.then(times, 0, 1), after=1
        )

    def merged(self, timed: Timed, like: Timed, output: str, local: str) -> Timed:
        """Return a plain value in the merged form of another."""
        result = replace(timed, dims=like.dims, axis=like.axis, before=like.before, after=like.after)
        return replace(result, name=self.reshaped(timed.name, result, local, output))

    def reshaped(self, name: str, into: Timed, local: str, output: str | None = None) -> str:
        """Write a Reshape to the dims of a timed value."""
        return self.write.reshape(name, self.target(into, local), local, output)

    def target(self, into: Timed, local: str) -> list[int]:
        """Return the dims of a value as a Reshape in the streamed model takes them, with one -1 at most.

        Raises:
            Refused: More than one dim is open.

        """
        found: list[int] = []
        for axis, dim in enumerate(into.dims):
            if not isinstance(dim, int):
                found.append(-1)
            elif axis == into.axis:
                found.append(into.before * self.frames(into) * into.after)
            else:
                found.append(dim)
        if found.count(-1) > 1:
            raise Refused("GL859", f"{local} has more than one open dim", "make other dims static with --fix-dim")
        return found
