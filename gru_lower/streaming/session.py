"""Sessions that run a streamed model in onnxruntime and keep its states."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from gru_lower.errors import Unsupported
from gru_lower.gru.session_options import session_options
from gru_lower.streaming.description import describe
from gru_lower.streaming.frame_stream import FrameStream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gru_lower.streaming.description import StreamDescription

Array = np.ndarray[Any, np.dtype[Any]]

TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(int16)": "int16",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(bool)": "bool",
}
"""numpy's types by onnxruntime's."""


class Session:
    """A streamed model in onnxruntime, and one stream through it; :meth:`stream` gives others.

    Args:
        model: A streamed model: a path, bytes, a ModelProto, or what :func:`gru_lower.stream` gives back.
        providers: onnxruntime's execution providers, in order of preference.
        threads: How many threads onnxruntime takes; 0 for one per core.

    Where GRU nodes read weights in int8, onnxruntime is told to compute the floats once, when it loads the model:
    ``session.disable_quant_qdq`` = "1".

    Attributes:
        description: What the model says of itself: chunk, lag, inputs, outputs and states.

    Raises:
        Unsupported: It is no streamed model.

    """

    def __init__(self, model: Any, *, providers: Sequence[str] = ("CPUExecutionProvider",), threads: int = 1) -> None:  # noqa: ANN401 - see the class
        """Load the model, and begin a stream."""
        import onnxruntime

        raw, proto = _read(getattr(model, "model", model) if hasattr(model, "report") else model)
        found = describe(proto)
        if found is None:
            raise Unsupported("it is no streamed model", code="GL863", hint="make one of it: gru-lower stream")
        self.description: StreamDescription = found
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        for name, value in session_options(proto).items():
            options.add_session_config_entry(name, value)
        self._session = onnxruntime.InferenceSession(raw, options, providers=list(providers))
        states = {each.input for each in found.states}
        given = [each for each in self._session.get_overridable_initializers() if each.name in states]
        self._inputs = {
            each.name: (np.dtype(TYPES[each.type]), list(each.shape)) for each in [*self._session.get_inputs(), *given]
        }
        self._outputs = [each.name for each in self._session.get_outputs()]
        self._own = self.stream()

    def stream(self) -> FrameStream:
        """Begin another stream, with states of its own."""
        return FrameStream(self.description, self._inputs, self._run)

    def push(self, frames: Any = None, **named: Any) -> dict[str, Array]:  # noqa: ANN401 - whatever numpy makes an array of
        """Hand in frames, return those that come out: :meth:`gru_lower.streaming.frame_stream.FrameStream.push`."""
        return self._own.push(frames, **named)

    def flush(self) -> dict[str, Array]:
        """End the stream, and return the frames that were still to come."""
        return self._own.flush()

    def reset(self, states: Mapping[str, Any] | None = None) -> None:
        """Begin again; see :meth:`gru_lower.streaming.frame_stream.FrameStream.reset`."""
        self._own.reset(states)

    @property
    def states(self) -> dict[str, Array]:
        """The states as they are now, by the name of their input."""
        return self._own.states

    def _run(self, feeds: dict[str, Array]) -> dict[str, Array]:
        outputs: list[Any] = list(self._session.run(None, feeds))
        return dict(zip(self._outputs, outputs, strict=True))


def _read(model: Any) -> tuple[Any, onnx.ModelProto]:  # noqa: ANN401 - whatever holds a model
    """Return a model as onnxruntime takes it, and as a ModelProto."""
    if isinstance(model, (str, os.PathLike)):
        return str(model), onnx.load(Path(model), load_external_data=False)
    if isinstance(model, onnx.ModelProto):
        return model.SerializeToString(), model
    raw = bytes(model)
    return raw, onnx.ModelProto.FromString(raw)
