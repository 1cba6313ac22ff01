"""Whether a node means the same in an older version of its operator, so that only the opset's number need change.

From opset 11 on most new versions of operators only take more types, or more attributes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import AttributeProto, TensorProto, defs

from gru_lower.errors import Unsupported
from gru_lower.graph.scopes import is_onnx

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope

SAME_SINCE = 11
"""Since when it holds that what keeps its inputs, outputs and defaults keeps its meaning."""
NOT_THE_SAME = {"AveragePool", "GridSample", "GroupNormalization", "LpPool", "Resize", "RoiAlign"}
"""Operators that changed what they compute from the same inputs."""
NO_AXES, HAND_ON = "noop_with_empty_axes", {"ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd"}
"""What lets a reduction without axes reduce nothing, and those that hand their input on then."""
HELD_BODIES = {"If", "Loop", "Scan"}
"""Operators whose bodies have to be converted with them."""


def means_the_same(scope: Scope, node: NodeProto, facts: Facts, to: int) -> bool:
    """Whether a node can be written at an older opset as it is, but for attributes that say a default.

    Args:
        scope: Where it stands.
        node: The node.
        facts: The model's, for the types of its inputs.
        to: The older opset, 11 or later.

    """
    unfit = NOT_THE_SAME | HELD_BODIES
    if not is_onnx(node) or node.op_type in unfit or not defs.has(node.op_type, scope.opset):
        return False
    if not SAME_SINCE <= to <= scope.opset or not defs.has(node.op_type, to):
        return False
    new, old = defs.get_schema(node.op_type, scope.opset), defs.get_schema(node.op_type, to)
    if _signature(new) != _signature(old) or {*old.attributes} - {*new.attributes}:
        return False
    shared = [name for name in old.attributes if _default(old, name) != _default(new, name)]
    added = [each for each in node.attribute if each.name not in old.attributes and not _says_default(each, new)]
    return not shared and not added and _takes_types(scope, node, facts, old)


def without_new_attributes(node: NodeProto, to: int) -> list[AttributeProto]:
    """Return the attributes of a node that its operator has at an older opset."""
    known = defs.get_schema(node.op_type, to).attributes
    return [each for each in node.attribute if each.name in known]


def drop_newer_attributes(scope: Scope, given: int, to: int) -> None:
    """Drop attributes that say a default and that an older opset has not: onnx's converter leaves them.

    Args:
        scope: Converted, edited in place.
        given: The opset before.
        to: The older opset.

    """
    for node in scope.nodes:
        if not is_onnx(node) or not defs.has(node.op_type, to) or not defs.has(node.op_type, given):
            continue
        new, known = defs.get_schema(node.op_type, given), defs.get_schema(node.op_type, to).attributes
        odd = [each for each in node.attribute if each.name not in known]
        if not odd or any(each.name not in new.attributes for each in odd):
            continue
        has_axes = len(node.input) > 1 or any(each.name == "axes" for each in node.attribute)
        says_nothing = [_says_default(each, new) or (each.name == NO_AXES and has_axes) for each in odd]
        if all(says_nothing):
            kept = [each for each in node.attribute if each.name in known]
            del node.attribute[:]
            node.attribute.extend(kept)
        elif [each.name for each in odd] == [NO_AXES] and node.op_type in HAND_ON:
            node.op_type = "Identity"
            del node.attribute[:]


def refuse_newer_attributes(scope: Scope, to: int) -> None:
    """Refuse nodes with attributes that say more than an older opset can: onnx's converter leaves them.

    Args:
        scope: Converted, without those that say a default.
        to: The older opset.

    Raises:
        Unsupported: There is one.

    """
    for index, node in enumerate(scope.nodes):
        if not is_onnx(node) or not defs.has(node.op_type, to):
            continue
        known = defs.get_schema(node.op_type, to).attributes
        odd = next((each.name for each in node.attribute if each.name not in known), None)
        if odd is not None:
            raise Unsupported(
                f"{node.op_type} has no {odd} at opset {to}",
                code="GL012",
                node=scope.site(index),
                hint="name a newer opset, or leave --opset out",
            )


def _signature(schema: defs.OpSchema) -> object:
    formal = [[each.name for each in group] for group in (schema.inputs, schema.outputs)]
    return formal, schema.min_input, schema.max_input, schema.min_output, schema.max_output


def _default(schema: defs.OpSchema, name: str) -> bytes:
    return bytes(schema.attributes[name].default_value.SerializeToString(deterministic=True))


def _says_default(attribute: AttributeProto, schema: defs.OpSchema) -> bool:
    if attribute.name not in schema.attributes:
        return False  # an attribute that no version of the operator has
    copy = AttributeProto()
    copy.CopyFrom(attribute)
    copy.ClearField("doc_string")
    return bytes(copy.SerializeToString(deterministic=True)) == _default(schema, attribute.name)


def _takes_types(scope: Scope, node: NodeProto, facts: Facts, old: defs.OpSchema) -> bool:
    """Whether every input and output is of a type that the older version takes; one that is not known is not."""
    allowed = {each.type_param_str: set(each.allowed_type_strs) for each in old.type_constraints}
    for names, formal in ((node.input, old.inputs), (node.output, old.outputs)):
        for index, name in enumerate(names):
            parameter = formal[min(index, len(formal) - 1)].type_str
            if name and _type_name(facts.elem_type(scope, name)) not in allowed.get(parameter, {parameter}):
                return False
    return True


def _type_name(elem_type: int) -> str:
    return f"tensor({TensorProto.DataType.Name(TensorProto.DataType.ValueType(elem_type)).lower()})"
