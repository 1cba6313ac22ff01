"""ONNX's shape inference, run once over a copy of a model without its weights.

Bodies are inferred with the graphs around them, local functions from the types that all their calls agree on.
"""

from __future__ import annotations

import re
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import onnx
from onnx import FunctionProto, GraphProto, NodeProto, TensorProto, ValueInfoProto, helper

from gru_lower.graph import external_data, onnx_calls
from gru_lower.graph.local_functions import Functions
from gru_lower.graph.scopes import Scope, function_path, walk
from gru_lower.graph.tensor_types import declared_types, dims_of
from gru_lower.graph.validation.plain_graphs import has_few_calls, is_plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.graph.local_functions import Key

Table = dict[str, dict[str, ValueInfoProto]]
"""By scope path, the types of values by name."""
UNKNOWN_DOMAIN = "gru_lower.unknown"
UNKNOWN = helper.make_opsetid(UNKNOWN_DOMAIN, 1)
"""Without its import, nodes of a domain are not passed by: nothing of the model is inferred."""
MOST_ENTERED, DEEPEST_ENTERED = 20_000, 64
"""How many nodes functions may be, written out at every call, and how deep calls may be nested."""
MOST_IN_PROCESSES = 16
"""How many functions may be inferred one by one in a process each."""
SPLIT = "SplitToSequence"
SMALL_BYTES = 1024
"""Initializers up to this size stay in the copy that shapes are inferred on: they may be shapes themselves."""


def infer(proto: onnx.ModelProto, *, declared: bool = True, scopes: Sequence[Scope] | None = None) -> Table:
    """Run ONNX's shape inference on a copy without weights.

    Args:
        proto: Any model; not changed.
        declared: Whether the shapes that the model declares are believed; those of its inputs always are.
        scopes: The model's scopes, where somebody has read them before.

    Returns:
        By scope path, the types and shapes of values, as far as they could be inferred.

    """
    skeleton = _skeleton(proto, None if scopes is None else scopes[0])
    if skeleton.functions and not _can_be_entered(skeleton):
        del skeleton.functions[:]
    if not declared:
        _forget_declared_shapes(skeleton)
    # What is plain stays so where large constants, and functions, are taken out.
    table = _infer_main(skeleton, scopes if scopes is not None and is_plain(proto, scopes) else None)
    functions = Functions(skeleton, lambda _node: True)
    for key in functions.callers_first():
        table.update(_infer_function(skeleton, functions, key, table))
    return table


def inference_errors(proto: onnx.ModelProto) -> dict[str, str]:
    """Return what ONNX's shape inference finds to contradict itself in a model: lines, by :func:`without_numbers`."""
    try:
        onnx_calls.call("infer strictly", _skeleton(proto))
    except onnx_calls.OnnxRefusalError as error:
        lines = (re.sub(r"\[\w+Error\] |Inference error\(s\): ", "", line) for line in str(error).splitlines())
        return {without_numbers(line): line.strip() for line in lines if line.strip()}
    return {}


def without_numbers(line: str) -> str:
    """Return what an error is known by, whatever the lengths are."""
    return re.sub(r"\d+", "#", line.strip())


def _can_be_entered(skeleton: onnx.ModelProto) -> bool:
    """Whether inference gets to the end of a model's functions: it goes into each of them at every call."""
    few = has_few_calls(skeleton, MOST_ENTERED, DEEPEST_ENTERED)
    return few and (len(skeleton.functions) <= MOST_IN_PROCESSES or is_plain(skeleton))


def _forget_declared_shapes(skeleton: onnx.ModelProto) -> None:
    """Clear the shapes that are declared anywhere but at the model's inputs; element types stay."""
    for scope in walk(skeleton):
        values = [*scope.proto.value_info]
        if isinstance(scope.proto, GraphProto):
            values += [*scope.proto.output, *(scope.proto.input if scope.parent is not None else ())]
        for value in values:
            if value.type.HasField("tensor_type"):
                value.type.tensor_type.ClearField("shape")


def _skeleton(proto: onnx.ModelProto, main: Scope | None = None) -> onnx.ModelProto:
    """Copy a model without the bytes of its large tensors, which shape inference does not need.

    Args:
        proto: The model.
        main: Its main graph, where somebody has read it before.

    """
    skeleton = onnx.ModelProto(ir_version=proto.ir_version)
    skeleton.opset_import.extend([*proto.opset_import, UNKNOWN])
    _strip_graph(proto.graph, skeleton.graph, main)
    for function in proto.functions:
        copy = skeleton.functions.add()
        for name in ("name", "domain", "overload"):
            if hasattr(function, name):
                setattr(copy, name, getattr(function, name))
        copy.input.extend(function.input)
        copy.output.extend(function.output)
        copy.attribute.extend(function.attribute)
        copy.attribute_proto.extend(function.attribute_proto)
        if function.opset_import:  # else it is the model's
            copy.opset_import.extend([*function.opset_import, UNKNOWN])
        _strip_nodes(function.node, copy)
    return skeleton


def _strip_graph(graph: GraphProto, copy: GraphProto, scope: Scope | None = None) -> None:
    if _is_small(graph, scope):
        copy.ParseFromString(graph.SerializeToString())  # in a fifth of the time that copying takes
        copy.name = graph.name or "graph"
        return
    copy.name = graph.name or "graph"
    copy.input.extend(graph.input)
    copy.output.extend(graph.output)
    copy.value_info.extend(graph.value_info)
    for tensor in graph.initializer:
        _strip_tensor(tensor, copy.initializer.add())
    _strip_nodes(graph.node, copy)


