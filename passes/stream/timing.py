"""Where a value's time runs, how fast, how late and how long: what is known of a value that comes frame by frame."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from gru_lower.passes.stream.open_dim import Open

Array = np.ndarray[Any, np.dtype[Any]]

LONG = 5040
"""A sequence length that all small strides divide: where lengths are compared, and shapes worked out."""
SPAN = 64
"""How many lengths in a row are tried where all of them matter: more than any product of strides that occurs."""


@dataclass(frozen=True)
class Length:
    """How many frames a value has, given how many the model is fed: ``(T * times + plus) // over``, step by step.

    Attributes:
        steps: The steps, each ``(times, plus, over)``.

    """

    steps: tuple[tuple[int, int, int], ...] = ()

    def of(self, frames: int) -> int:
        """Return the length for so many frames of the model's inputs; negative ones extend the rule."""
        for times, plus, over in self.steps:
            frames = (frames * times + plus) // over
        return frames

    def then(self, times: int, plus: int, over: int) -> Length:
        """Return the length after one more step."""
        if (times, plus, over) == (1, 0, 1):
            return self
        if self.steps and self.steps[-1][2] == 1:
            a, b, _ = self.steps[-1]
            return Length((*self.steps[:-1], (a * times, b * times + plus, over))).plain()
        return Length((*self.steps, (times, plus, over)))

    def plain(self) -> Length:
        """Return the same without a step that does nothing."""
        return Length(tuple(step for step in self.steps if step != (1, 0, 1)))

    @property
    def is_constant(self) -> bool:
        """Whether it is the same however many there are, as of the first frames of a value."""
        return self.of(LONG) == self.of(0)

    def plus(self, frames: int) -> Length:
        """Return the length with so many frames more."""
        return self.then(1, frames, 1)

    def agrees(self, other: Length) -> bool:
        """Whether two values are equally long wherever a model that joins them can run."""
        return all(self.of(LONG * k) == other.of(LONG * k) for k in (1, 2))


@dataclass(frozen=True)
class Edge:
    """The first frames of a value are padding that repeats or mirrors those behind them; they are not written yet.

    Attributes:
        frames: How many.
        mirrors: Whether they are the second frame behind them and the next ones, nearest first; else all are the first.

    """

    frames: int
    mirrors: bool

    @property
    def ahead(self) -> int:
        """How many frames behind the first one have to come before the padding is known."""
        return self.frames if self.mirrors else 0

    def without(self, frames: int) -> Edge | None:
        """Return what is left where so many first frames are cut off."""
        return replace(self, frames=self.frames - frames) if frames < self.frames else None


@dataclass(frozen=True)
class Timed:
    """A value that comes frame by frame.

    In push ``n`` (from 0) the streamed model has its frames ``n * chunk - delay`` up to, not including,
    ``(n + 1) * chunk - delay``. Those below 0, and from ``length`` on, hold whatever they hold.

    Attributes:
        name: Its name in the streamed model.
        dims: Its dims at the sizes that were worked out, open ones by name; that of time as it was worked out.
        elem_type: Its ``TensorProto.DataType``.
        axis: The axis that time runs along.
        rate: How many of its frames stand for one frame of the model's inputs.
        delay: How many frames it is late. Below 0, its first ``-delay`` frames never come: they are ``history``.
        length: How many frames it has in all.
        before: The product of the dims merged into the axis in front of time, at the sizes that were worked out.
        after: That of those merged in behind time.
        history: The frames that come before the first push, where ``delay`` is below 0; 1 along open dims.
        past: The name of a state of the model's own that holds the ``-delay`` frames before those of each push.
        edge: The padding that its first frames are, where these are not written yet.
        fill: What the frames before the begin and from the end on hold, where that is known.
        tame: Whether frames made of zeros are finite in it.

    """

    name: str
    dims: tuple[int | Open, ...]
    elem_type: int
    axis: int
    rate: Fraction = Fraction(1)
    delay: int = 0
    length: Length = Length()
    before: int = 1
    after: int = 1
    history: Array | None = None
    past: str | None = None
    edge: Edge | None = None
    fill: float | None = None
    tame: bool = True

    @property
    def merged(self) -> bool:
        """Whether other dims stand in the same axis."""
        return self.before != 1 or self.after != 1

    @property
    def outlasts(self) -> Fraction:
        """How many of its frames come behind those that stand for the last frame of the inputs."""
        return self.length.of(LONG) - self.rate * LONG + self.delay

    @property
    def identity(self) -> tuple[Any, ...]:
        """What tells it from other values of the same name: views along time are written as no node of their own."""
        history = None if self.history is None else self.history.tobytes()
        return self.name, self.delay, self.length, self.rate, history, self.past, self.edge

    def named(self, name: str, **changes: Any) -> Timed:  # noqa: ANN401 - whatever the attributes hold
        """Return another value of the same timing; what its frames outside hold is not known."""
        kept = {**vars(self), "name": name, "fill": None, "history": None, "past": None, "edge": None, **changes}
        return Timed(**kept)

    def same_clock(self, other: Timed) -> bool:
        """Whether frames of both stand for the same time."""
        return self.rate == other.rate and self.length.agrees(other.length)
