"""Models of single operators: those that lowered and legalised GRUs are made of, each as its opset has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from gru_lower.emission.emitter import Emitter, Value
from gru_lower.probing.probe_model import ProbeModel, ir_version
from gru_lower.probing.spelling_models import SPELLINGS
from gru_lower.probing.tolerance import TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Callable

Write = "Callable[[Emitter, Value, Value], Value]"
INT32, INT64, FLOAT, BOOL = TensorProto.INT32, TensorProto.INT64, TensorProto.FLOAT, TensorProto.BOOL
X = np.array([[[0.5, -1.5, 2.0, -0.25], [1.25, -0.75, 0.1, 3.0], [-2.5, 0.3, 0.9, -0.6]]] * 2, np.float32)
X[1] *= -0.5
LENS = np.array([2, 0, 1], np.int32)
"""The inputs: X [2, 3, 4] and lens [3]."""


def _one(op: str, **attributes: Any) -> Callable[[Emitter, Value, Value], Value]:  # noqa: ANN401 - as operators have it
    return lambda e, x, _: e.op(op, [x], "y", **attributes)


def _two(op: str) -> Callable[[Emitter, Value, Value], Value]:
    return lambda e, x, _: e.op(op, [x, e.tensor("other", np.full((3, 1), 0.7))], "y")


def _matrix(e: Emitter) -> Value:
    return e.tensor("weight", np.linspace(-1, 1, 20).reshape(5, 4))


def _bias(e: Emitter) -> Value:
    return e.tensor("bias", np.linspace(-0.5, 0.5, 5))


def _condition(e: Emitter, lens: Value, op: str) -> Value:
    valid = e.op(op, [e.tensor("t", [[0], [1]], INT32), lens], "valid")
    return e.unsqueeze(valid, [2], "mask")


def _steps(e: Emitter, x: Value) -> Value:
    zero, one = e.tensor("zero", 0, INT32), e.tensor("one", 1, INT32)
    length = e.squeeze(e.op("Cast", [e.dim(x, 1, "length")], "length_int", to=INT32), [0], "count")
    steps = e.op("Cast", [e.op("Range", [zero, length, one], "t")], "t_float", to=FLOAT)
    return e.op("Mul", [x, e.unsqueeze(steps, [1], "column")], "y")


def _expand(e: Emitter, x: Value) -> Value:
    shape = e.op("Concat", [e.dim(x, 1, "batch"), e.ints("width", [4])], "shape", axis=0)
    return e.op("Add", [x, e.op("Expand", [e.tensor("one", [[1.5]]), shape], "ones")], "y")


def _body(e: Emitter, *, scan: bool, x: Value) -> Emitter:
    body = Emitter(e.opset, e.elem_type, around=e)
    if scan:
        state, row = body.body_input("state"), body.body_input("row")
    else:
        step, go_on = body.body_input("i", INT64, 0), body.body_input("go_on", BOOL, 0)
        state = body.body_input("state")
        row = body.op("Gather", [x, step], "row", axis=0)
        body.body_output(body.op("Identity", [go_on], "more"), BOOL, 0)
    summed = body.op("Add", [body.op("Mul", [state, body.tensor("half", 0.5)], "halved"), row], "summed")
    body.body_output(summed)
    body.body_output(body.op("Identity", [summed], "shown"))
    return body


def _scan(e: Emitter, x: Value, *, reverse: bool = False) -> Value:
    directions = {"scan_input_directions": [1], "scan_output_directions": [1]} if reverse else {}
    start = e.tensor("start", np.zeros((3, 4)))
    last, rows = e.with_body(
        "Scan", [start, x], ["last", "rows"], _body(e, scan=True, x=x), num_scan_inputs=1, **directions
    )
    return e.op("Add", [rows, last], "y")


def _loop(e: Emitter, x: Value) -> Value:
    count, true = e.tensor("count", 2, INT64), e.tensor("true", 1, BOOL)
    start = e.tensor("start", np.zeros((3, 4)))
    last, rows = e.with_body("Loop", [count, true, start], ["last", "rows"], _body(e, scan=False, x=x))
    return e.op("Add", [rows, last], "y")


OPERATORS: dict[str, tuple[int, Callable[[Emitter, Value, Value], Value]]] = {
    "Add": (7, _two("Add")),
    "Sub": (7, _two("Sub")),
    "Mul": (7, _two("Mul")),
    "Div": (7, _two("Div")),
    "Neg": (7, _one("Neg")),
    "Abs": (7, _one("Abs")),
    "Exp": (7, _one("Exp")),
    "Log": (7, lambda e, x, _: e.op("Log", [e.op("Abs", [x], "positive")], "y")),
    "Max": (8, _two("Max")),
    "Min": (8, _two("Min")),
    "Sigmoid": (7, _one("Sigmoid")),
    "Tanh": (7, _one("Tanh")),
    "Relu": (7, _one("Relu")),
    "LeakyRelu": (7, _one("LeakyRelu", alpha=0.3)),
    "ThresholdedRelu": (10, _one("ThresholdedRelu", alpha=0.6)),
    "HardSigmoid": (7, _one("HardSigmoid", alpha=0.3, beta=0.4)),
    "Elu": (7, _one("Elu", alpha=0.7)),
    "Softsign": (7, _one("Softsign")),
    "Softplus": (7, _one("Softplus")),
    "Clip": (7, lambda e, x, _: e.op("Clip", [x], "y", min=-0.5, max=0.5) if e.opset < 11 else
             e.op("Clip", [x, e.tensor("low", -0.5), e.tensor("high", 0.5)], "y")),
    "Gemm": (7, lambda e, x, _: e.gemm(e.reshape(x, [6, 4], "rows"), _matrix(e), _bias(e), "y")),
    "MatMul": (7, lambda e, x, _: e.op("MatMul", [x, e.tensor("weight", np.linspace(-1, 1, 20).reshape(4, 5))], "y")),
    "Reshape": (7, lambda e, x, _: e.reshape(x, [-1, 4], "y")),
    "Flatten": (9, _one("Flatten", axis=2)),
    "Transpose": (7, _one("Transpose", perm=[1, 0, 2])),
    "Squeeze": (7, lambda e, x, _: e.squeeze(e.reshape(x, [1, 6, 4], "one"), [0], "y")),
    "Unsqueeze": (7, lambda e, x, _: e.unsqueeze(x, [1], "y")),
    "Split": (7, lambda e, x, _: e.op("Sub", list(reversed(e.split(x, 1, ["a", "b"]))), "y")),
    "Slice": (7, lambda e, x, _: e.slice(x, 1, 2, 0, "y")),
    "Concat": (7, lambda e, x, _: e.op("Concat", [e.op("Abs", [x], "size"), e.op("Neg", [x], "minus")], "y", axis=1)),
    "Gather": (7, lambda e, x, _: e.op("Gather", [x, e.ints("backwards", [1, 0])], "y", axis=0)),
    "Identity": (7, lambda e, x, _: e.op("Identity", [e.op("Neg", [x], "minus")], "y")),
    "Cast": (7, lambda e, x, lens: e.op("Mul", [x, e.unsqueeze(e.op("Cast", [lens], "f", to=FLOAT), [1], "c")], "y")),
    "Less": (9, lambda e, x, lens: e.where(_condition(e, lens, "Less"), x, 0.0, "y")),
    "Equal": (9, lambda e, x, lens: e.where(_condition(e, lens, "Equal"), x, 0.0, "y")),
    "Greater": (9, lambda e, x, _: e.where(e.op("Greater", [x, e.tensor("bound", 0.2)], "above"), x, 0.0, "y")),
    "Where": (9, lambda e, x, _: e.where(e.op("Greater", [x, e.tensor("bound", 0.2)], "above"), x, 0.0, "y")),
    "Shape": (8, lambda e, x, _: _expand(e, x)),
    "Expand": (8, lambda e, x, _: _expand(e, x)),
    "Range": (11, lambda e, x, _: _steps(e, x)),
    "ReduceSum": (7, lambda e, x, _: e.op("ReduceSum", [x], "y", axes=[0], keepdims=0) if e.opset < 13 else
                  e.op("ReduceSum", [x, e.ints("axes", [0])], "y", keepdims=0)),
    "ReverseSequence": (10, lambda e, x, lens: e.op(
        "ReverseSequence", [x, e.op("Cast", [e.op("Max", [lens, e.tensor("one", 1, INT32)], "some") ], "l", to=INT64)]
        if e.opset >= 12 else [x, e.tensor("l", [2, 1, 2], INT64)], "y", time_axis=0, batch_axis=1)),
    "Scan": (9, lambda e, x, _: _scan(e, x)),
    "Loop": (7, lambda e, x, _: _loop(e, x)),
}  # fmt: skip
"""Operator: the first opset it is probed at, and how its model is written."""
RESPELLED = ("Tanh", "HardSigmoid", "LeakyRelu", "ThresholdedRelu", "Elu", "Softsign", "Softplus")
"""Functions that have another spelling where a target's own overflows."""
LARGE = 100.0
"""What X is multiplied by to see that: e to the power of it is no float32."""
DYNAMIC = ("Shape", "Expand", "Range")
"""Those that only make sense where a dim is not known beforehand: their X has a dynamic axis 1."""


