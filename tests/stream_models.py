"""Networks that stream, drawn at random, and running whole and streamed models side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from gru_lower.streaming import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Array = np.ndarray[Any, np.dtype[Any]]
END = 1 << 40


def text_model(text: str) -> onnx.ModelProto:
    """Return a model written as text, its weights constants."""
    model = onnx.parser.parse_model(text)
    rng = np.random.default_rng(0)
    for value in list(model.graph.input):
        if value.name[0].isupper() or value.name.startswith("w_"):
            shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
            weights = (rng.standard_normal(shape) * 0.4).astype(np.float32)
            model.graph.initializer.append(numpy_helper.from_array(weights, value.name))
    return model


def whole_run(model: onnx.ModelProto, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Run a whole-sequence model."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    asked = {each.name for each in session.get_inputs()}
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(None, {k: v for k, v in feeds.items() if k in asked}), strict=True))


def streamed_run(model: onnx.ModelProto, feeds: Mapping[str, Array], pushed: int) -> dict[str, Array]:
    """Run a streamed model on whole sequences, so many frames pushed at a time."""
    session = Session(model)
    description = session.description
    times = {each.name: each.axis for each in description.inputs}
    states = {each.input for each in description.states}
    session.reset({name: value for name, value in feeds.items() if name in states})
    fed = next(feeds[name].shape[axis] for name, axis in times.items())
    asked = {each.name for each in model.graph.input} - states
    pieces: dict[str, list[Array]] = {each.name: [] for each in description.outputs}

    def frames(begin: int) -> dict[str, Array]:
        here = range(begin, min(begin + pushed, fed))
        given = {name: value for name, value in feeds.items() if name in asked}
        return given | {name: np.take(given[name], here, axis=axis) for name, axis in times.items()}

    for each in [*(session.push(frames(begin)) for begin in range(0, fed, pushed)), session.flush()]:
        for name, value in each.items():
            pieces[name].append(value)
    axes = {each.name: each.axis for each in description.outputs}
    joined = {n: p[-1] if axes[n] is None else np.concatenate(p, axes[n]) for n, p in pieces.items() if p}
    return joined | {each.output: session.states[each.input] for each in description.states}


def streamed_error(
    whole: onnx.ModelProto, streamed: onnx.ModelProto, feeds: Mapping[str, Array], pushes: Sequence[int]
) -> float:
    """Return how far a streamed model's outputs are from the whole one's, relative to the largest."""
    expected, worst = whole_run(whole, feeds), 0.0
    for pushed in pushes:
        actual = streamed_run(streamed, feeds, pushed)
        for name, right in expected.items():
            assert actual[name].shape == right.shape, (name, pushed)
            assert np.isfinite(actual[name]).all()
            if right.size:
                error = np.abs(actual[name].astype(np.float64) - right).max() / (1 + np.abs(right).max())
                worst = max(worst, float(error))
    return worst


@dataclass(frozen=True)
class Value:
    """A value of a drawn network: [B, channels, T / 2**level]."""

    name: str
    channels: int
    level: int


@dataclass(frozen=True)
class Network:
    """A drawn network.

    Attributes:
        model: From ``x`` [B, channels, T].
        channels: How many channels x has.
        multiple: What T and the chunk have to be a multiple of.
        layers: What it is made of.

    """

    model: onnx.ModelProto
    channels: int
    multiple: int
    layers: list[str]


@dataclass
class Drawing:
    """A network while it is drawn."""

    rng: np.random.Generator
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)

    def op(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node, and return its output."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=f"{kind}_{len(self.nodes)}", **attributes))
        return name

    def const(self, value: Any, kind: Any = np.float32) -> str:
        """Add a constant."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def ints(self, *values: int) -> str:
        """Add a vector of whole numbers."""
        return self.const(values, np.int64)

    def weights(self, *shape: int) -> str:
        """Add weights."""
        return self.const(self.rng.standard_normal(shape) * 0.4)

    def upto(self, low: int, high: int) -> int:
        """Draw a number, both ends included."""
        return int(self.rng.integers(low, high + 1))

    def frames_last(self, name: str) -> str:
        """Bring [B, T, C] to [B, C, T], or back."""
        return self.op("Transpose", [name], perm=[0, 2, 1])


def conv(d: Drawing, v: Value) -> Value:
    """Padding anywhere from causal to all ahead."""
    kernel, dilation, out = d.upto(1, 4), d.upto(1, 3), d.upto(1, 5)
    reach = (kernel - 1) * dilation
    left = d.upto(0, reach)
    inputs = [v.name, d.weights(out, v.channels, kernel), d.weights(out)]
    name = d.op("Conv", inputs, kernel_shape=[kernel], dilations=[dilation], pads=[left, reach - left])
    return Value(name, out, v.level)


