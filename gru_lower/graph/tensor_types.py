"""What a ValueInfoProto says of a tensor: its element type, and its dims as far as they are known."""

from __future__ import annotations

from onnx import FunctionProto, GraphProto, TensorShapeProto, ValueInfoProto

Dims = tuple["int | str | None", ...]
"""For each axis its length, its symbol, or ``None`` where nothing is known of it."""


def is_static(info: ValueInfoProto) -> bool:
    """Whether a tensor type says its element type and every dim."""
    tensor = info.type.tensor_type
    return bool(tensor.elem_type and tensor.HasField("shape") and all(is_known(dim) for dim in tensor.shape.dim))


def dims_of(info: ValueInfoProto) -> Dims:
    """Return the dims of a tensor type that has a shape; a negative number, as some exporters write, is unknown."""
    return tuple(dim.dim_value if is_known(dim) else (dim.dim_param or None) for dim in info.type.tensor_type.shape.dim)


def is_known(dim: TensorShapeProto.Dimension) -> bool:
    """Whether a dim says its length."""
    return dim.HasField("dim_value") and dim.dim_value >= 0


def declared_types(proto: GraphProto | FunctionProto) -> dict[str, ValueInfoProto]:
    """Return the types that a graph or function declares itself, by value: value_info, outputs and inputs."""
    entries = list(proto.value_info)
    if isinstance(proto, GraphProto):
        entries += [*proto.output, *proto.input]
    return {entry.name: entry for entry in entries}
