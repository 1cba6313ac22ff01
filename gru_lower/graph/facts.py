"""The side table of a model: (scope, value) -> constant, element type, shape. It never edits the model.

Constants are followed through Identity and Constant nodes into the scopes around. Types and
shapes come from the model's own declarations and, where those are silent, from one run of ONNX's
shape inference over a copy without the weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import FunctionProto, GraphProto, NodeProto, TensorProto, ValueInfoProto, helper

from gru_lower.graph import external
from gru_lower.graph.scopes import Scope, is_onnx, walk

if TYPE_CHECKING:
    from gru_lower.graph.model import Model

Dims = tuple["int | str | None", ...]

SMALL_BYTES = 1024
"""Initializers up to this size stay in the copy that shapes are inferred on: they may be shapes themselves."""
FREE_INITIALIZERS_IR_VERSION = 4


class Facts:
    """What is known about the values of one model, as it was when the table was made.

    Args:
        model: The model; edits made to it later are not seen.

    """

    def __init__(self, model: Model) -> None:
        """Keep the model; everything is found out when first asked for."""
        self._model = model
        self._declared: dict[str, dict[str, ValueInfoProto]] = {}
        self._inferred: dict[str, dict[str, ValueInfoProto]] | None = None

    def constant(self, scope: Scope, name: str) -> TensorProto | None:
        """Return the tensor a value always is, or ``None``.

        An initializer that is also an input is a default its user may override, and no constant,
        unless the model is so old (IR version 3) that every initializer has to be an input.
        """
        home = scope.find(name) if name else None
        if home is None:
            return None
        tensor = home.initializers.get(name)
        if tensor is not None:
            free = name not in home.inputs or home.ir_version < FREE_INITIALIZERS_IR_VERSION
            return tensor if free else None
        index = home.producers.get(name)
        if index is None:
            return None
        node = home.nodes[index]
        if is_onnx(node, "Identity"):
            return self.constant(home, node.input[0])
        return constant_of(node) if is_onnx(node, "Constant") else None

    def array(self, scope: Scope, name: str) -> np.ndarray[Any, np.dtype[Any]] | None:
        """Return the values of a constant, or ``None``."""
        tensor = self.constant(scope, name)
        return None if tensor is None else external.to_array(tensor, self._model.base_dir)

    def elem_type(self, scope: Scope, name: str) -> int:
        """Return the element type (``TensorProto.DataType``) of a tensor value, 0 where it is unknown."""
        tensor = self.constant(scope, name)
        if tensor is not None:
            return tensor.data_type
        for info in self._infos(scope, name):
            if info.type.tensor_type.elem_type:
                return info.type.tensor_type.elem_type
        return 0

    def shape(self, scope: Scope, name: str) -> Dims | None:
        """Return a value's dims (an int, a symbol, or ``None`` each), or ``None`` where even the rank is unknown."""
        tensor = self.constant(scope, name)
        if tensor is not None:
            return tuple(tensor.dims)
        best: Dims | None = None
        for info in self._infos(scope, name):
            if not info.type.tensor_type.HasField("shape"):
                continue
            dims = dims_of(info)
            best = dims if best is None else _meet(best, dims)
            if all(isinstance(dim, int) for dim in best):
                break
        return best

    def _infos(self, scope: Scope, name: str) -> list[ValueInfoProto]:
        home = scope.find(name)
        if home is None:
            return []
        declared = self._declared.get(home.path)
        if declared is None:
            declared = self._declared[home.path] = _declarations(home.proto)
        info = declared.get(name)
        if info is not None and is_static(info):
            return [info]
        if self._inferred is None:
            self._inferred = infer(self._model.proto)
        inferred = self._inferred.get(home.path, {}).get(name)
        return [entry for entry in (info, inferred) if entry is not None]


def is_static(info: ValueInfoProto) -> bool:
    """Whether a tensor type says its element type and every dim."""
    tensor = info.type.tensor_type
    return bool(tensor.elem_type and tensor.HasField("shape") and all(is_known(dim) for dim in tensor.shape.dim))


def dims_of(info: ValueInfoProto) -> Dims:
    """Return the dims of a tensor type that has a shape; a negative number, as some exporters write, is unknown."""
    return tuple(dim.dim_value if is_known(dim) else (dim.dim_param or None) for dim in info.type.tensor_type.shape.dim)


def is_known(dim: onnx.TensorShapeProto.Dimension) -> bool:
    """Whether a dim says its length."""
    return dim.HasField("dim_value") and dim.dim_value >= 0


def _meet(left: Dims, right: Dims) -> Dims:
    if len(left) != len(right):
        return left
    return tuple(
        a if isinstance(a, int) else b if isinstance(b, int) else a or b for a, b in zip(left, right, strict=True)
    )


def constant_of(node: NodeProto) -> TensorProto | None:
    """Return the tensor of a Constant node, or ``None`` for a sparse or string one."""
    for attribute in node.attribute:
        if attribute.name == "value" and not attribute.ref_attr_name:
            tensor: TensorProto = attribute.t
            return tensor
        numbers = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
        if attribute.name in numbers and not attribute.ref_attr_name:
            values = np.asarray(helper.get_attribute_value(attribute), numbers[attribute.name])
            return onnx.numpy_helper.from_array(values, node.output[0])
    return None


