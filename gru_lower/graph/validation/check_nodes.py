"""Whether nodes have the inputs, outputs, attributes and bodies that their operators ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import AttributeProto

from gru_lower.graph.scopes import ONNX_DOMAINS, is_onnx
from gru_lower.graph.validation.broken_rule import broken_rule
from gru_lower.graph.validation.operator_rules import ENDLESS, rule_of

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

    from gru_lower.graph.scopes import Scope
    from gru_lower.graph.validation.operator_rules import OperatorRule

EXEMPT = "GRU"
"""Its rules have codes of their own (GL1xx): :mod:`gru_lower.gru.parse_node` holds every GRU to them."""
TYPE_NAMES: dict[int, str] = {value: name.lower() for name, value in AttributeProto.AttributeType.items()}
FIELDS: dict[int, str] = {
    AttributeProto.TENSOR: "t",
    AttributeProto.GRAPH: "g",
    AttributeProto.SPARSE_TENSOR: "sparse_tensor",
    AttributeProto.TYPE_PROTO: "tp",
}
"""By the type of an attribute, the field that has to hold its value, where its absence is not the value's default."""


def check_nodes(scope: Scope) -> None:
    """Hold every node of a scope to what ONNX says of its operator, as far as the installed onnx knows it.

    An attribute that the operator does not have is none of ours: nothing reads it, and some vendors add their own.

    Raises:
        InvalidModel: Naming the first node that breaks a rule.

    """
    read = scope.columns
    rules = {key: _rule_of(scope, *key) for key in set(zip(read.op_types, read.domains, strict=True))}
    for index in read.unlike:
        rule = rules[read.op_types[index], read.domains[index]]
        wrong = None if rule is None else what_is_wrong(read.nodes[index], rule)
        if wrong is None and scope.function is None:
            wrong = _wrong_reference(read.nodes[index])
        if wrong is not None:
            raise broken_rule(wrong, scope.site(index))


def _rule_of(scope: Scope, op_type: str, domain: str) -> OperatorRule | None:
    if op_type == EXEMPT and domain in ONNX_DOMAINS:
        return None
    return rule_of(op_type, domain, scope.opsets.get("" if domain in ONNX_DOMAINS else domain, 0))


def what_is_wrong(node: NodeProto, rule: OperatorRule) -> str | None:
    """Return what rule of its operator a node breaks, ``None`` if it breaks none."""
    inputs, outputs = len(node.input), len(node.output)
    least, most = rule.inputs
    if not least <= inputs <= most or "" in node.input[: rule.needed]:
        given = inputs - list(node.input).count("")
        return f"{node.op_type} has {_count(given, 'input')}, and its operator takes {_range(least, most)}"
    least, most = rule.outputs
    if not least <= outputs <= most:
        return f"{node.op_type} has {_count(outputs, 'output')}, and its operator gives {_range(least, most)}"
    given_names = set()
    for attribute in node.attribute:
        wrong = _wrong_attribute(node, attribute, rule) or _wrong_list(node, attribute, rule)
        if wrong is None and attribute.name in given_names:
            wrong = f"{node.op_type} has the attribute {attribute.name} twice"
        if wrong is not None:
            return wrong
        given_names.add(attribute.name)
    missing = rule.required - given_names
    if missing:
        return f"{node.op_type} has no attribute {min(missing)}, which its operator asks for"
    return _wrong_bodies(node, rule) if node.op_type in BODIES and is_onnx(node) else None


def _wrong_reference(node: NodeProto) -> str | None:
    """Return what is wrong with a node of a graph whose attribute refers to a parameter: functions alone have them."""
    for attribute in node.attribute:
        if attribute.ref_attr_name:
            return f"{node.op_type}: its attribute {attribute.name} refers to a function's, and it is in none"
    return None


