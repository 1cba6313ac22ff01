"""GruSpec: one typed, validated view of a GRU node, the same for every opset."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from onnx import TensorProto, helper

from gru_lower.gru.activations import activation_attributes
from gru_lower.light_dataclass import dataclass
from gru_lower.plain_data import PlainData

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.gru.activations import Activation

DirectionName = Literal["forward", "reverse", "bidirectional"]
VERSIONS = (1, 3, 7, 14, 22)
"""Opsets in which the operator changed."""
GATES = ("z", "r", "h")
"""The gates in the order in which W, R and B hold them."""
FLOAT_TYPES: dict[int, str] = {
    TensorProto.FLOAT16: "float16",
    TensorProto.FLOAT: "float32",
    TensorProto.DOUBLE: "float64",
    TensorProto.BFLOAT16: "bfloat16",
}
INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h")


@dataclass(frozen=True)
class Direction:
    """One of a GRU's directions.

    Attributes:
        index: Its place on the num_directions axis.
        reverse: Whether time runs backwards.
        f: The activation of the update and reset gates.
        g: The activation of the candidate.

    """

    index: int
    reverse: bool
    f: Activation
    g: Activation


@dataclass(frozen=True)
class GruSpec(PlainData):
    """A GRU, whatever opset spelled it.

    Sizes are T (sequence length), B (batch), I (input), H (hidden), D (directions).

    Attributes:
        version: The operator version it was written for, one of :data:`VERSIONS`.
        elem_type: ``TensorProto.DataType`` of X, W, R, B, initial_h, Y and Y_h; 0 where unknown.
        hidden_size: H.
        input_size: I, ``None`` where unknown.
        seq_length: T, ``None`` where it is not static.
        batch_size: B, ``None`` where it is not static.
        directions: One entry, or the forward and the reverse one.
        linear_before_reset: Whether the reset gate is applied after the recurrent product.
        layout: 0 for time-major, 1 for batch-major.
        clip: Bound on every pre-activation, ``None`` without one.
        inputs: Value names by ONNX's input names; absent ones are not in it.
        Y: Name of the whole output, ``""`` where it is not asked for.
        Y_h: Name of the last state, ``""`` where it is not asked for.

    """

    version: int
    elem_type: int
    hidden_size: int
    input_size: int | None
    seq_length: int | None
    batch_size: int | None
    directions: tuple[Direction, ...]
    linear_before_reset: bool
    layout: int
    clip: float | None
    inputs: dict[str, str]
    Y: str
    Y_h: str

    @property
    def num_directions(self) -> int:
        """D."""
        return len(self.directions)

    @property
    def direction(self) -> DirectionName:
        """The direction attribute."""
        if self.num_directions > 1:
            return "bidirectional"
        return "reverse" if self.directions[0].reverse else "forward"

    @property
    def type_name(self) -> str:
        """The element type as numpy spells it."""
        return FLOAT_TYPES.get(self.elem_type, "unknown")

    def without_inputs(self, *keys: str) -> GruSpec:
        """Return the GRU without some of its inputs, by ONNX's input names."""
        return replace(self, inputs={key: name for key, name in self.inputs.items() if key not in keys})

    def attributes(self) -> dict[str, Any]:
        """Return the attributes written out in full: nothing is left to a default that may be read differently."""
        chosen = [fn for direction in self.directions for fn in (direction.f, direction.g)]
        result: dict[str, Any] = {
            **activation_attributes(chosen),
            "direction": self.direction,
            "hidden_size": self.hidden_size,
        }
        if self.clip is not None:
            result["clip"] = self.clip
        if self.version >= 3:
            result["linear_before_reset"] = int(self.linear_before_reset)
        if self.layout:
            result["layout"] = self.layout
        if self.version < 7 and self.Y:
            result["output_sequence"] = 1
        return result

    def to_node(self, name: str = "") -> NodeProto:
        """Write the spec back as a GRU node of its version."""
        inputs = [self.inputs.get(key, "") for key in INPUTS]
        while inputs and not inputs[-1]:
            inputs.pop()
        outputs = [self.Y, self.Y_h] if self.Y_h else [self.Y]
        return helper.make_node("GRU", inputs, outputs, name=name, **self.attributes())

    def narrowed(self, node: NodeProto) -> NodeProto:
        """Return a copy of the node it was read from, without the inputs that the spec leaves out."""
        result = type(node)()
        result.CopyFrom(node)
        for position, key in enumerate(INPUTS[: len(result.input)]):
            result.input[position] = self.inputs.get(key, "")
        return result

    def describe(self) -> str:
        """Return the variant in a few words, for tables."""
        parts = [self.direction, f"H={self.hidden_size}"]
        parts.append(f"T={'?' if self.seq_length is None else self.seq_length}")
        parts.append(f"B={'?' if self.batch_size is None else self.batch_size}")
        parts.append(f"lbr={int(self.linear_before_reset)}")
        functions = dict.fromkeys(f"{d.f}/{d.g}" for d in self.directions)
        if list(functions) != ["Sigmoid/Tanh"]:
            parts.append(" ".join(functions))
        parts += ["layout=1"] if self.layout else []
        parts += [f"clip={self.clip:g}"] if self.clip is not None else []
        parts += [key for key in ("sequence_lens", "initial_h") if key in self.inputs]
        if self.elem_type != TensorProto.FLOAT:
            parts.append(self.type_name)
        return " ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return the spec as the JSON report holds it."""
        return {
            "version": self.version,
            "type": self.type_name,
            "input_size": self.input_size,
            "seq_length": self.seq_length,
            "batch_size": self.batch_size,
            "layout": self.layout,
            "linear_before_reset": int(self.linear_before_reset),
            "clip": self.clip,
            **{key: value for key, value in self.attributes().items() if key not in {"linear_before_reset", "layout"}},
            "inputs": sorted(self.inputs, key=INPUTS.index),
            "outputs": [key for key, value in (("Y", self.Y), ("Y_h", self.Y_h)) if value],
        }
