"""What ONNX infers of one node's outputs, by onnx's own function for it, which is written in C++.

A node that is not plain (:mod:`gru_lower.graph.validation.plain_graphs`) is handed to it in a process of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, checker, defs, helper, numpy_helper, shape_inference

from gru_lower.graph import onnx_calls
from gru_lower.graph.external_data import is_external
from gru_lower.graph.validation.plain_graphs import LARGEST, is_plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnx import ModelProto, NodeProto, TypeProto

REFUSALS = (
    *(RuntimeError, ValueError, TypeError, KeyError),
    *(defs.SchemaError, shape_inference.InferenceError, checker.ValidationError),
)
"""What onnx raises where an operator does not take what it is given."""


class DoesNotFitError(Exception):
    """An operator does not take what its node is given."""


def infer_node(
    node: NodeProto,
    types: dict[str, TypeProto],
    constants: dict[str, TensorProto],
    opsets: Mapping[str, int],
    ir_version: int,
) -> dict[str, TypeProto]:
    """Return the types of a node's outputs, by name, as far as onnx can tell.

    Args:
        node: A node of ONNX's own domain.
        types: Those of its inputs, by name.
        constants: The inputs that are known, by name.
        opsets: Opset version by domain.
        ir_version: The model's.

    Raises:
        DoesNotFitError: The node is wrong, or is not read in the time that there is.

    """
    if node.op_type == "Slice":
        constants = {name: _within(tensor) if name in node.input[1:3] else tensor for name, tensor in constants.items()}
    model = _model_of(node, types, constants, opsets, ir_version)
    try:
        if is_plain(model):
            schema = defs.get_schema(node.op_type, opsets.get("", 1), "")
            found: dict[str, TypeProto] = shape_inference.infer_node_outputs(
                schema, node, types, constants, opset_imports=list(model.opset_import), ir_version=ir_version
            )
            return _positive(found)
        inferred = onnx_calls.call("infer", model)
    except (*REFUSALS, onnx_calls.OnnxRefusalError) as error:
        raise DoesNotFitError(f"{node.op_type}: {error}") from error
    return _positive({value.name: value.type for value in inferred.graph.output})


def _within(places: TensorProto) -> TensorProto:
    """Return where a Slice begins or ends without numbers beyond any axis, of which plain graphs have few."""
    if places.data_type != TensorProto.INT64 or is_external(places):
        return places
    numbers = numpy_helper.to_array(places)
    cut = numbers.clip(-LARGEST - 1, LARGEST)
    return places if (cut == numbers).all() else numpy_helper.from_array(cut, places.name)


def _positive(found: dict[str, TypeProto]) -> dict[str, TypeProto]:
    """Return what was inferred.

    Raises:
        DoesNotFitError: An axis of it is less than nothing long.

    """
    for name, kind in found.items():
        if any(dim.dim_value < 0 for dim in kind.tensor_type.shape.dim):
            raise DoesNotFitError(f"{name} would have a negative dim")
    return found


def _model_of(
    node: NodeProto,
    types: dict[str, TypeProto],
    constants: dict[str, TensorProto],
    opsets: Mapping[str, int],
    ir_version: int,
) -> ModelProto:
    """Return a model of the node alone."""
    graph = onnx.GraphProto(name="node", node=[node])
    graph.input.extend(onnx.ValueInfoProto(name=name, type=kind) for name, kind in types.items())
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in node.output if name)
    for name, tensor in constants.items():
        held = graph.initializer.add()
        held.CopyFrom(tensor)
        held.name = name
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    return onnx.ModelProto(ir_version=ir_version, graph=graph, opset_import=imports)
