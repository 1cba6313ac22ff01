"""The operators that make of given noise what a drawing node makes of noise of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import AttributeProto, NodeProto, TensorProto, helper, numpy_helper

from gru_lower.verification.noise.find_draws import elem_type_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from gru_lower.verification.noise.find_draws import Draw

OLDEST_OPSET = 9
"""NonZero, ConstantOfShape and Where are of this opset."""

_NORMAL = (("mean", 0.0), ("scale", 1.0))
_UNIFORM = (("low", 0.0), ("high", 1.0))
_NOISE_LENGTH = 4099  # prime, so that no row of a tensor repeats another
_COUNTER_STRIDE = 31


def nodes_for(draw: Draw, number: int) -> list[NodeProto]:
    """Return nodes with the outputs of a drawing node; the noise depends on a number only.

    Args:
        draw: The node.
        number: The same for draws that stand for each other.

    """
    writer = _Writer(draw, number)
    makers: dict[str, Callable[[_Writer], None]] = {
        "normal": _normal,
        "uniform": _uniform,
        "Bernoulli": _bernoulli,
        "Multinomial": _multinomial,
        "Dropout": _dropout,
    }
    makers[draw.family](writer)
    return writer.nodes


class _Writer:
    """Collects nodes, and names their values after the one that was drawn."""

    def __init__(self, draw: Draw, number: int) -> None:
        self.draw, self.node = draw, draw.node
        self.nodes: list[NodeProto] = []
        self._rng = np.random.default_rng([17, number % (1 << 32)])
        self.attributes: dict[str, Any] = {
            attribute.name: helper.get_attribute_value(attribute)
            for attribute in draw.node.attribute
            if attribute.type != AttributeProto.GRAPH
        }

    def op(self, op_type: str, *inputs: str, to: str = "", **attributes: Any) -> str:  # noqa: ANN401 - attributes
        """Add a node and return its output."""
        name = to or f"{self.draw.name}.noise.{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, list(inputs), [name], **attributes))
        return name

    def constant(self, value: npt.ArrayLike) -> str:
        """Add a constant and return its name."""
        return self.op("Constant", value=numpy_helper.from_array(np.asarray(value)))

    def noise(self, shape: str, *, kind: str) -> str:
        """Return as many float32 numbers as a shape has elements: "normal", "uniform" or "gumbel"."""
        uniform = self._rng.uniform(2**-24, 1 - 2**-24, _NOISE_LENGTH)
        values = {
            "uniform": uniform,
            "gumbel": -np.log(-np.log(uniform)),
            "normal": self._rng.standard_normal(_NOISE_LENGTH),
        }[kind]
        buffer = self.constant(values.astype(np.float32))
        size = self.op("ReduceProd", shape, keepdims=1)
        ones = self.op("ConstantOfShape", size, value=numpy_helper.from_array(np.array([1], np.int64)))
        places = self.op("Reshape", self.op("NonZero", ones), self.constant(np.array([-1], np.int64)))
        for depth, counter in enumerate(self.draw.counters):
            stride = self.op("Add", size, self.constant(np.int64(1 + _COUNTER_STRIDE * depth)))
            places = self.op("Add", places, self.op("Mul", counter, stride))
        length = self.constant(np.int64(_NOISE_LENGTH))
        places = self.op("Sub", places, self.op("Mul", self.op("Div", places, length), length))
        empty_too: dict[str, Any] = {"allowzero": 1} if self.draw.scope.opset >= 14 else {}
        return self.op("Reshape", self.op("Gather", buffer, places), shape, **empty_too)

    def cast_like(self, value: str, like: str, to: str = "") -> str:
        """Return a value in the type of another one."""
        if self.draw.scope.opset >= 15:
            return self.op("CastLike", value, like, to=to)
        return self.cast(value, elem_type_of(self.draw.scope, like), to)

    def cast(self, value: str, elem_type: int, to: str = "") -> str:
        """Return a value in another type."""
        name = to or f"{self.draw.name}.noise.{len(self.nodes)}"
        self.nodes.append(helper.make_node("Cast", [value], [name], to=elem_type))
        return name

    def shape_of_output(self) -> str:
        """Return the shape of what is drawn: an attribute, or the input's."""
        if "shape" in self.attributes:
            return self.constant(np.array(self.attributes["shape"], np.int64))
        return self.op("Shape", self.node.input[0])

    def drawn(self, value: str, default: int | None = None) -> None:
        """Write a value to the node's first output, in the type it has."""
        elem_type = self.attributes.get("dtype", default)
        if elem_type is None:
            self.cast_like(value, self.node.input[0], to=self.node.output[0])
        else:
            self.cast(value, elem_type, to=self.node.output[0])


def _normal(w: _Writer) -> None:
    mean, scale = (w.constant(np.float32(w.attributes.get(name, default))) for name, default in _NORMAL)
    noise = w.noise(w.shape_of_output(), kind="normal")
    w.drawn(w.op("Add", w.op("Mul", noise, scale), mean), _default_type(w))


def _uniform(w: _Writer) -> None:
    low, high = (np.float32(w.attributes.get(name, default)) for name, default in _UNIFORM)
    noise = w.noise(w.shape_of_output(), kind="uniform")
    w.drawn(w.op("Add", w.op("Mul", noise, w.constant(high - low)), w.constant(low)), _default_type(w))


def _default_type(w: _Writer) -> int | None:
    """Return the type that is drawn where none is stated; ``None`` for that of the input."""
    return TensorProto.FLOAT if "shape" in w.attributes else None


def _bernoulli(w: _Writer) -> None:
    chance = w.cast(w.node.input[0], TensorProto.FLOAT)
    w.drawn(w.op("Less", w.noise(w.shape_of_output(), kind="uniform"), chance))


def _multinomial(w: _Writer) -> None:
    """Draw as the largest of scores with Gumbel's noise: classes of the chances that the scores are logarithms of."""
    scores = w.cast(w.node.input[0], TensorProto.FLOAT)
    zero, one = (w.constant(np.array([number], np.int64)) for number in range(2))
    samples = w.constant(np.array([w.attributes.get("sample_size", 1)], np.int64))
    size = w.op("Shape", scores)
    batch, classes = w.op("Gather", size, zero), w.op("Gather", size, one)
    noise = w.noise(w.op("Concat", batch, samples, classes, axis=0), kind="gumbel")
    wide = w.op("Reshape", scores, w.op("Concat", batch, one, classes, axis=0))
    noisy = w.op("Add", wide, noise)
    w.drawn(w.op("ArgMax", noisy, axis=2, keepdims=0), TensorProto.INT32)


def _dropout(w: _Writer) -> None:
    values, training = w.node.input[0], w.node.input[2]
    given = len(w.node.input) > 1 and w.node.input[1]
    rate = w.cast(w.node.input[1], TensorProto.FLOAT) if given else w.constant(np.float32(0.5))
    kept = w.op("Not", w.op("Less", w.noise(w.shape_of_output(), kind="uniform"), rate))
    scale = w.op("Div", w.constant(np.float32(1)), w.op("Sub", w.constant(np.float32(1)), rate))
    scaled = w.op("Mul", values, w.cast_like(scale, values))
    zero = w.cast_like(w.constant(np.float32(0)), values)
    w.op("Where", training, w.op("Where", kept, scaled, zero), values, to=w.node.output[0])
    if len(w.node.output) > 1 and w.node.output[1]:
        w.op("Or", w.op("Not", training), kept, to=w.node.output[1])
