"""GL741: operators that ONNX does not have, or not at the model's opset; no runtime loads them.

torch up to 1.0 and Caffe2 wrote operators that ONNX only tried out, such as ConstantFill. One that always makes the
same is fixed: it becomes a constant, or a ConstantOfShape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import Fix, diagnostic
from gru_lower.graph.local_functions import key_of
from gru_lower.graph.operator_set import CONSTANT_FILL, why_not_in_onnx
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.passes.base import Context

FIX = Fix(safe=True, message="written as a constant, or as ConstantOfShape")


def unknown_operators(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find nodes of ONNX's domain whose operator the model's opset does not have."""
    functions = {key_of(function) for function in checked.model.proto.functions}
    for scope in checked.scopes:
        op_types = set(scope.columns.op_types) if scope.opset else set()
        unknown = {each: why for each in op_types if (why := why_not_in_onnx(each, scope.opset)) is not None}
        for index, node in scope.of_operators(*unknown):
            if key_of(node) in functions:
                continue
            why = unknown[node.op_type]
            fills = node.op_type == CONSTANT_FILL and scope.function is None
            yield diagnostic(
                "GL741",
                f"{node.op_type}: {why}, and runtimes refuse it",
                scope=scope.path,
                node=scope.site(index),
                fix=FIX if fills else None,
            )


def write_constants(checked: CheckedModel, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Write what always makes the same as constants."""
    before = {each.node for each in found}
    from gru_lower.passes.respell_nodes import RespellNodes, RespellOptions  # only for a fix

    RespellNodes(RespellOptions()).run(checked.model, ctx)
    left = {
        name
        for scope in checked.scopes
        for node in scope.nodes
        if node.op_type == CONSTANT_FILL
        for name in node.output
    }
    return [
        Site(each, "main", "", None, "fixed", code="GL741", message=FIX.message)
        for each in sorted(before)
        if each.partition(":")[2] not in left
    ]


RULES = (Rule(("GL741",), unknown_operators, write_constants, keeps_results=False),)