def _wrong_attribute(node: NodeProto, attribute: AttributeProto, rule: OperatorRule) -> str | None:
    wanted = rule.attributes.get(attribute.name)
    if wanted is None:
        return None
    found = attribute.type
    if found != wanted and (found != AttributeProto.UNDEFINED or not attribute.ref_attr_name):
        if found == AttributeProto.UNDEFINED:  # files of IR version 1 leave the type out
            return None if _holds(attribute, wanted) else _no_value(node, attribute)
        what = f"{TYPE_NAMES.get(found, found)}, and its operator takes {TYPE_NAMES[wanted]}"
        return f"{node.op_type}: its attribute {attribute.name} is of the type {what}"
    field = FIELDS.get(found)
    if field is not None and not attribute.ref_attr_name and not attribute.HasField(field):
        return _no_value(node, attribute)
    return None


def _wrong_list(node: NodeProto, attribute: AttributeProto, rule: OperatorRule) -> str | None:
    """Return what is wrong with a list that says something of each axis, or of each output."""
    if attribute.ref_attr_name or attribute.name not in rule.attributes or not is_onnx(node):
        return None
    numbers = list(attribute.ints)
    if node.op_type == "Transpose" and attribute.name == "perm" and sorted(numbers) != list(range(len(numbers))):
        return f"Transpose: its perm {numbers} is no permutation"
    if node.op_type == "Split" and attribute.name == "split" and numbers and len(numbers) != len(node.output):
        return f"Split: its split has {_count(len(numbers), 'number')}, and it has {_count(len(node.output), 'output')}"
    return None


def _holds(attribute: AttributeProto, wanted: int) -> bool:
    plain: dict[int, str] = {AttributeProto.FLOAT: "f", AttributeProto.INT: "i", AttributeProto.STRING: "s"}
    fields = plain | FIELDS
    return wanted not in fields or bool(attribute.HasField(fields[wanted]))


def _no_value(node: NodeProto, attribute: AttributeProto) -> str:
    return f"{node.op_type}: its attribute {attribute.name} has no value"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _range(least: int, most: int) -> str:
    if most >= ENDLESS:
        return f"{least} or more"
    return str(least) if least == most else f"{least} to {most}"


def _wrong_bodies(node: NodeProto, rule: OperatorRule) -> str | None:
    bodies = {attribute.name: attribute.g for attribute in node.attribute if attribute.HasField("g")}
    if not bodies.keys() >= {*BODIES[node.op_type]}:
        return None  # the function around hands them in
    if node.op_type == "If":
        return _wrong_if(node, bodies)
    body, inputs = bodies["body"], len(node.input)
    if node.op_type == "Loop":
        states = max(inputs - 2, 0)
        return _wrong_body(node, body, inputs=states + 2, outputs=len(node.output) + 1, states=states + 1)
    scanned = next((attribute.i for attribute in node.attribute if attribute.name == "num_scan_inputs"), 0)
    if "directions" in rule.attributes:  # of opset 8, where the lengths of sequences come first
        inputs -= 1
    if not 1 <= scanned <= inputs:
        return f"Scan: its num_scan_inputs is {scanned}, and it has {inputs} inputs"
    return _wrong_body(node, body, inputs=inputs, outputs=len(node.output), states=inputs - scanned)


def _wrong_if(node: NodeProto, bodies: dict[str, GraphProto]) -> str | None:
    for name in BODIES["If"]:
        if bodies[name].input:
            return f"If: its {name} has {len(bodies[name].input)} inputs, and takes none"
        if len(bodies[name].output) < len(node.output):
            return f"If has {len(node.output)} outputs, its {name} {len(bodies[name].output)}"
    return None


def _wrong_body(node: NodeProto, body: GraphProto, *, inputs: int, outputs: int, states: int) -> str | None:
    """Return what is wrong with a loop's body: its numbers of inputs and outputs follow from those of its node."""
    if len(body.input) != inputs:
        return f"{node.op_type}: its body has {len(body.input)} inputs, and gets {inputs}"
    if len(body.output) < max(states, outputs):
        return f"{node.op_type}: its body has {len(body.output)} outputs, and {max(states, outputs)} are wanted"
    return None


BODIES: dict[str, tuple[str, ...]] = {"If": ("then_branch", "else_branch"), "Loop": ("body",), "Scan": ("body",)}
"""Operators whose bodies are known, with the attributes that hold them."""
