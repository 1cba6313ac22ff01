"""Whether the names in a model are UTF-8 text: protobuf does not see to that, and documentation may be what it is."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from onnx import FunctionProto, GraphProto

from gru_lower.errors import InvalidModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import onnx
    from onnx import NodeProto

    from gru_lower.graph.scopes import Scope


def check_names(scope: Scope) -> None:
    """Refuse a scope in which a name is no UTF-8; protobuf hands such a one out as bytes.

    Raises:
        InvalidModel: Naming it.

    """
    read = scope.columns
    names = [node.name for node in read.nodes]
    texts = chain(read.op_types, read.domains, names, chain.from_iterable(read.inputs + read.outputs))
    if {*map(type, texts), str} != {str}:
        raise not_text(next(text for node in read.nodes for text in _names_in_node(node) if type(text) is not str))
    for text in _names(scope.proto, read.attributed):
        if type(text) is not str:
            raise not_text(text)


def not_text(text: object) -> InvalidModel:
    """Return the error for a name that is no UTF-8."""
    return InvalidModel(
        f"the name {text!r} is no UTF-8 text",
        code="GL003",
        hint="the file may be damaged; names in an ONNX model have to be UTF-8: export it again",
    )


def _names_in_node(node: NodeProto) -> Iterator[object]:
    yield from (node.op_type, node.domain, node.name)
    yield from node.input
    yield from node.output


def _names(proto: GraphProto | FunctionProto, attributed: Iterable[NodeProto]) -> Iterator[object]:
    yield proto.name
    for node in attributed:
        for attribute in node.attribute:
            yield from (attribute.name, attribute.ref_attr_name)
    yield from _names_in_types(proto.value_info)
    if isinstance(proto, FunctionProto):
        yield from (proto.domain, proto.overload, *proto.input, *proto.output, *proto.attribute)
        yield from (attribute.name for attribute in proto.attribute_proto)
        return
    yield from _names_in_types(proto.input)
    yield from _names_in_types(proto.output)
    for tensor in proto.initializer:
        yield tensor.name
        yield from (text for entry in tensor.external_data for text in (entry.key, entry.value))
    yield from (sparse.values.name for sparse in proto.sparse_initializer)
    for annotation in proto.quantization_annotation:
        yield annotation.tensor_name
        yield from (text for entry in annotation.quant_parameter_tensor_names for text in (entry.key, entry.value))


def _names_in_types(values: Iterable[onnx.ValueInfoProto]) -> Iterator[object]:
    for value in values:
        yield value.name
        yield from _names_in_type(value.type)


def _names_in_type(kind: Any) -> Iterator[object]:  # noqa: ANN401 - a TypeProto
    which = kind.WhichOneof("value")
    if which in ("tensor_type", "sparse_tensor_type"):
        for dim in getattr(kind, which).shape.dim:
            if dim.HasField("dim_param"):
                yield dim.dim_param
    elif which in ("sequence_type", "optional_type"):
        yield from _names_in_type(getattr(kind, which).elem_type)
    elif which == "map_type":
        yield from _names_in_type(kind.map_type.value_type)
