"""An If around a GRU whose sequences or batch may be empty: it gives what a loop gives that takes no step.

Y, Y_h = If(Size(X) > 0) {GRU(X, ...)} else {an empty Y, initial_h}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from gru_lower.passes.fuse_gru.recognition.errors import CannotWriteError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import GraphProto

    from gru_lower.passes.fuse_gru.writing.node_writer import NodeWriter

OLDEST = 9
"""The first opset with ConstantOfShape, which makes what is empty."""
X, INITIAL_H = 0, 5


def refuse_old_opset(opset: int) -> None:
    """Refuse to guard a GRU in an opset that cannot say what an empty one gives.

    Raises:
        CannotWriteError: It is too old.

    """
    if opset < OLDEST:
        raise CannotWriteError(f"it may get empty sequences or batches, and guarding it needs opset {OLDEST}")


def with_guard(nodes: Sequence[NodeProto], name: str, writer: NodeWriter) -> list[NodeProto]:
    """Return nodes with an If in place of one GRU among them.

    Args:
        nodes: The nodes.
        name: The GRU's name.
        writer: What wrote the GRU.

    """
    found: list[NodeProto] = []
    for node in nodes:
        found += _guarded(node, writer) if node.op_type == "GRU" and node.name == name else [node]
    return found


def _guarded(gru: NodeProto, writer: NodeWriter) -> list[NodeProto]:
    names, prefix = writer.names, writer.prefix
    size, some = (names.value(f"{prefix}/{local}") for local in ("X_size", "X_has_entries"))
    inner = NodeProto()
    inner.CopyFrom(gru)
    given = {place: output for place, output in enumerate(gru.output) if output}
    full = {place: names.value(f"{output}/full") for place, output in given.items()}
    empty = {place: names.value(f"{output}/empty") for place, output in given.items()}
    del inner.output[:]
    inner.output.extend(full.get(place, "") for place in range(len(gru.output)))
    then_branch = _graph("full", [inner], full, writer)
    else_branch = _graph("empty", _empty(gru, empty, writer), empty, writer)
    outputs = list(given.values())
    return [
        helper.make_node("Size", [gru.input[X]], [size], names.node(size)),
        helper.make_node("Cast", [size], [some], names.node(some), to=TensorProto.BOOL),
        helper.make_node(
            "If",
            [some],
            outputs,
            names.node(f"{prefix}/unless_empty"),
            then_branch=then_branch,
            else_branch=else_branch,
        ),
    ]


def _graph(name: str, nodes: Sequence[NodeProto], outputs: dict[int, str], writer: NodeWriter) -> GraphProto:
    infos = [
        helper.make_tensor_value_info(each, writer.elem_type, [1, None, None] if place else [None, 1, None, None])
        for place, each in outputs.items()
    ]
    return helper.make_graph(nodes, name, [], infos)


def _empty(gru: NodeProto, wanted: dict[int, str], writer: NodeWriter) -> list[NodeProto]:
    """Return nodes that make Y (0) without entries and Y_h (1) as the initial state."""
    names, nodes = writer.names, list[NodeProto]()
    local = f"{writer.prefix}/empty"

    def value(op_type: str, inputs: Sequence[str], key: str, **attributes: Any) -> str:  # noqa: ANN401 - any attribute
        made = names.value(f"{local}/{key}")
        nodes.append(helper.make_node(op_type, inputs, [made], names.node(made), **attributes))
        return made

    def number(entry: int, key: str) -> str:
        return value("Constant", [], key, value=numpy_helper.from_array(np.array([entry], np.int64)))

    hidden = next(attribute.i for attribute in gru.attribute if attribute.name == "hidden_size")
    initial = gru.input[INITIAL_H] if len(gru.input) > INITIAL_H else ""
    shape = value("Shape", [gru.input[X]], "X_shape")
    steps = value("Gather", [shape, number(0, "first")], "T", axis=0)
    one, width = number(1, "one"), number(hidden, "H")
    batch = value("Gather", [shape, one], "B", axis=0)
    zero = numpy_helper.from_array(np.zeros(1, helper.tensor_dtype_to_np_dtype(writer.elem_type)))
    for place, output in wanted.items():
        if place and initial:
            nodes.append(helper.make_node("Identity", [initial], [output], names.node(output)))
            continue
        dims = [one, batch, width] if place else [steps, one, batch, width]
        whole = value("Concat", dims, "Y_h_shape" if place else "Y_shape", axis=0)
        nodes.append(helper.make_node("ConstantOfShape", [whole], [output], names.node(output), value=zero))
    return nodes
