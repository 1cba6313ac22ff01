"""Put an If around each GRU that gives, for an input that is empty, what the operator has there without running it.

onnxruntime's GRU may end the process on empty sequences or batches; with the If, onnxruntime runs such models all the
same, where onnx's evaluator would take longer to import than they take to run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper

from gru_lower.graph.node_order import sort_nodes
from gru_lower.graph.scopes import is_onnx, walk

if TYPE_CHECKING:
    from gru_lower.graph.scopes import Scope

_OLDEST = 9
"""The first opset with ConstantOfShape."""
_R, _SEQUENCE_LENS, _INITIAL_H = 2, 4, 5


def guard_grus(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """Return the model with an If around each GRU.

    Returns:
        A copy; ``None`` where a GRU stands in a function, has another layout than onnxruntime runs, is older than opset
        9, or has a recurrent weight that is no initializer, from which its sizes and type are read.

    """
    guarded = onnx.ModelProto()
    guarded.CopyFrom(model)
    for scope in list(walk(guarded)):
        places = [index for index, node in enumerate(scope.nodes) if is_onnx(node, "GRU")]
        for index in places:
            gru = NodeProto()
            gru.CopyFrom(scope.nodes[index])
            R = _weights(scope, gru)
            if R is None:
                return None
            result = _on_empty(gru, R)
            empty = f"gru_lower/{scope.path}/{index}_empty"
            test = [
                helper.make_node("Size", gru.input[:1], [f"{empty}_size"]),
                helper.make_node("Cast", [f"{empty}_size"], [f"{empty}_not"], to=onnx.TensorProto.BOOL),
                helper.make_node("Not", [f"{empty}_not"], [empty]),
            ]
            outputs = {name: rank for name, rank in zip(gru.output, (4, 3), strict=False) if name}
            gru.output[:] = [_inner(name) for name in gru.output]
            branches: dict[str, Any] = {
                "then_branch": _branch(result, outputs, R),
                "else_branch": _branch([gru], outputs, R),
            }
            scope.nodes[index].CopyFrom(helper.make_node("If", [empty], list(outputs), gru.name, **branches))
            scope.nodes.extend(test)
        if places:
            sort_nodes(scope.nodes)
    return guarded


def _weights(scope: Scope, gru: NodeProto) -> onnx.TensorProto | None:
    """Return a GRU's recurrent weights, ``None`` where they, or what the GRU is, are not read here."""
    home = scope.find(gru.input[_R])
    R = None if home is None else home.initializers.get(gru.input[_R])
    other_layout = any(attribute.name == "layout" and attribute.i for attribute in gru.attribute)
    return None if scope.function is not None or scope.opset < _OLDEST or other_layout else R


def _on_empty(gru: NodeProto, R: onnx.TensorProto) -> list[NodeProto]:
    """Return nodes that make Y without entries, and Y_h."""
    directions, _, H = R.dims
    X = gru.input[0]
    nodes = [helper.make_node("Shape", [X], [_local("shape")])]
    for name, place in (("T", 0), ("B", 1)):
        nodes += [_number(place, f"{name}_place")]
        nodes += [helper.make_node("Gather", [_local("shape"), _local(f"{name}_place")], [_local(name)], axis=0)]
    nodes += [_number(directions, "D"), _number(H, "H")]
    lens, initial = (gru.input[at] if len(gru.input) > at else "" for at in (_SEQUENCE_LENS, _INITIAL_H))
    zero = numpy_helper.from_array(np.zeros(1, helper.tensor_dtype_to_np_dtype(R.data_type)))
    for output, dims in zip(gru.output, ("TDBH", "DBH"), strict=False):
        shape = _local(f"{dims}_shape")
        if output and initial and not lens and dims == "DBH":
            nodes += [helper.make_node("Identity", [initial], [_inner(output)])]
        elif output:
            nodes += [helper.make_node("Concat", [_local(dim) for dim in dims], [shape], axis=0)]
            nodes += [helper.make_node("ConstantOfShape", [shape], [_inner(output)], value=zero)]
    return nodes


def _branch(nodes: list[NodeProto], outputs: dict[str, int], R: onnx.TensorProto) -> onnx.GraphProto:
    types = [helper.make_tensor_value_info(_inner(name), R.data_type, [None] * rank) for name, rank in outputs.items()]
    return helper.make_graph(nodes, "branch", [], types)


def _inner(name: str) -> str:
    """Return the name of an output inside a branch."""
    return name and f"gru_lower/inner/{name}"


def _local(name: str) -> str:
    return f"gru_lower/local/{name}"


def _number(value: int, name: str) -> NodeProto:
    tensor = numpy_helper.from_array(np.array([value], np.int64))
    return helper.make_node("Constant", [], [_local(name)], value=tensor)
