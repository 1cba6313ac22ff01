"""What is wrong or doubtful in how a GRU node is written.

====== ================================================================
GL1xx, GL2xx  what reading the node finds
GL105  surplus activation parameters: fixed by dropping them
GL106  clip is not above 0: fixed, unsafely, by removing it
GL201  a default that differs between runtimes: fixed by writing out what onnxruntime takes
GL203  bfloat16 below opset 22: fixed, unsafely, by converting the model
GL721  layout 1: fixed by transposes
GL722  hidden_size is missing: fixed by writing it
====== ================================================================
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from onnx import helper

from gru_lower.checking.rule import Rule
from gru_lower.checking.rules.attribute_edits import change, without
from gru_lower.diagnostics import CODES, Fix, diagnostic
from gru_lower.errors import Unsupported
from gru_lower.gru.parse_node import BFLOAT16_VERSION
from gru_lower.passes.convert_opset import ConvertOpset, ConvertOpsetOptions
from gru_lower.passes.legalize_gru.legalize_layout import LegalizeLayout
from gru_lower.verification.sites.site import Action, Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onnx import NodeProto

    from gru_lower.checking.rule import Gru, Subject
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.passes.base import Context

FIXES = {
    "GL105": Fix(safe=True, message="the surplus activation parameters dropped"),
    "GL106": Fix(safe=False, message="clip removed: no clipping"),
    "GL201": Fix(safe=True, message="activation_alpha and activation_beta written out as onnxruntime takes them"),
    "GL203": Fix(safe=False, message=f"the model converted to opset {BFLOAT16_VERSION}"),
}
READ = tuple(sorted(code for code in CODES if code[:3] in ("GL1", "GL2") and code not in FIXES))


def read(subject: Subject, codes: Sequence[str]) -> Iterator[Diagnostic]:
    """Yield what reading the nodes found, of some codes."""
    for gru in subject.grus:
        for found in gru.parsed.diagnostics:
            if found.code in codes:
                yield replace(found, fix=FIXES.get(found.code))


def _write_out(gru: Gru, node: NodeProto) -> None:
    spec = gru.parsed.spec
    if spec is not None:
        names = ("activations", "activation_alpha", "activation_beta")
        without(node, *names)
        values = spec.attributes()
        node.attribute.extend(helper.make_attribute(name, values[name]) for name in names if name in values)


def write_out(subject: Subject, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Write the activations with exactly the parameters they take."""
    return change(subject, found, ctx, _write_out)


def remove_clip(subject: Subject, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Remove the attribute."""
    return change(subject, found, ctx, lambda _, node: without(node, "clip"))


def raise_opset(subject: Subject, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Convert the whole model; where that cannot be, say why and leave it."""
    action: Action = "fixed"
    message = FIXES["GL203"].message
    try:
        ConvertOpset(ConvertOpsetOptions(to=BFLOAT16_VERSION)).run(subject.model, ctx)
    except Unsupported as refusal:
        action, message = "kept", refusal.message
    return [Site(each.node, each.scope, "", None, action, code=each.code, message=message) for each in found]


def layout(subject: Subject) -> Iterator[Diagnostic]:
    """Find GRUs of layout 1."""
    for gru in subject.grus:
        if gru.parsed.spec is not None and gru.parsed.spec.layout:
            yield diagnostic(
                "GL721",
                "layout is 1: onnxruntime refuses it, and OpenVINO computes as if it were 0",
                scope=gru.scope.path,
                node=gru.site,
                fix=Fix(safe=True, message="layout 0, between transposes"),
            )


def transpose(subject: Subject, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Write the GRUs of layout 1 as ones of layout 0."""
    wanted = {each.node for each in found}
    result = LegalizeLayout().run(subject.model, ctx)
    sites = [site for site in result.sites if site.site in wanted and site.action == "legalized"]
    for site in sites:
        site.action, site.code, site.message = "fixed", "GL721", "layout 0, between transposes"
    return sites


def hidden_size(subject: Subject) -> Iterator[Diagnostic]:
    """Find GRUs that do not say how many hidden units they have."""
    for gru in subject.grus:
        spec = gru.parsed.spec
        given = any(attribute.name == "hidden_size" for attribute in subject.facts.node(gru.scope, gru.index).attribute)
        if spec is not None and not given:
            yield diagnostic(
                "GL722",
                f"hidden_size is not written; R says {spec.hidden_size}",
                scope=gru.scope.path,
                node=gru.site,
                fix=Fix(safe=True, message=f"hidden_size = {spec.hidden_size} written"),
            )


def _write_hidden_size(gru: Gru, node: NodeProto) -> None:
    if gru.parsed.spec is not None:
        node.attribute.append(helper.make_attribute("hidden_size", gru.parsed.spec.hidden_size))


def write_hidden_size(subject: Subject, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Write what R says."""
    return change(subject, found, ctx, _write_hidden_size)


RULES = (
    Rule(READ, lambda subject: read(subject, READ)),
    Rule(("GL106",), lambda subject: read(subject, ("GL106",)), remove_clip, same=False),
    Rule(("GL203",), lambda subject: read(subject, ("GL203",)), raise_opset, same=False),
    Rule(("GL105", "GL201"), lambda subject: read(subject, ("GL105", "GL201")), write_out),
    Rule(("GL722",), hidden_size, write_hidden_size),
    Rule(("GL721",), layout, transpose),
)
