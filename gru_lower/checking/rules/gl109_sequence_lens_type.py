"""GL109: inputs of types the operator does not take; sequence_lens of another whole number than int32 is cast."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import Fix
from gru_lower.emission.edit_writer import EditWriter
from gru_lower.graph import splice
from gru_lower.graph.names import Names
from gru_lower.gru.spec import INPUTS
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.checking.checked_model import CheckedModel, GruNode
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.passes.base import Context

LENS = INPUTS.index("sequence_lens")
WHOLE = {
    *(TensorProto.INT8, TensorProto.INT16, TensorProto.INT64),
    *(TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64),
}
"""The types of whole numbers that the operator does not take for sequence_lens."""
FIX = Fix(safe=True, message="sequence_lens cast to int32")


def types(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find GRUs whose inputs are of types the operator does not take."""
    for gru in checked.grus:
        for found in gru.parsed.diagnostics:
            if found.code == "GL109":
                yield replace(found, fix=FIX if _has_other_lengths(checked, gru) else None)


def _has_other_lengths(checked: CheckedModel, gru: GruNode) -> bool:
    """Whether sequence_lens is what is wrong with a GRU, and holds whole numbers."""
    name = gru.node.input[LENS] if len(gru.node.input) > LENS else ""
    if not name or checked.facts.elem_type(gru.scope, name) not in WHOLE:
        return False
    others = {checked.facts.elem_type(gru.scope, each) for place, each in enumerate(gru.node.input) if place != LENS}
    return len(others - {0}) <= 1


def cast(checked: CheckedModel, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Give the GRUs lengths of int32: a constant is converted, anything else goes through a Cast."""
    del ctx
    wanted = {each.node for each in found if each.fix is not None}
    names = Names(checked.model.proto)
    converted: dict[tuple[str, str], str] = {}
    edits, sites = [], []
    for gru in checked.grus:
        if gru.site not in wanted:
            continue
        lens = gru.node.input[LENS]
        writer = EditWriter(gru.scope.opset, names, lens)
        key = gru.scope.path, lens
        if key not in converted:
            values = checked.facts.array(gru.scope, lens)
            if values is not None:
                converted[key] = writer.constant(values.astype(np.int32), "int32")
            else:
                converted[key] = writer.value_name("int32")
                writer.node("Cast", [lens], [converted[key]], "int32", to=TensorProto.INT32)
        copy = type(gru.node)()
        copy.CopyFrom(gru.node)
        copy.input[LENS] = converted[key]
        edits.append(
            splice.Edit(gru.scope, [gru.index], [*writer.nodes, copy], writer.initializers, keeps_documentation=False)
        )
        sites.append(Site(gru.site, gru.scope.path, copy.name, None, "fixed", code="GL109", message=FIX.message))
    splice.apply(checked.model, edits)
    return sites


RULES = (Rule(("GL109",), types, cast, keeps_results=False),)