def chomped(d: Drawing, v: Value) -> Value:
    """Padding on both sides, and the end cut off, as TCNs do."""
    kernel, dilation = d.upto(2, 3), d.upto(1, 2)
    reach = (kernel - 1) * dilation
    inputs = [v.name, d.weights(v.channels, v.channels, kernel)]
    name = d.op("Conv", inputs, kernel_shape=[kernel], dilations=[dilation], pads=[reach, reach])
    return Value(d.op("Slice", [name, d.ints(0), d.ints(-reach), d.ints(2)]), v.channels, v.level)


def recurrence(d: Drawing, v: Value) -> Value:
    """A GRU, LSTM or RNN; some begin from learned states."""
    kind, gates = [("GRU", 3), ("LSTM", 4), ("RNN", 1)][d.upto(0, 2)]
    hidden = d.upto(2, 5)
    x = d.op("Transpose", [v.name], perm=[2, 0, 1])
    inputs = [x, d.weights(1, gates * hidden, v.channels), d.weights(1, gates * hidden, hidden)]
    inputs.append(d.weights(1, 2 * gates * hidden))
    if d.rng.random() < 0.3:
        batch = d.op("Slice", [d.op("Shape", [x]), d.ints(1), d.ints(2)])
        dims = d.op("Concat", [d.ints(1), batch, d.ints(hidden)], axis=0)
        inputs += ["", d.op("Expand", [d.weights(1, 1, hidden), dims])]
    squeezed = d.op("Squeeze", [d.op(kind, inputs, hidden_size=hidden), d.ints(1)])
    return Value(d.op("Transpose", [squeezed], perm=[1, 2, 0]), hidden, v.level)


def skip(d: Drawing, v: Value) -> Value:
    """An earlier value added, taken from it, multiplied, or joined."""
    others = [each for each in d.values if each.level == v.level]
    other = others[d.upto(0, len(others) - 1)]
    if other.channels == v.channels and d.rng.random() < 0.6:
        return Value(d.op(["Add", "Sub", "Mul"][d.upto(0, 2)], [v.name, other.name]), v.channels, v.level)
    return Value(d.op("Concat", [v.name, other.name], axis=1), v.channels + other.channels, v.level)


