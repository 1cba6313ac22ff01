"""What ONNX says of each operator: how many inputs and outputs a node has, and its attributes with their types."""

from __future__ import annotations

from functools import cache

import onnx

from gru_lower.graph.scopes import ONNX_DOMAINS
from gru_lower.light_dataclass import dataclass

ENDLESS = 2**31 - 1
"""What onnx calls any number of inputs or outputs."""
TYPES = {name: int(number) for name, number in onnx.AttributeProto.AttributeType.items()}


@dataclass(frozen=True)
class OperatorRule:
    """What one version of an operator asks of its nodes.

    Attributes:
        inputs: The least and the greatest number of inputs.
        outputs: The same of outputs.
        needed: How many of the first inputs have to be given, so that their names are not empty.
        attributes: Types (``AttributeProto.AttributeType``) by name.
        required: The attributes that have no default.
        exact: Whether the version asked for is known.

    """

    inputs: tuple[int, int]
    outputs: tuple[int, int]
    needed: int
    attributes: dict[str, int]
    required: frozenset[str]
    exact: bool


@cache
def rule_of(op_type: str, domain: str, version: int) -> OperatorRule | None:
    """Return the rule of an operator, ``None`` where the installed onnx does not know it.

    Where it knows the operator, but not in that version, or not yet, the rule asks for no more than the newest version
    that it knows.

    Args:
        op_type: The operator.
        domain: Its domain.
        version: The version of the domain's opset that the model imports.

    """
    domain = "" if domain in ONNX_DOMAINS else domain
    newest = _newest(domain)
    schema = _schema(op_type, version, domain) if 1 <= version <= newest else None
    is_known = schema is not None
    schema = schema or _schema(op_type, newest, domain)
    if schema is None:
        return None
    single = onnx.defs.OpSchema.FormalParameterOption.Single
    needed = 0
    for formal in schema.inputs:
        if formal.option != single:
            break
        needed += 1
    return OperatorRule(
        (schema.min_input, schema.max_input if is_known else ENDLESS),
        (schema.min_output, schema.max_output if is_known else ENDLESS),
        needed,
        {name: TYPES[str(attribute.type).rpartition(".")[2]] for name, attribute in schema.attributes.items()},
        frozenset(name for name, attribute in schema.attributes.items() if attribute.required and is_known),
        is_known,
    )


def _schema(op_type: str, version: int, domain: str) -> onnx.defs.OpSchema | None:
    try:
        return onnx.defs.get_schema(op_type, version, domain)
    except onnx.defs.SchemaError:
        return None


@cache
def _newest(domain: str) -> int:
    """Return the newest opset of a domain that the installed onnx knows, 0 for a domain that is not ONNX's."""
    if not domain:
        return int(onnx.defs.onnx_opset_version())
    return max((int(s.since_version) for s in onnx.defs.get_all_schemas() if s.domain == domain), default=0)
