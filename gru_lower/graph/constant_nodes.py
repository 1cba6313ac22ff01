"""Constant nodes: the tensor that one produces, and the nodes that produce a tensor."""

from __future__ import annotations

import numpy as np
from onnx import AttributeProto, NodeProto, TensorProto, helper, numpy_helper

NUMBERS = {
    "value_float": (AttributeProto.FLOAT, np.float32),
    "value_floats": (AttributeProto.FLOATS, np.float32),
    "value_int": (AttributeProto.INT, np.int64),
    "value_ints": (AttributeProto.INTS, np.int64),
}
"""The attributes in which a Constant holds plain numbers: their types, and those of the tensors they make."""


def constant_of(node: NodeProto) -> TensorProto | None:
    """Return the tensor of a Constant node, or ``None`` for a sparse or string one."""
    for attribute in node.attribute:
        if attribute.name == "value" and attribute.HasField("t"):
            tensor: TensorProto = attribute.t
            return tensor
        kind, dtype = NUMBERS.get(attribute.name, (None, None))
        if attribute.type == kind and not attribute.ref_attr_name:
            values = np.asarray(helper.get_attribute_value(attribute), dtype)
            return numpy_helper.from_array(values, node.output[0])
    return None


CONSTANT_OF_ANY_TYPE_OPSET = 9
CONSTANT_TYPES = (TensorProto.FLOAT16, TensorProto.FLOAT, TensorProto.DOUBLE)


def constant_nodes(tensor: TensorProto, opset: int) -> list[NodeProto]:
    """Return nodes that produce the tensor under its name: a Constant, where need be with a Cast.

    Before opset 9 a Constant holds floats only: whole numbers are held as float32 where that is exact, since there are
    runtimes without float64, and else as float64, which is exact up to 2^53.
    """
    node = NodeProto(op_type="Constant", name=tensor.name, output=[tensor.name])
    attribute = node.attribute.add(name="value", type=AttributeProto.TENSOR)
    attribute.t.CopyFrom(tensor)
    if opset >= CONSTANT_OF_ANY_TYPE_OPSET or tensor.data_type in CONSTANT_TYPES:
        return [node]
    values = numpy_helper.to_array(tensor).astype(np.float64)
    exact = values.astype(np.float32)
    held = exact if np.array_equal(exact, values) else values
    node.name = node.output[0] = f"{tensor.name}/{held.dtype}"
    attribute.t.CopyFrom(numpy_helper.from_array(held, node.name))
    cast = NodeProto(op_type="Cast", name=tensor.name, input=[node.output[0]], output=[tensor.name])
    cast.attribute.add(name="to", type=AttributeProto.INT, i=tensor.data_type)
    return [node, cast]
