"""Models with a good GRU, or a loop that is one, and other nodes of every operator that fusing and folding read.

Most nodes keep their operators' rules, and are odd in their values; some break a rule.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from hypothesis import strategies as st
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

import zoo
from gru_lower.graph.computed_constants import FOLDED
from gru_lower.graph.shape_values import ARITHMETIC, ROOTS
from gru_lower.passes.fuse_gru.interpreter.operators.registry import HANDLERS

if TYPE_CHECKING:
    from collections.abc import Sequence

OPERATORS = sorted({*HANDLERS, *ROOTS, *ARITHMETIC, *FOLDED, "Loop", "Scan", "If", "Resize", "NonZero", "GRU"})
OPSETS = (7, 9, 11, 13, 14, 17, 18, 21)
NUMBERS = (0, 1, 2, 3, -1, -2, 5, 7, 9, 63, 2**31 - 1, 2**31, -(2**31), 2**40, 2**62, 2**63 - 1, -(2**63))
SMALL = (0, 1, 2, -1, 3)
FLOATS = (0.0, 1.0, -1.0, 0.5, 1e-30, 1e30, float("inf"), float("nan"))
NAMES = ("X", "W", "R", "h", "n", "i", "f", "b", "axes", "shape", "big", "e", "m")
T, B, I, H = 5, 2, 3, 4
DEEPEST = 3


def arrays() -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
    """Return the constants that nodes may read."""
    draw = np.random.default_rng(0)
    return {
        "W": draw.uniform(-0.3, 0.3, (1, 3 * H, I)).astype(np.float32),
        "R": draw.uniform(-0.3, 0.3, (1, 3 * H, H)).astype(np.float32),
        "h": np.zeros((1, B, H), np.float32),
        "n": np.array(3, np.int64),
        "i": np.array([1], np.int64),
        "f": np.array([[0.5, 1.5], [2.5, -1.0]], np.float32),
        "b": np.array([True, False]),
        "axes": np.array([0, 1], np.int64),
        "shape": np.array([2, 3], np.int64),
        "big": np.array([2**17, 1, 2**17], np.int64),
        "e": np.zeros((0, 3), np.float32),
        "m": draw.uniform(-1, 1, (I, H)).astype(np.float32),
    }


@cache
def schema(op_type: str, opset: int) -> onnx.defs.OpSchema | None:
    """Return what ONNX says of an operator."""
    try:
        return onnx.defs.get_schema(op_type, opset, "")
    except onnx.defs.SchemaError:
        return None


@st.composite
def nodes(draw: st.DrawFn, opset: int, known: Sequence[str], made: str, *, depth: int = 0) -> NodeProto:
    """Draw one node that reads what is known and makes ``made`` and its like."""
    op_type = draw(st.sampled_from(OPERATORS))
    rule = schema(op_type, opset) or schema(op_type, onnx.defs.onnx_opset_version())  # as the gate has it
    breaks = draw(st.integers(0, 39)) == 0
    least, most = (1, 2) if rule is None else (rule.min_input, min(rule.max_input, 5))
    count = draw(st.integers(least, max(least, most))) if not breaks else draw(st.integers(0, 4))
    inputs = [draw(st.sampled_from(known)) for _ in range(count)]
    least, most = (1, 1) if rule is None else (rule.min_output, min(rule.max_output, 3))
    outputs = draw(st.integers(max(least, 0), max(least, most))) if not breaks else draw(st.integers(0, 3))
    node = helper.make_node(op_type, inputs, [made if j == 0 else f"{made}_{j}" for j in range(outputs)])
    if op_type in ("Loop", "Scan", "If"):
        _add_bodies(draw, node, opset, known, depth, breaks=breaks)
    if rule is not None:
        for name, attribute in rule.attributes.items():
            wanted = attribute.required or draw(st.integers(0, 3)) == 0
            if wanted != (breaks and draw(st.booleans())) and not any(each.name == name for each in node.attribute):
                value = _attribute(draw, name, str(attribute.type).rpartition(".")[2], odd=breaks)
                if value is not None:
                    node.attribute.append(value)
    return node


def _attribute(draw: st.DrawFn, name: str, kind: str, *, odd: bool) -> AttributeProto | None:
    if odd and draw(st.booleans()):
        kind = draw(st.sampled_from(["INT", "FLOAT", "STRING", "INTS"]))
    numbers = st.sampled_from(NUMBERS if draw(st.integers(0, 3)) == 0 else SMALL)
    match kind:
        case "INT":
            number = draw(st.sampled_from([1, 6, 7, 9, 10, 11, 16, 99])) if name == "to" else draw(numbers)
            return helper.make_attribute(name, number)
        case "FLOAT":
            return helper.make_attribute(name, draw(st.sampled_from(FLOATS)))
        case "STRING":
            return helper.make_attribute(name, draw(st.sampled_from(["", "ij,jk->ik", "i...->i", "forward", "x"])))
        case "INTS":
            values = draw(st.lists(numbers, max_size=4))
            return helper.make_attribute(name, values, attr_type=AttributeProto.INTS)
        case "FLOATS":
            values = draw(st.lists(st.sampled_from(FLOATS), max_size=3))
            return helper.make_attribute(name, values, attr_type=AttributeProto.FLOATS)
        case "STRINGS":
            values = draw(st.lists(st.sampled_from(["Sigmoid", "Tanh", "Relu", ""]), max_size=4))
            return helper.make_attribute(name, values, attr_type=AttributeProto.STRINGS)
        case "TENSOR":
            return helper.make_attribute(name, draw(tensors("t")))
    return None


def _add_bodies(
    draw: st.DrawFn, node: NodeProto, opset: int, known: Sequence[str], depth: int, *, breaks: bool
) -> None:
    """Give a node the bodies it asks for; where a rule is to be broken, of any numbers of inputs and outputs."""
    inputs = len(node.input)
    if node.op_type == "If":
        shapes = {"then_branch": (0, len(node.output)), "else_branch": (0, len(node.output))}
    elif node.op_type == "Loop":
        shapes = {"body": (max(inputs, 2), max(len(node.output) + 1, inputs - 1))}
    else:
        scanned = draw(st.integers(1, max(inputs, 1)))
        said = draw(st.sampled_from(NUMBERS)) if breaks else scanned
        node.attribute.append(helper.make_attribute("num_scan_inputs", said))
        shapes = {"body": (inputs, max(len(node.output), inputs - scanned))}
    for name, numbers in shapes.items():
        given, made = (draw(st.integers(0, 3)), draw(st.integers(0, 3))) if breaks and draw(st.booleans()) else numbers
        prefix = f"{node.output[0] if node.output else 'z'}/{name}"
        body = draw(graphs(opset, known, given, made, prefix=prefix, depth=depth + 1))
        node.attribute.append(helper.make_attribute(name, body))


@st.composite
def graphs(
    draw: st.DrawFn, opset: int, known: Sequence[str], inputs: int, outputs: int, *, prefix: str, depth: int
) -> GraphProto:
    """Draw a body."""
    formal = [f"{prefix}/in{i}" for i in range(inputs)]
    values = [*known, *formal]
    made: list[NodeProto] = []
    for i in range(draw(st.integers(0, 3)) if depth < DEEPEST else 0):
        node = draw(nodes(opset, values, f"{prefix}/{i}", depth=depth))
        made.append(node)
        values += node.output
    results = []
    for i in range(outputs):
        made.append(helper.make_node("Identity", [draw(st.sampled_from(values))], [f"{prefix}/out{i}"]))
        results.append(f"{prefix}/out{i}")
    return helper.make_graph(
        made,
        "body",
        [onnx.ValueInfoProto(name=name) for name in formal],
        [onnx.ValueInfoProto(name=name) for name in results],
    )


@st.composite
def tensors(draw: st.DrawFn, name: str) -> TensorProto:
    """Draw a tensor, now and then one whose data does not fit."""
    kind = draw(st.sampled_from([np.int64, np.float32, np.int32, np.bool_, np.float16, np.float64]))
    dims = draw(st.lists(st.sampled_from((0, 1, 2, 3)), max_size=3))
    numbers = draw(st.sampled_from([SMALL, FLOATS if kind in (np.float32, np.float64) else SMALL, NUMBERS]))
    count = int(np.prod(dims))
    with np.errstate(all="ignore"):
        flat = [numbers[i % len(numbers)] for i in range(count)]
        whole = kind in (np.int64, np.int32, np.bool_)
        held = np.array([int(each) % 2**62 if whole else float(each) for each in flat])
        tensor = numpy_helper.from_array(held.astype(kind).reshape(dims), name)
    if draw(st.integers(0, 30)) == 0:
        tensor.dims.append(draw(st.sampled_from((2, -1, 2**40))))
    return tensor


@st.composite
def models(draw: st.DrawFn) -> ModelProto:
    """Draw a model."""
    opset = draw(st.sampled_from(OPSETS))
    held = arrays()
    known = list(NAMES)
    made: list[NodeProto] = []
    extra = draw(st.lists(tensors("t"), max_size=2))
    for i, tensor in enumerate(extra):
        tensor.name = f"t{i}"
        known.append(tensor.name)
    for i in range(draw(st.integers(0, 5))):
        node = draw(nodes(opset, known, f"v{i}"))
        made.append(node)
        known += node.output
    place = draw(st.integers(0, len(made)))
    made[place:place] = _recurrence(draw)
    steps = draw(st.sampled_from((T, T, T, 1, 0, "T", 9, 10**6, 2**31)))
    batch = draw(st.sampled_from((B, B, B, "N", 1, 10**9)))
    dims: list[Any] = [steps, batch, I]
    x = helper.make_tensor_value_info("X", TensorProto.FLOAT, dims)
    output = draw(st.sampled_from(["Y", *(node.output[0] for node in made if node.output)]))
    graph = helper.make_graph(
        made,
        "fuzz",
        [x],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(each, name) for name, each in held.items()] + extra,
    )
    version = draw(st.sampled_from((4, 8, 8, 10)))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=version)
    _disturb(draw, model)
    return model


def _recurrence(draw: st.DrawFn) -> list[NodeProto]:
    """Return a GRU, or nodes that are none but look like a step of one."""
    if draw(st.integers(0, 3)):
        attributes: dict[str, Any] = {"hidden_size": H}
        if draw(st.integers(0, 2)) == 0:
            attributes["linear_before_reset"] = 1
        if draw(st.integers(0, 9)) == 0:
            attributes["hidden_size"] = draw(st.sampled_from(NUMBERS))
        state = draw(st.sampled_from(["", "h"]))
        return [helper.make_node("GRU", ["X", "W", "R", "", "", state], ["Y"], **attributes)]
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "m"], ["a"]),
            helper.make_node("Add", ["a", "s"], ["c"]),
            helper.make_node(draw(st.sampled_from(["Sigmoid", "Tanh", "Neg"])), ["c"], ["s2"]),
            helper.make_node("Identity", ["s2"], ["y"]),
        ],
        "step",
        [onnx.ValueInfoProto(name=name) for name in ("s", "x")],
        [onnx.ValueInfoProto(name=name) for name in ("s2", "y")],
    )
    squeezed = helper.make_node("Reshape", ["h", "rows"], ["s0"])
    rows = helper.make_node("Constant", [], ["rows"], value=numpy_helper.from_array(np.array([B, H], np.int64)))
    return [rows, squeezed, helper.make_node("Scan", ["s0", "X"], ["last", "Y"], num_scan_inputs=1, body=body)]


def _disturb(draw: st.DrawFn, model: ModelProto) -> None:
    """Now and then break what holds a model together."""
    match draw(st.integers(0, 80)):
        case 0:
            model.opset_import[0].version = draw(st.sampled_from((0, -1, 5, 99, 2**40)))
        case 1:
            model.opset_import.append(helper.make_opsetid(draw(st.sampled_from(["", "own", "ai.onnx.ml"])), 1))
        case 2:
            model.graph.node.sort(key=lambda node: -len(node.output[0]) if node.output else 0)
        case 3:
            model.graph.initializer.append(model.graph.initializer[0])
        case 4:
            model.graph.node.append(helper.make_node("f", ["X"], ["called"], domain="own"))
            model.opset_import.append(helper.make_opsetid("own", 1))
            calls = draw(st.sampled_from(["f", "g", "Neg"]))
            inner = helper.make_node(calls, ["a"], ["r"], domain="" if calls == "Neg" else "own")
            imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
            model.functions.append(helper.make_function("own", "f", ["a"], ["r"], [inner], imports))
        case 5:
            tensor = model.graph.initializer[0]
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            where = draw(st.sampled_from(["w.bin", "../canary", "/etc/hostname", "link", "sub/../../canary", ""]))
            tensor.external_data.add(key="location", value=where)
            tensor.external_data.add(key="offset", value=draw(st.sampled_from(["0", "-1", str(2**70), "x"])))
            tensor.external_data.add(key="length", value=draw(st.sampled_from(["144", "0", str(2**36), "1.5"])))
        case 6:
            shape = draw(st.sampled_from([[1, 13, 3], [-1], [2**62] * 3]))
            model.graph.value_info.append(helper.make_tensor_value_info("W", TensorProto.FLOAT, shape))
        case 7:
            model.graph.node.add().CopyFrom(zoo.everything().graph.node[0])
