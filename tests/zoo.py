"""Hand-made models: a single GRU to break rule by rule, bodies in bodies, a model with all a file can hold."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper, parser

from gru_lower.graph.facts import Facts
from gru_lower.graph.model import Model
from gru_lower.graph.scopes import Scope, is_onnx, walk
from gru_lower.gru.parse_node import Parsed, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from google.protobuf.message import Message

INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h")
T, B, I, H = 4, 2, 2, 3
"""Sizes of :func:`gru_model`."""

UNKNOWN_FIELD = b"\xf2\x3e\x05later"
"""Field 1006 of any message, ``later``: what an ONNX newer than the installed one may have written."""


def from_text(source: str) -> ModelProto:
    """Parse ONNX text."""
    return parser.parse_model(dedent(source))


def shapes(directions: int = 1, *, layout: int = 0) -> dict[str, list[int | str]]:
    """Return the shape of every value of a GRU of the sizes above, by its name in the operator."""
    d = directions
    batch_major: dict[str, list[int | str]] = {
        "X": [B, T, I],
        "initial_h": [B, d, H],
        "Y": [B, T, d, H],
        "Y_h": [B, d, H],
    }
    return {
        "X": [T, B, I],
        "W": [d, 3 * H, I],
        "R": [d, 3 * H, H],
        "B": [d, 6 * H],
        "sequence_lens": [B],
        "initial_h": [d, B, H],
        "Y": [T, d, B, H],
        "Y_h": [d, B, H],
        **(batch_major if layout else {}),
    }


def gru_model(
    opset: int = 14,
    *,
    inputs: Sequence[str] = INPUTS,
    outputs: Sequence[str] = ("Y", "Y_h"),
    shape: Mapping[str, Sequence[int | str] | None] | None = None,
    elem_type: int = TensorProto.FLOAT,
    types: dict[str, int] | None = None,
    initializers: Iterable[TensorProto] = (),
    **attributes: Any,
) -> ModelProto:
    """Return a model of one GRU "gru", right in every respect but what is given.

    Args:
        opset: The model's.
        inputs: Those of the node, ``""`` for an absent one; each that is no initializer is a graph input.
        outputs: Those of the node and of the graph.
        shape: Other shapes of graph inputs, ``None`` for none declared.
        elem_type: Of all float values.
        types: Other types of graph inputs.
        initializers: Constants, by the names of inputs.
        attributes: Those of the node, :class:`onnx.AttributeProto` s as they are.

    """
    node = helper.make_node("GRU", inputs, outputs, name="gru")
    for name, value in attributes.items():
        node.attribute.append(value if isinstance(value, onnx.AttributeProto) else helper.make_attribute(name, value))
    directions = 2 if attributes.get("direction") == "bidirectional" else 1
    all_shapes: dict[str, Sequence[int | str] | None] = {
        **shapes(directions, layout=int(attributes.get("layout") == 1)),
        **(shape or {}),
    }
    kinds = dict.fromkeys(all_shapes, elem_type) | {"sequence_lens": TensorProto.INT32} | (types or {})
    constants = {tensor.name: tensor for tensor in initializers}

    def info(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kinds.get(name, elem_type), all_shapes.get(name))

    graph = helper.make_graph(
        [node],
        "one_gru",
        [info(name) for name in dict.fromkeys(inputs) if name and name not in constants],
        [helper.make_tensor_value_info(name, elem_type, None) for name in outputs if name],
        list(constants.values()),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def read_gru(model: ModelProto, base_dir: Path | None = None) -> Parsed:
    """Parse the first GRU of a model, wherever it stands."""
    held = Model(model, path=None if base_dir is None else base_dir / "model.onnx")
    for scope in walk(model):
        for index, node in enumerate(scope.nodes):
            if is_onnx(node, "GRU"):
                return parse(scope, index, Facts(held))
    raise AssertionError("no GRU")


def scope_of(model: ModelProto, path: str = "main") -> Scope:
    """Return the scope with a path."""
    return next(scope for scope in walk(model) if scope.path == path)


def external_tensor(name: str, shape: Sequence[int], elem_type: int = TensorProto.FLOAT, **entries: Any) -> TensorProto:
    """Return a tensor whose bytes are elsewhere; ``entries`` are its location, offset and length."""
    tensor = TensorProto(name=name, dims=shape, data_type=elem_type, data_location=TensorProto.EXTERNAL)
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def weights(directions: int = 1, dtype: Any = np.float32) -> dict[str, TensorProto]:
    """Return constant W, R and B of the sizes above."""
    rng = np.random.default_rng(7)
    sizes = {"W": (directions, 3 * H, I), "R": (directions, 3 * H, H), "B": (directions, 6 * H)}
    return {name: numpy_helper.from_array(rng.uniform(-1, 1, size).astype(dtype), name) for name, size in sizes.items()}


def nested() -> ModelProto:
    """Return bodies four deep, with double names, empty names and sibling bodies that use the same value names."""
    return from_text("""
        <ir_version: 8, opset_import: ["" : 17]>
        nested (float[2] x, bool c, float[3, 2] rows) => (float[2] y, float[2] z, float[2] v, float[3, 2] u)
          <float[2] w = {1, 2}, int64 ten = {10}>
        {
          [pick] y = If (c) <
            then_branch = outer () => (a) {
              q = Add (x, w)
              [walk] s, a_all = Loop (ten, c, q) <body = loop (int64 i, bool go, float[2] state) => (go_on, next, row) {
                go_on = Identity (go)
                [again] next = If (go) <
                  then_branch = deep () => (b) {
                    last, b = Scan <num_scan_inputs = 1, body = scan (float[2] h, float[2] r) => (h_next, out) {
                      h_next = Add (h, r)
                      t = Mul (r, w)
                      out = Add (t, q)
                    }> (state, rows)
                  },
                  else_branch = deep () => (b) { b = Identity (state) }
                >
                row = Identity (state)
              }>
              a = Identity (s)
            },
            else_branch = outer () => (a) { q = Mul (x, x)  a = Identity (q) }
          >
          [twice] z = If (c) <then_branch = one () => (a) { a = Neg (x) }, else_branch = two () => (a) { a = Abs (x) }>
          [twice] v = If (c) <then_branch = one () => (a) { a = Neg (x) }, else_branch = two () => (a) { a = Abs (x) }>
          final, u = Scan <num_scan_inputs = 1, body = sum (float[2] h, float[2] r) => (h2, o) {
            h2 = Add (h, r)
            o = Add (h, w)
          }> (x, rows)
        }
    """)


def everything() -> ModelProto:
    """Return a model that has something of all an ONNX file can hold, ``old`` with its constant ``w_old`` to be edited.

    Unknown fields stand in the model, the graph, a node, a tensor and a value_info.
    """
    model = from_text("""
        <ir_version: 10, opset_import: ["" : 17, "my.domain" : 1], producer_name: "zoo", producer_version: "9",
         domain: "org.zoo", model_version: 41, doc_string: "model doc", metadata_props: ["author": "me", "empty": ""]>
        graph_name (float[2] x, float[2] overridable) => (float[2] y, float[2] z, float[2] s)
          <float[2] overridable = {9, 9}, float[2] w_old = {1, 2}, float[2] w = {3, 4}, float[2] never_used = {5, 6},
           float[2] a, float[2] b, float[2] d, float[2] dead>
        {
          [yes] yes = Constant <value: tensor = bool {1}> ()
          [first] a = Add (x, w)
          [old] b = Mul (a, w_old)
          [dead_before] dead = Neg (x)
          [call] d = my.domain.Wrap <k: float = 2.0> (b, overridable)
          [last] y = Add (d, w)
          [branch] z = If (yes) <
            then_branch = t () => (float[2] i) { i = Sub (a, w) },
            else_branch = e () => (float[2] i) { i = Abs (x) }>
          [sparse] s = Add (x, sw)
        }
        <domain: "my.domain", opset_import: ["" : 17], doc_string: "function doc">
        Wrap <k: float = 1.0> (p, q) => (r)
        {
          c = Constant <value_float: float = @k> ()
          t = Mul (p, c)
          r = Add (t, q)
        }
    """)
    graph = model.graph
    graph.doc_string = "graph doc"
    sparse = graph.sparse_initializer.add(dims=[2])
    sparse.values.CopyFrom(numpy_helper.from_array(np.array([7], np.float32), "sw"))
    sparse.indices.CopyFrom(numpy_helper.from_array(np.array([1], np.int64), "sw_indices"))
    for name in ("x", "w_old", "w", "a", "b"):
        annotation = graph.quantization_annotation.add(tensor_name=name)
        annotation.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="never_used")
    for message in [graph, *graph.node, *graph.initializer, *graph.value_info, *graph.input, *model.functions]:
        message.metadata_props.add(key="mark", value=message.name)
    for message in [*graph.node, *graph.initializer, *graph.value_info]:
        message.doc_string = f"doc of {message.name}"
    for message in [model, graph, graph.node[1], graph.node[3], graph.initializer[2], graph.value_info[0]]:
        message.MergeFromString(UNKNOWN_FIELD)
    training = model.training_info.add()
    training.algorithm.name = "train"
    return model


def node_named(owner: GraphProto | onnx.FunctionProto, name: str) -> NodeProto:
    """Return the node with a name."""
    found: NodeProto = next(node for node in owner.node if node.name == name)
    return found


def exact(message: Message) -> bytes:
    """Return a message's deterministic serialisation, unknown fields included."""
    return bytes(message.SerializeToString(deterministic=True))