def operator_model(
    op: str, opset: int, *, reverse: bool = False, dynamic: bool = False, factor: float = 1.0
) -> ProbeModel:
    """Build the model of one operator, or of one way to write with it.

    Args:
        op: One of :data:`OPERATORS`, or of :data:`gru_lower.probing.spelling_models.SPELLINGS`.
        opset: The model's.
        factor: What X is multiplied by.
        reverse: For Scan: whether it runs backwards.
        dynamic: For Scan: whether the number of turns is dynamic.

    """
    e = Emitter(opset, FLOAT)
    x, lens = e.value("X"), e.value("lens")
    write = OPERATORS[op][1] if op in OPERATORS else SPELLINGS[op][1]
    y = _scan(e, x, reverse=True) if reverse else write(e, x, lens)
    template = e.template({"y": y})
    held = {name for body in template.body_initializers.values() for name in body}
    nodes = [_with_constants(node, template.constants, held) for node in template.nodes]
    used = {name for node in nodes for name in node.input} | _captured(nodes)
    dims: list[int | str] = ["T" if dynamic else 2, "N" if op in DYNAMIC else 3, 4]
    inputs = [helper.make_tensor_value_info("X", FLOAT, dims)]
    feeds: dict[str, Any] = {"X": X * np.float32(factor)}
    if "lens" in used:
        inputs.append(helper.make_tensor_value_info("lens", INT32, [3]))
        feeds["lens"] = LENS
    tensors = [tensor for name, tensor in template.constants.items() if name in used]
    graph = helper.make_graph(
        nodes, "operator", inputs, [helper.make_tensor_value_info(template.outputs["y"], FLOAT, None)], tensors
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version(opset))
    if op in ("Scan", "Loop"):  # onnx's reference runs no Scan backwards
        value = _repeated(reverse=reverse)
    else:
        with np.errstate(over="ignore", invalid="ignore"):  # in the branch of a function that is not chosen
            results: Any = ReferenceEvaluator(model).run(None, feeds)
        value = np.asarray(results[0])
    known = None if op in DYNAMIC or dynamic else value.shape
    shaped = helper.make_tensor_value_info(template.outputs["y"], FLOAT, known or [None] * value.ndim)
    model.graph.output[0].CopyFrom(shaped)
    return ProbeModel(model, feeds, {template.outputs["y"]: value.astype(np.float64)}, TOLERANCE["float32"])


def _repeated(*, reverse: bool) -> np.ndarray[Any, np.dtype[Any]]:
    """Return what the models of Scan and Loop compute: state = state / 2 + row, and the last state added to each."""
    shown, state = [], np.zeros((3, 4))
    for row in X[::-1] if reverse else X:
        state = state * 0.5 + row
        shown.append(state)
    return np.stack(shown[::-1] if reverse else shown) + state


def _with_constants(node: onnx.NodeProto, constants: dict[str, TensorProto], held: set[str]) -> onnx.NodeProto:
    """Return a node with the constants that its body has to hold as initializers."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    for attribute in copy.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            inside = {name for inner in attribute.g.node for name in inner.input}
            attribute.g.initializer.extend(constants[name] for name in sorted(held & constants.keys() & inside))
    return copy


def _captured(nodes: list[onnx.NodeProto]) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                own = {tensor.name for tensor in attribute.g.initializer}
                found |= {name for inner in attribute.g.node for name in inner.input} - own
    return found
