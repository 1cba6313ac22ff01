"""One step's Y as its Y_h with an axis more: the node stays, and gives the last state alone.

    Y_h = GRU(X, W, R, B, initial_h)         its Y goes unread
    Y = Unsqueeze(Y_h, axis of time)

There are engines that run a step whose Y_h nobody reads as a loop, and one whose Y_h is read as plain nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import helper, numpy_helper

from gru_lower.emission.emitter import AXES_INPUT

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

    from gru_lower.graph.names import Names
    from gru_lower.gru.spec import GruSpec


def is_one_step_of_y(spec: GruSpec) -> bool:
    """Whether a GRU is one step whose only output is Y, and Y_h the same; an empty sequence is none."""
    return spec.seq_length == 1 and bool(spec.Y) and not spec.Y_h and "sequence_lens" not in spec.inputs


def y_of_y_h(node: NodeProto, spec: GruSpec, opset: int, names: Names) -> tuple[list[NodeProto], list[TensorProto]]:
    """Return the nodes in place of one that :func:`is_one_step_of_y`, and their constants.

    Args:
        node: The node, whose Y_h nothing reads if it has a name; it is not changed.
        spec: What was read from it.
        opset: Of its scope.
        names: The model's names.

    """
    kept = type(node)()
    kept.CopyFrom(node)
    y, *others = node.output
    y_h = next(filter(None, others), "") or names.value(f"{node.name or y}/Y_h")
    del kept.output[:]
    kept.output.extend(["", y_h])
    axis, name = 1 if spec.layout else 0, names.node(f"{node.name or y}/Y")
    if opset < AXES_INPUT:
        return [kept, helper.make_node("Unsqueeze", [y_h], [y], name, axes=[axis])], []
    axes = numpy_helper.from_array(np.array([axis], np.int64), names.value(f"{node.name or y}/time"))
    return [kept, helper.make_node("Unsqueeze", [y_h, axes.name], [y], name)], [axes]
