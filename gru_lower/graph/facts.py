"""The side table of a model: (scope, value) -> constant, element type, shape. It never edits the model.

Constants are followed through Identity and Constant nodes into the scopes around. Types and
shapes come from the model's own declarations and, where those are silent, from one run of ONNX's
shape inference over a copy without the weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import AttributeProto, FunctionProto, GraphProto, NodeProto, TensorProto, ValueInfoProto, helper

from gru_lower.graph import external_data
from gru_lower.graph.local_functions import Functions, key_of, resolve
from gru_lower.graph.scopes import Scope, function_path, is_onnx, walk

if TYPE_CHECKING:
    from gru_lower.graph.local_functions import Key
    from gru_lower.graph.model import Model

Table = dict[str, dict[str, ValueInfoProto]]
Dims = tuple["int | str | None", ...]

SMALL_BYTES = 1024
"""Initializers up to this size stay in the copy that shapes are inferred on: they may be shapes themselves."""
FREE_INITIALIZERS_IR_VERSION = 4
NUMBERS = {
    "value_float": (AttributeProto.FLOAT, np.float32),
    "value_floats": (AttributeProto.FLOATS, np.float32),
    "value_int": (AttributeProto.INT, np.int64),
    "value_ints": (AttributeProto.INTS, np.int64),
}
"""The attributes in which a Constant holds plain numbers: their types, and those of the tensors they make."""


class Facts:
    """What is known about the values of one model, as it was when the table was made.

    Args:
        model: The model; edits made to it later are not seen.

    """

    def __init__(self, model: Model) -> None:
        """Keep the model; everything is found out when first asked for."""
        self._model = model
        self._functions: Functions | None = None
        self._declared: dict[str, dict[str, ValueInfoProto]] = {}
        self._inferred: dict[str, dict[str, ValueInfoProto]] | None = None

    def node(self, scope: Scope, index: int) -> NodeProto:
        """Return a node with its references to a function's parameters replaced, as far as all calls agree."""
        node: NodeProto = scope.nodes[index]
        if scope.function is None or not any(attribute.ref_attr_name for attribute in node.attribute):
            return node
        if self._functions is None:
            self._functions = Functions(self._model.proto, lambda _node: True)
        return resolve(node, self._functions.bindings(key_of(scope.function)))

    def constant(self, scope: Scope, name: str) -> TensorProto | None:
        """Return the tensor a value always is, or ``None``.

        An initializer that is also an input is a default its user may override, and no constant,
        unless the model is so old (IR version 3) that every initializer has to be an input.
        """
        home = scope.find(name) if name else None
        seen: set[tuple[str, str]] = set()
        while home is not None and (home.path, name) not in seen:
            seen.add((home.path, name))
            tensor = home.initializers.get(name)
            if tensor is not None:
                free = name not in home.inputs or home.ir_version < FREE_INITIALIZERS_IR_VERSION
                return tensor if free else None
            node = home.nodes[home.producers[name]] if name in home.producers else None
            if node is None or not is_onnx(node, "Identity"):
                return constant_of(node) if node is not None and is_onnx(node, "Constant") else None
            name = next(iter(node.input), "")
            home = home.find(name) if name else None
        return None

    def array(self, scope: Scope, name: str) -> np.ndarray[Any, np.dtype[Any]] | None:
        """Return the values of a constant, or ``None``."""
        tensor = self.constant(scope, name)
        return None if tensor is None else external_data.to_array(tensor, self._model.base_dir)

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

    def static_type(self, scope: Scope, name: str) -> ValueInfoProto | None:
        """Return a value's inferred type if its element type and every dim are known."""
        return next((info for info in reversed(self._infos(scope, name)) if is_static(info)), None)

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
        if attribute.name == "value" and attribute.HasField("t"):
            tensor: TensorProto = attribute.t
            return tensor
        kind, dtype = NUMBERS.get(attribute.name, (None, None))
        if attribute.type == kind and not attribute.ref_attr_name:
            values = np.asarray(helper.get_attribute_value(attribute), dtype)
            return onnx.numpy_helper.from_array(values, node.output[0])
    return None


def _declarations(proto: GraphProto | FunctionProto) -> dict[str, ValueInfoProto]:
    entries = list(proto.value_info)
    if isinstance(proto, GraphProto):
        entries += [*proto.output, *proto.input]
    return {entry.name: entry for entry in entries}


def infer(proto: onnx.ModelProto) -> Table:
    """Run ONNX's shape inference on a copy without weights.

    Args:
        proto: Any model; not changed.

    Returns:
        By scope path, the types and shapes of values, as far as they could be inferred.

    """
    skeleton = _skeleton(proto)
    table = _infer_main(skeleton)
    functions = Functions(skeleton, lambda _node: True)
    for key in functions.callers_first():
        table.update(_infer_function(skeleton, functions, key, table))
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
    if external_data.is_external(tensor) or tensor.ByteSize() > SMALL_BYTES:
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


def _infer_main(skeleton: onnx.ModelProto) -> Table:
    try:
        inferred = onnx.shape_inference.infer_shapes(skeleton, data_prop=True)
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError, RuntimeError, ValueError):
        # A model whose shapes contradict each other still has declarations; what they say is all there is to know.
        inferred = skeleton
    return {
        scope.path: _declarations(scope.proto)
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