def _is_small(graph: GraphProto, scope: Scope | None) -> bool:
    """Whether a graph is to be copied as it is."""
    nodes = graph.node if scope is None else scope.columns.nodes
    op_types = map(attrgetter("op_type"), nodes) if scope is None else scope.columns.op_types
    if graph.sparse_initializer or graph.quantization_annotation or SPLIT in set(op_types):
        return False
    if max(map(NodeProto.ByteSize, nodes), default=0) > SMALL_BYTES:
        return False
    return not any(map(_is_left_out, graph.initializer))


def _is_left_out(tensor: TensorProto) -> bool:
    return external_data.is_external(tensor) or tensor.ByteSize() > SMALL_BYTES


def _strip_tensor(tensor: TensorProto, copy: TensorProto) -> None:
    if _is_left_out(tensor):
        copy.name, copy.data_type = tensor.name, tensor.data_type
        copy.dims.extend(tensor.dims)
        copy.data_location = TensorProto.EXTERNAL
    else:
        copy.CopyFrom(tensor)


def _strip_nodes(nodes: Any, owner: GraphProto | FunctionProto) -> None:  # noqa: ANN401 - protobuf's repeated container
    for node in nodes:
        if node.ByteSize() <= SMALL_BYTES:
            owner.node.append(node)
            if _is_inferred_wrong(node):
                owner.node[-1].domain = UNKNOWN_DOMAIN
            continue
        copy = owner.node.add(op_type=node.op_type, domain=node.domain, overload=node.overload, name=node.name)
        copy.input.extend(node.input)
        copy.output.extend(node.output)
        for attribute in node.attribute:
            twin = copy.attribute.add(name=attribute.name, type=attribute.type)
            if attribute.HasField("g"):
                _strip_graph(attribute.g, twin.g)
            elif attribute.HasField("t"):
                _strip_tensor(attribute.t, twin.t)
            else:
                twin.CopyFrom(attribute)


def _is_inferred_wrong(node: NodeProto) -> bool:
    """Whether ONNX's shape inference is wrong about a node: it keeps the axis that SplitToSequence drops."""
    return node.op_type == SPLIT and any(
        attribute.name == "keepdims" and not attribute.i for attribute in node.attribute
    )


def _infer_main(skeleton: onnx.ModelProto, plain_scopes: Sequence[Scope] | None = None) -> Table:
    """Infer a model's types.

    Args:
        skeleton: The model.
        plain_scopes: Its scopes, where somebody has read them before and found all of it plain.

    """
    slices = plain_scopes is None or any("Slice" in scope.columns.op_types for scope in plain_scopes)
    try:
        inferred = onnx_calls.call("infer", skeleton, plain=plain_scopes is not None, slices=slices)
    except onnx_calls.OnnxRefusalError:
        # A model whose shapes contradict each other still has declarations; what they say is all there is to know.
        inferred = skeleton
    if plain_scopes is not None and len(plain_scopes) == 1:
        return {plain_scopes[0].path: declared_types(inferred.graph)}
    return {
        scope.path: declared_types(scope.proto)
        for scope in walk(inferred)
        if isinstance(scope.proto, GraphProto) and scope.function is None
    }


def _infer_function(skeleton: onnx.ModelProto, functions: Functions, key: Key, table: Table) -> Table:
    """Infer a function's values from the types all its calls agree on."""
    function, calls = functions.by_key[key], functions.calls[key]
    graph = GraphProto(name="function")
    graph.node.extend(function.node)
    for position, formal in enumerate(function.input):
        given = [_argument(scope, call, position, table) for scope, call in calls]
        agreed = _agreed(formal, given)
        if agreed is not None:
            graph.input.append(agreed)
    model = helper.make_model(graph, opset_imports=list(function.opset_import) or list(skeleton.opset_import))
    model.functions.extend(functions.called_by(key))
    name = function_path(function)
    return {name + path.removeprefix("main"): infos for path, infos in _infer_main(model).items()}


def _argument(scope: Scope, call: NodeProto, position: int, table: Table) -> ValueInfoProto | None:
    name = call.input[position] if position < len(call.input) else ""
    home = scope.find(name) if name else None
    if home is None:
        return None
    info = table.get(home.path, {}).get(name)  # also of an initializer that is an input: what that declares holds
    tensor = home.initializers.get(name)
    if info is not None or tensor is None:
        return info
    return helper.make_tensor_value_info(name, tensor.data_type, list(tensor.dims))


def _agreed(name: str, given: list[ValueInfoProto | None]) -> ValueInfoProto | None:
    """Return the type that every call gives a formal input; dims on which they differ are unknown."""
    known = [info for info in given if info is not None]
    kinds = {info.type.tensor_type.elem_type for info in known}
    if not known or len(known) != len(given) or len(kinds) != 1:
        return None
    result = ValueInfoProto(name=name)
    result.type.tensor_type.elem_type = kinds.pop()
    shapes = [dims_of(info) for info in known if info.type.tensor_type.HasField("shape")]
    if len(shapes) == len(known) and len({len(shape) for shape in shapes}) == 1:
        result.type.tensor_type.shape.SetInParent()
        for dims in zip(*shapes, strict=True):
            dim = result.type.tensor_type.shape.dim.add()
            if len(set(dims)) == 1 and isinstance(dims[0], int):
                dim.dim_value = dims[0]
    return result
