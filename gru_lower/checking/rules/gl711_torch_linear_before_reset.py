"""GL711: torch's nn.GRU, exported without linear_before_reset; fixed by writing linear_before_reset = 1.

nn.GRU always multiplies by the reset gate after the product, which is linear_before_reset = 1. Some releases of
onnxscript left the attribute out, so that the model says 0 and is wrong by some tenth. A GRU is taken for nn.GRU by,
in this order: the metadata torch writes at nodes; the names its two exporters give nodes and weights, in a model that
names pytorch as its producer. A GRU that gru-lower fused in such a model has a name of another kind and is not meant.

Names and metadata alone do not tell: an operator of somebody's own may be exported under the same ones. nn.GRU has no
clip, no activations but Sigmoid and Tanh, is never reverse alone, and the exporter that erred left the attribute out. A
GRU that is anything else is not nn.GRU, and right as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from onnx import helper

from gru_lower.checking.edit_attributes import change_attributes
from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import Fix, diagnostic
from gru_lower.gru.activations import SIGMOID, TANH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onnx import NodeProto

    from gru_lower.checking.checked_model import CheckedModel, GruNode
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.base import Context
    from gru_lower.verification.sites.site import Site

PRODUCER = "pytorch"
CLASS = "'torch.nn.modules.rnn.GRU'"
OPERATOR = re.compile(r"\baten\.gru\.")
DYNAMO_NAME = re.compile(r"node_(GRU|gru)_.*\d+")
SCRIPT_NAME = re.compile(r"GRU_\d+|/([^/]+/)*GRU(_\d+)?")
SCRIPT_WEIGHT = re.compile(r"onnx::GRU_\d+")
FUSED_NAME = re.compile(r".*_output_\d+/GRU(_\d+)?")
"""How gru-lower names what it fused in an export of torch's older exporter: after a value."""
VERSION = 3
"""The first operator version with the attribute."""
EXPORTED = {"hidden_size", "direction", "activations", "layout"}
"""The attributes that torch's exporters write for nn.GRU, but for the one that some left out."""


def missing_attributes(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find GRUs that may be nn.GRU and lack linear_before_reset."""
    producer = checked.model.proto.producer_name
    for gru in checked.grus:
        spec = gru.parsed.spec
        if spec is None or spec.version < VERSION or not can_be_torchs(gru.node, spec):
            continue
        named = is_torchs(gru.node, producer)
        if named is None:
            continue
        sure = named and producer == PRODUCER and not _lacks_recurrent_bias(checked, gru)
        yield diagnostic(
            "GL711",
            "linear_before_reset is 0; torch's nn.GRU resets after the product, and this GRU "
            + ("is one" if sure else "looks like one" if named else "is in a model of torch's"),
            scope=gru.scope.path,
            node=gru.site,
            fix=Fix(safe=sure, message="linear_before_reset = 1 written; this changes the results, on purpose"),
        )


def can_be_torchs(node: NodeProto, spec: GruSpec) -> bool:
    """Whether a GRU node is one that torch's exporters make of nn.GRU, with linear_before_reset left out.

    Args:
        node: The node.
        spec: What was read from it.

    """
    usual = all((direction.f, direction.g) == (SIGMOID, TANH) for direction in spec.directions)
    return (
        {attribute.name for attribute in node.attribute} <= EXPORTED
        and usual
        and spec.direction != "reverse"
        and not spec.layout
    )


def _lacks_recurrent_bias(checked: CheckedModel, gru: GruNode) -> bool:
    """Whether all biases of the recurrent part are zero and others are not: nn.GRU has both, or none."""
    spec = gru.parsed.spec
    bias = None if spec is None else checked.facts.array(gru.scope, spec.inputs.get("B", ""))
    if bias is None or spec is None:
        return False
    input_part, recurrent_part = bias[:, : 3 * spec.hidden_size], bias[:, 3 * spec.hidden_size :]
    return bool(input_part.any() and not recurrent_part.any())


def is_torchs(node: NodeProto, producer: str) -> bool | None:
    """Return whether a GRU node was exported from torch's nn.GRU.

    Args:
        node: The node.
        producer: The model's producer_name.

    Returns:
        ``True`` where it surely did, ``False`` where nothing says otherwise, ``None`` where it did not.

    """
    told = {
        entry.key: entry.value
        for entry in node.metadata_props
        if isinstance(entry.key, str) and isinstance(entry.value, str)  # protobuf's, where they are UTF-8
        if entry.key.startswith(("pkg.torch.", "namespace"))
    }
    if any(CLASS in value or OPERATOR.search(value) for value in told.values()):
        return True
    if producer != PRODUCER or FUSED_NAME.fullmatch(node.name):
        return None
    if any(SCRIPT_WEIGHT.fullmatch(name) for name in node.input):
        return True
    if DYNAMO_NAME.fullmatch(node.name) or SCRIPT_NAME.fullmatch(node.name):
        return True
    return None if node.name.endswith("/GRU") else False


def _set(_gru: GruNode, node: NodeProto) -> None:
    node.attribute.append(helper.make_attribute("linear_before_reset", 1))


def write_attribute(checked: CheckedModel, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Write linear_before_reset = 1."""
    return change_attributes(checked, found, ctx, _set)


RULES = (Rule(("GL711",), missing_attributes, write_attribute, keeps_results=False),)