def _declarations(proto: GraphProto | FunctionProto) -> dict[str, ValueInfoProto]:
    entries = list(proto.value_info)
    if isinstance(proto, GraphProto):
        entries += [*proto.output, *proto.input]
    return {entry.name: entry for entry in entries}


def infer(proto: onnx.ModelProto) -> dict[str, dict[str, ValueInfoProto]]:
    """Run ONNX's shape inference on a copy without weights.

    Args:
        proto: Any model; not changed.

    Returns:
        By scope path, the types and shapes of values, as far as they could be inferred.

    """
    skeleton = _skeleton(proto)
    table = _infer_main(skeleton)
    functions = {(f.domain, f.name, getattr(f, "overload", "")): f for f in skeleton.functions}
    pending = [table]
    seen: set[tuple[str, str, str]] = set()
    while pending:
        known = pending.pop()
        for scope in [s for s in walk(skeleton) if s.path in known]:
            for node in scope.nodes:
                key = (node.domain, node.op_type, getattr(node, "overload", ""))
                if key not in functions or key in seen:
                    continue
                seen.add(key)
                inner = _infer_function(skeleton, functions[key], node, scope, table)
                table.update(inner)
                pending.append(inner)
    return table


def _skeleton(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Copy a model without the bytes of its large tensors, which shape inference has no use for."""
    skeleton = onnx.ModelProto(ir_version=proto.ir_version)
    skeleton.opset_import.extend(proto.opset_import)
    _strip_graph(proto.graph, skeleton.graph)
    for function in proto.functions:
        copy = skeleton.functions.add()
        for name in ("name", "domain", "overload"):
            if hasattr(function, name):
                setattr(copy, name, getattr(function, name))
        copy.input.extend(function.input)
        copy.output.extend(function.output)
        copy.attribute.extend(function.attribute)
        copy.attribute_proto.extend(function.attribute_proto)
        copy.opset_import.extend(function.opset_import)
        _strip_nodes(function.node, copy)
    return skeleton


def _strip_graph(graph: GraphProto, copy: GraphProto) -> None:
    copy.name = graph.name or "graph"
    copy.input.extend(graph.input)
    copy.output.extend(graph.output)
    copy.value_info.extend(graph.value_info)
    for tensor in graph.initializer:
        _strip_tensor(tensor, copy.initializer.add())
    _strip_nodes(graph.node, copy)


def _strip_tensor(tensor: TensorProto, copy: TensorProto) -> None:
    if external.is_external(tensor) or tensor.ByteSize() > SMALL_BYTES:
        copy.name, copy.data_type = tensor.name, tensor.data_type
        copy.dims.extend(tensor.dims)
        copy.data_location = TensorProto.EXTERNAL
    else:
        copy.CopyFrom(tensor)


def _strip_nodes(nodes: Any, owner: GraphProto | FunctionProto) -> None:  # noqa: ANN401 - protobuf's repeated container
    for node in nodes:
        if node.ByteSize() <= SMALL_BYTES:
            owner.node.append(node)
            continue
        copy = owner.node.add(op_type=node.op_type, domain=node.domain, name=node.name)
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


def _infer_main(skeleton: onnx.ModelProto) -> dict[str, dict[str, ValueInfoProto]]:
    try:
        inferred = onnx.shape_inference.infer_shapes(skeleton, data_prop=True)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError):
        # A model whose shapes contradict each other still has declarations; what they say is all there is to know.
        inferred = skeleton
    return {
        scope.path: _declarations(scope.proto)
        for scope in walk(inferred)
        if isinstance(scope.proto, GraphProto) and scope.function is None
    }


def _infer_function(
    skeleton: onnx.ModelProto,
    function: FunctionProto,
    call: NodeProto,
    scope: Scope,
    table: dict[str, dict[str, ValueInfoProto]],
) -> dict[str, dict[str, ValueInfoProto]]:
    """Infer a function's values from the types at its first call; shapes only where it is the only call."""
    graph = GraphProto(name="function")
    graph.node.extend(function.node)
    for formal, actual in zip(function.input, call.input, strict=False):
        home = scope.find(actual)
        info = None if home is None else table.get(home.path, {}).get(actual)
        if info is None:
            tensor = None if home is None else home.initializers.get(actual)
            if tensor is None:
                continue
            info = helper.make_tensor_value_info(formal, tensor.data_type, list(tensor.dims))
        typed = ValueInfoProto()
        typed.CopyFrom(info)
        typed.name = formal
        graph.input.append(typed)
    model = helper.make_model(graph, opset_imports=list(function.opset_import) or list(skeleton.opset_import))
    model.functions.extend(skeleton.functions)
    calls = sum(
        (node.domain, node.op_type) == (function.domain, function.name) for s in walk(skeleton) for node in s.nodes
    )
    if calls > 1:
        for value in model.graph.input:
            value.type.tensor_type.ClearField("shape")
    name = next(s.path for s in walk(skeleton) if s.proto is function)
    inner = _infer_main(model)
    return {name + path.removeprefix("main"): infos for path, infos in inner.items()}
