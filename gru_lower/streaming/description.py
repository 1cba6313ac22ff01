"""What a streamed model says of itself in its metadata: chunk, lag, states and their first values."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.errors import InvalidModel
from gru_lower.light_dataclass import dataclass
from gru_lower.plain_data import PlainData

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx

Array = np.ndarray[Any, np.dtype[Any]]
KEY = "gru_lower.stream"
"""The key of ``metadata_props``."""
VERSION = 1


@dataclass(frozen=True)
class State(PlainData):
    """A state of a streamed model: an input, and the output that is the input's next value.

    Attributes:
        input: The name of the input.
        output: The name of the output.
        shape: Its dims; one that is open is spelled by the inputs' dims it is a product of: ``batch``, ``17*batch``.
        first: Its first value: a number, or nested lists that broadcast to the shape.
        kind: ``recurrent`` for a state of a GRU, LSTM or RNN, ``cache`` for frames kept for later, ``sum`` for a
            running sum, ``count`` for a counter.

    """

    input: str
    output: str
    shape: tuple[int | str, ...]
    first: Any
    kind: str = "cache"

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in JSON; numbers JSON has no word for are text."""
        shape = list(self.shape)
        return {
            "input": self.input,
            "output": self.output,
            "shape": shape,
            "first": _spelled(self.first),
            "kind": self.kind,
        }

    def first_value(self, dtype: np.dtype[Any], sizes: Mapping[str, int]) -> Array:
        """Return the first value.

        Args:
            dtype: The input's type.
            sizes: The length of each open dim.

        """
        value = np.asarray(_read(self.first), dtype)
        return np.ascontiguousarray(np.broadcast_to(value, [size_of(dim, sizes) for dim in self.shape]))


@dataclass(frozen=True)
class TimedInput(PlainData):
    """An input that takes frames.

    Attributes:
        name: Its name.
        axis: The axis of time.

    """

    name: str
    axis: int

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in JSON."""
        return {"name": self.name, "axis": self.axis}


@dataclass(frozen=True)
class StreamedOutput(PlainData):
    """An output of a streamed model.

    Attributes:
        name: Its name.
        axis: The axis of time; ``None`` for one without time, which is as of the latest frame.
        chunk: How many frames it has in each push.
        lag: How many frames it is late: so many of the first ones are not to be used.
        length: How many frames it has of a sequence of T: ``(T * times + plus) // over``, step by step.
        before: How many lengths are merged into the axis in front of time: a number or a product of open dims.

    """

    name: str
    axis: int | None
    chunk: int
    lag: int
    length: tuple[tuple[int, int, int], ...] = ()
    before: int | str = 1

    def frames_of(self, fed: int) -> int:
        """Return how many frames there are in all of a sequence of so many."""
        for times, plus, over in self.length:
            fed = (fed * times + plus) // over
        return max(fed, 0)

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in JSON."""
        entry: dict[str, Any] = {"name": self.name, "axis": self.axis, "chunk": self.chunk, "lag": self.lag}
        entry["length"] = [list(step) for step in self.length]
        if self.before != 1:
            entry["before"] = self.before
        return entry


@dataclass(frozen=True)
class Ending(PlainData):
    """The counter that tells a streamed model where the stream ends.

    Attributes:
        input: Its input: 0 for as long as no end is in sight.
        known_ahead: What it is to be where a chunk begins that has no valid frame: with ``n`` valid frames, ``n`` less.

    """

    input: str
    known_ahead: int

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in JSON."""
        return {"input": self.input, "known_ahead": self.known_ahead}


@dataclass(frozen=True)
class StreamDescription(PlainData):
    """All that a caller needs to run a streamed model.

    Attributes:
        chunk: How many frames each push takes.
        lag: How many frames of the inputs the outputs are late, at most.
        inputs: The inputs that take frames.
        outputs: All outputs that are no states.
        states: The states, in the order of their inputs.
        end: How to say that the stream ends, ``None`` where nothing depends on that.
        context: How many earlier frames the whole model is given beside each chunk, for a model streamed by windows.
        settles: How many frames behind the last one have to be pushed until the model's own states are the last ones.

    """

    chunk: int
    lag: int
    inputs: tuple[TimedInput, ...]
    outputs: tuple[StreamedOutput, ...]
    states: tuple[State, ...]
    end: Ending | None = None
    context: int | None = None
    settles: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the metadata and in the report."""
        entry: dict[str, Any] = {
            "version": VERSION,
            "chunk": self.chunk,
            "lag": self.lag,
            "inputs": [each.to_dict() for each in self.inputs],
            "outputs": [each.to_dict() for each in self.outputs],
            "states": [each.to_dict() for each in self.states],
            "end": None if self.end is None else self.end.to_dict(),
        }
        if self.context is not None:
            entry["context"] = self.context
        if self.settles:
            entry["settles"] = self.settles
        return entry


def describe(proto: onnx.ModelProto) -> StreamDescription | None:
    """Read what a model says of itself, ``None`` where it is no streamed model.

    Raises:
        InvalidModel: The entry cannot be read.

    """
    text = next((entry.value for entry in proto.metadata_props if entry.key == KEY), None)
    return None if text is None else read(text)


def read(text: str) -> StreamDescription:
    """Read the JSON of a streamed model.

    Raises:
        InvalidModel: It is none.

    """
    try:
        found = json.loads(text)
        end = found.get("end")
        return StreamDescription(
            chunk=int(found["chunk"]),
            lag=int(found["lag"]),
            inputs=tuple(TimedInput(each["name"], int(each["axis"])) for each in found["inputs"]),
            outputs=tuple(_output(each) for each in found["outputs"]),
            states=tuple(
                State(each["input"], each["output"], tuple(each["shape"]), each["first"], each.get("kind", "cache"))
                for each in found["states"]
            ),
            end=None if end is None else Ending(end["input"], int(end["known_ahead"])),
            context=found.get("context"),
            settles=int(found.get("settles", 0)),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidModel(
            f'metadata_props["{KEY}"] cannot be read: {error}',
            code="GL869",
            hint="stream the model again: gru-lower stream",
        ) from error


def write(description: StreamDescription, proto: onnx.ModelProto) -> None:
    """Put a description into a model's metadata, in place of one that is there."""
    kept = [entry for entry in proto.metadata_props if entry.key != KEY]
    del proto.metadata_props[:]
    proto.metadata_props.extend(kept)
    proto.metadata_props.add(key=KEY, value=json.dumps(description.to_dict(), separators=(",", ":")))


def size_of(dim: int | str, sizes: Mapping[str, int]) -> int:
    """Return the length of a dim that may be a product of open ones: ``"17*batch"``."""
    if isinstance(dim, int):
        return dim
    return math.prod(
        int(part) if part.isdecimal() and len(part) < 20 else sizes.get(part, 1) for part in dim.split("*")
    )


def _output(each: Mapping[str, Any]) -> StreamedOutput:
    length = tuple((int(a), int(b), int(c)) for a, b, c in each.get("length", ()))
    return StreamedOutput(
        each["name"], each["axis"], int(each["chunk"]), int(each["lag"]), length, each.get("before", 1)
    )


def _spelled(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return [_spelled(each) for each in value]
    return value if math.isfinite(value) else str(float(value))


def _read(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return [_read(each) for each in value]
    return float(value)