def norm(d: Drawing, v: Value) -> Value:
    """Over the features of each frame: a layer norm, a batch norm, groups of a flattened batch, or softmax."""
    c = v.channels
    which = d.upto(0, 3)
    if which == 0:
        inputs = [v.name, d.weights(c), d.weights(c), d.weights(c), d.const(np.full(c, 0.7))]
        return Value(d.op("BatchNormalization", inputs), c, v.level)
    if which == 1:
        return Value(d.op("Softmax", [v.name], axis=1), c, v.level)
    rows = d.frames_last(v.name)
    if which == 2 or c % 2:
        return Value(d.frames_last(d.op("LayerNormalization", [rows, d.weights(c), d.weights(c)])), c, v.level)
    groups = d.op("Reshape", [rows, d.ints(-1, 2, c // 2)])
    normed = d.op("InstanceNormalization", [groups, d.weights(2), d.weights(2)])
    return Value(d.frames_last(d.op("Reshape", [normed, d.op("Shape", [rows])])), c, v.level)


def slower(d: Drawing, v: Value) -> Value:
    """Half as many frames: by a stride, a pool, or every second one."""
    if v.level == 2:
        return v
    which = d.upto(0, 2)
    if which == 0:
        return Value(d.op("MaxPool", [v.name], kernel_shape=[2], strides=[2]), v.channels, v.level + 1)
    if which == 1:
        return Value(d.op("Slice", [v.name, d.ints(0), d.ints(END), d.ints(2), d.ints(2)]), v.channels, v.level + 1)
    kernel, out = d.upto(2, 5), d.upto(1, 4)
    pads = kernel - 2 if kernel % 2 == 0 else kernel - 1
    left = d.upto(0, pads)
    inputs = [v.name, d.weights(out, v.channels, kernel), d.weights(out)]
    name = d.op("Conv", inputs, kernel_shape=[kernel], strides=[2], pads=[left, pads - left])
    return Value(name, out, v.level + 1)


def faster(d: Drawing, v: Value) -> Value:
    """Twice as many frames: by a ConvTranspose."""
    if v.level == 0:
        return v
    kernel, out = d.upto(2, 4), d.upto(1, 4)
    left = d.upto(0, kernel - 2)
    inputs = [v.name, d.weights(v.channels, out, kernel), d.weights(out)]
    name = d.op("ConvTranspose", inputs, kernel_shape=[kernel], strides=[2], pads=[left, kernel - 2 - left])
    return Value(name, out, v.level - 1)


def padded(d: Drawing, v: Value) -> Value:
    """Padding of its own, with a function behind it, and a convolution or a cut that takes it away."""
    front, back = d.upto(0, 3), d.upto(0, 2)
    fill = d.const([0.0, 0.0, 1.5][d.upto(0, 2)])
    name = d.op("Pad", [v.name, d.ints(0, 0, front, 0, 0, back), fill])
    if d.rng.random() < 0.5:
        name = d.op("Tanh", [name])
    if d.rng.random() < 0.7:
        kernel, out = front + back + 1, d.upto(1, 4)
        return Value(d.op("Conv", [name, d.weights(out, v.channels, kernel)], kernel_shape=[kernel]), out, v.level)
    end = d.ints(-front if front else END)
    return Value(d.op("Slice", [name, d.ints(back), end, d.ints(2)]), v.channels, v.level)


def stacked(d: Drawing, v: Value) -> Value:
    """Each frame beside those around it: the value padded, cut in different places, and joined."""
    front, back = d.upto(0, 2), d.upto(0, 2)
    name = d.op("Pad", [v.name, d.ints(0, 0, front, 0, 0, back), d.const(0.0)])
    if d.rng.random() < 0.3:
        name = d.op("Sigmoid", [name])
    total = front + back
    places = [d.upto(0, total) for _ in range(d.upto(2, 3))]
    ends = [d.ints(place - total if place < total else END) for place in places]
    parts = [d.op("Slice", [name, d.ints(at), end, d.ints(2)]) for at, end in zip(places, ends, strict=True)]
    return Value(d.op("Concat", parts, axis=1), v.channels * len(parts), v.level)


def shifted(d: Drawing, v: Value) -> Value:
    """Earlier or later by some frames: what is cut off one end is padded at the other, by one Pad."""
    by = d.upto(-3, 3)
    name = d.op("Pad", [v.name, d.ints(0, 0, by, 0, 0, -by), d.const([0.0, 0.5][d.upto(0, 1)])])
    return Value(name, v.channels, v.level)


def pooled(d: Drawing, v: Value) -> Value:
    """A pool over frames that keeps their number."""
    kernel = d.upto(2, 4)
    left = d.upto(0, kernel - 1)
    how: dict[str, Any] = {"kernel_shape": [kernel], "pads": [left, kernel - 1 - left]}
    if d.rng.random() < 0.5:
        return Value(d.op("MaxPool", [v.name], **how), v.channels, v.level)
    return Value(d.op("AveragePool", [v.name], count_include_pad=1, **how), v.channels, v.level)


def flattened(d: Drawing, v: Value) -> Value:
    """Batch and time flattened into rows of a Gemm, and back."""
    out, rows = d.upto(1, 5), d.frames_last(v.name)
    shape = d.op("Slice", [d.op("Shape", [rows]), d.ints(0), d.ints(2)])
    flat = d.op("Reshape", [rows, d.ints(-1, v.channels)])
    made = d.op("Relu", [d.op("Gemm", [flat, d.weights(v.channels, out), d.weights(out)])])
    back = d.op("Reshape", [made, d.op("Concat", [shape, d.ints(out)], axis=0)])
    return Value(d.frames_last(back), out, v.level)


def running(d: Drawing, v: Value) -> Value:
    """A sum over all frames so far."""
    summed = d.op("CumSum", [v.name, d.const(2, np.int64)], exclusive=d.upto(0, 1))
    return Value(d.op("Mul", [summed, d.const(0.02)]), v.channels, v.level)


def function(d: Drawing, v: Value) -> Value:
    """A function of each element."""
    return Value(d.op(["Relu", "Tanh", "Sigmoid", "Softplus"][d.upto(0, 3)], [v.name]), v.channels, v.level)


LAYERS: tuple[Callable[[Drawing, Value], Value], ...] = (
    *(conv, conv, conv, chomped, recurrence, recurrence, skip, skip, skip, norm, slower, faster, padded, pooled),
    *(flattened, running, function, stacked, shifted),
)


def random_network(seed: int) -> Network:
    """Draw a network of three to ten layers."""
    rng = np.random.default_rng(seed)
    drawing = Drawing(rng)
    channels = drawing.upto(2, 5)
    drawing.values.append(Value("x", channels, 0))
    layers: list[str] = []
    while len(layers) < drawing.upto(3, 10) or len(drawing.values) < 3:
        at = drawing.values[-1 if rng.random() < 0.7 else drawing.upto(0, len(drawing.values) - 1)]
        layer = LAYERS[drawing.upto(0, len(LAYERS) - 1)]
        made = layer(drawing, at)
        if made is not at:
            drawing.values.append(made)
            layers.append(layer.__name__)
    outputs = {drawing.values[-1].name, drawing.values[drawing.upto(1, len(drawing.values) - 1)].name}
    graph = helper.make_graph(
        drawing.nodes,
        "drawn",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["B", channels, "T"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["a", "b", "c"]) for name in sorted(outputs)],
        drawing.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return Network(model, channels, 2 ** max(each.level for each in drawing.values), layers)
