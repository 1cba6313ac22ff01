"""GL1xx and GL2xx: what reading a GRU node finds wrong or ambiguous in its attributes and inputs.

====== ================================================================
GL105  surplus activation parameters: fixed by dropping them
GL106  clip is not above 0: fixed, unsafely, by removing it
GL201  a default that differs between runtimes: fixed by writing out what onnxruntime takes
GL203  bfloat16 below opset 22: fixed, unsafely, by converting the model
====== ================================================================
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from onnx import helper

from gru_lower.checking.edit_attributes import change_attributes, remove_attributes
from gru_lower.checking.rule import Rule
from gru_lower.diagnostic_codes import CODES
from gru_lower.diagnostics import Fix
from gru_lower.errors import Unsupported
from gru_lower.gru.parse_node import BFLOAT16_VERSION
from gru_lower.verification.sites.site import Action, Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onnx import NodeProto

    from gru_lower.checking.checked_model import CheckedModel, GruNode
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.passes.base import Context

FIXES = {
    "GL105": Fix(safe=True, message="the surplus activation parameters dropped"),
    "GL106": Fix(safe=False, message="clip removed: no clipping"),
    "GL201": Fix(safe=True, message="activation_alpha and activation_beta written out as onnxruntime takes them"),
    "GL203": Fix(safe=False, message=f"the model converted to opset {BFLOAT16_VERSION}"),
}
ELSEWHERE = "GL109"
"""The code that has a file of its own."""
READ = tuple(sorted(code for code in CODES if code[:3] in ("GL1", "GL2") and code not in (*FIXES, ELSEWHERE)))


def read(checked: CheckedModel, codes: Sequence[str]) -> Iterator[Diagnostic]:
    """Yield what reading the nodes found, of some codes."""
    for gru in checked.grus:
        for found in gru.parsed.diagnostics:
            if found.code in codes:
                yield replace(found, fix=FIXES.get(found.code))


def _write_out(gru: GruNode, node: NodeProto) -> None:
    spec = gru.parsed.spec
    if spec is not None:
        names = ("activations", "activation_alpha", "activation_beta")
        remove_attributes(node, *names)
        values = spec.attributes()
        node.attribute.extend(helper.make_attribute(name, values[name]) for name in names if name in values)


def write_out(checked: CheckedModel, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Write the activations with exactly the parameters they take."""
    return change_attributes(checked, found, ctx, _write_out)


def remove_clip(checked: CheckedModel, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Remove the attribute."""
    return change_attributes(checked, found, ctx, lambda _, node: remove_attributes(node, "clip"))


def raise_opset(checked: CheckedModel, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Convert the whole model; where that cannot be, say why and leave it."""
    from gru_lower.passes.convert_opset.convert_opset import ConvertOpset, ConvertOpsetOptions

    action: Action = "fixed"
    message = FIXES["GL203"].message
    try:
        ConvertOpset(ConvertOpsetOptions(to=BFLOAT16_VERSION)).run(checked.model, ctx)
    except Unsupported as refusal:
        action, message = "kept", refusal.message
    return [Site(each.node, each.scope, "", None, action, code=each.code, message=message) for each in found]


RULES = (
    Rule(READ, lambda checked: read(checked, READ)),
    Rule(("GL106",), lambda checked: read(checked, ("GL106",)), remove_clip, keeps_results=False),
    Rule(("GL203",), lambda checked: read(checked, ("GL203",)), raise_opset, keeps_results=False),
    Rule(("GL105", "GL201"), lambda checked: read(checked, ("GL105", "GL201")), write_out),
)
