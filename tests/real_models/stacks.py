"""Stacks of bidirectional GRUs written with onnx.helper, from weights of a package that has no exporter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lowering import Array


@dataclass(frozen=True)
class Direction:
    """One direction of a layer, as the operator has it.

    Attributes:
        W: [3H, I] in the order z, r, h.
        R: [3H, H].
        B: [6H].
        initial_h: [H].
    """

    W: Array
    R: Array
    B: Array
    initial_h: Array


@dataclass
class Graph:
    """Nodes and tensors of a graph, while it is written."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    tensors: list[TensorProto] = field(default_factory=list)

    def add(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add a node with one output, and return its name."""
        self.nodes.append(helper.make_node(op, list(inputs), [output], **attributes))
        return output

    def keep(self, name: str, array: Array) -> str:
        """Add a tensor, and return its name."""
        self.tensors.append(numpy_helper.from_array(array, name))
        return name

    def bidirectional(self, x: str, name: str, layer: Sequence[Direction], linear_before_reset: int) -> str:
        """Add a bidirectional GRU over x [T, 1, I]; return the name of its states [T, 1, 2H]."""
        H = layer[0].R.shape[1]
        stacked = [
            self.keep(f"{name}_{part}", np.stack([getattr(way, part) for way in layer]).astype(np.float32))
            for part in ("W", "R", "B")
        ]
        state = self.keep(f"{name}_h", np.stack([way.initial_h for way in layer])[:, None].astype(np.float32))
        attributes = {"hidden_size": H, "direction": "bidirectional", "linear_before_reset": linear_before_reset}
        Y = self.add("GRU", [x, *stacked, "", state], f"{name}_Y", **attributes)
        turned = self.add("Transpose", [Y], f"{name}_turned", perm=[0, 2, 1, 3])
        return self.add("Reshape", [turned, self.keep(f"{name}_to", np.array([0, 0, -1]))], f"{name}_y")

    def model(self, given: onnx.ValueInfoProto, made: onnx.ValueInfoProto) -> onnx.ModelProto:
        """Return the model, checked."""
        graph = helper.make_graph(self.nodes, "stack", [given], [made], self.tensors)
        result = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(result, full_check=True)
        return result
