"""GL743: attributes that are inputs at the model's opset; somebody raised its number and not its nodes.

onnxruntime refuses such a model, and shape inference reads over the attributes. MXNet's exporter, for one, writes the
nodes of opset 13 under the newest opset that the installed onnx has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from onnx import TensorProto, helper

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import Fix, diagnostic
from gru_lower.emission.edit_writer import EditWriter
from gru_lower.graph import splice
from gru_lower.graph.names import Names
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from onnx import NodeProto

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.base import Context

FIX = Fix(safe=True, message="written as the opset has it")
FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
NUM_OUTPUTS = 18
"""The opset from which a Split names its lengths or the number of its outputs."""


class Moved(NamedTuple):
    """The attributes of an operator that are inputs from an opset on, at which places, and of which type."""

    opset: int
    places: Mapping[str, int]
    has_type_of_data: bool = False


AXES = {"axes": 1}
MOVED = {
    "Clip": Moved(11, {"min": 1, "max": 2}, has_type_of_data=True),
    **dict.fromkeys(("Squeeze", "ReduceSum"), Moved(13, AXES)),
    "Split": Moved(13, {"split": 1}),
    **{
        f"Reduce{kind}": Moved(18, AXES)
        for kind in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare")
    },
}
"""Only inputs that may be left out: without one of the others, such as the axes of Unsqueeze, no model is read."""


def older_spellings(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find nodes with attributes that the opset takes as inputs, and Splits that say neither lengths nor parts."""
    for scope in checked.scopes:
        moved = {op_type: each for op_type, each in MOVED.items() if each.opset <= scope.opset}
        for index, node in scope.of_operators(*moved):
            what = _what_is_older(node, moved[node.op_type], scope.opset)
            if what:
                yield diagnostic(
                    "GL743",
                    f"{node.op_type}: {what}, and runtimes refuse it",
                    scope=scope.path,
                    node=scope.site(index),
                    fix=FIX if _data_type(checked, scope, node, moved[node.op_type]) else None,
                )


def _what_is_older(node: NodeProto, moved: Moved, opset: int) -> str:
    found = [each.name for each in node.attribute if each.name in moved.places]
    if found:
        verb = "is an input" if len(found) == 1 else "are inputs"
        return f"{' and '.join(found)} {verb} from opset {moved.opset} on; the model imports {opset}"
    names_parts = any(node.input[1:]) or any(each.name == "num_outputs" for each in node.attribute)
    if node.op_type == "Split" and opset >= NUM_OUTPUTS and not names_parts:
        return f"from opset {NUM_OUTPUTS} on its lengths or num_outputs are given; the model imports {opset}"
    return ""


def _data_type(checked: CheckedModel, scope: Scope, node: NodeProto, moved: Moved) -> np.dtype[Any] | None:
    """Return the type of what is to be an input, ``None`` where the node cannot be rewritten."""
    found = [each for each in node.attribute if each.name in moved.places]
    taken = any(any(node.input[moved.places[each.name] :]) for each in found)
    if taken or any(each.ref_attr_name for each in found):
        return None
    if not moved.has_type_of_data:
        return np.dtype(np.int64)
    kind = checked.facts.elem_type(scope, node.input[0])
    return helper.tensor_dtype_to_np_dtype(kind) if kind in FLOATS else None


def write_as_inputs(checked: CheckedModel, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Write the attributes as constants that the nodes read, and the number of parts of a Split."""
    del ctx
    wanted = {each.node for each in found if each.fix is not None}
    names = Names(checked.model.proto)
    edits, sites = [], []
    for scope in checked.scopes:
        for index, node in scope.of_operators(*MOVED):
            if scope.site(index) not in wanted:
                continue
            moved = MOVED[node.op_type]
            writer = EditWriter(scope.opset, names, node.output[0])
            edits.append(_edit(scope, index, moved, writer, _data_type(checked, scope, node, moved)))
            site = scope.site(index)
            sites.append(Site(site, scope.path, node.name, None, "fixed", code="GL743", message=FIX.message))
    splice.apply(checked.model, edits)
    return sites


def _edit(scope: Scope, index: int, moved: Moved, writer: EditWriter, data_type: np.dtype[Any] | None) -> splice.Edit:
    """Return the edit that writes one node as its opset has it."""
    copy = type(scope.nodes[index])()
    copy.CopyFrom(scope.nodes[index])
    older = [each for each in copy.attribute if each.name in moved.places]
    for attribute in older:
        value, place = helper.get_attribute_value(attribute), moved.places[attribute.name]
        copy.input.extend([""] * (place + 1 - len(copy.input)))
        copy.input[place] = writer.constant(np.array(value, data_type), attribute.name)
        copy.attribute.remove(attribute)
    if not older:
        copy.attribute.append(helper.make_attribute("num_outputs", len(copy.output)))
    return splice.Edit(scope, [index], [*writer.nodes, copy], writer.initializers, keeps_documentation=False)


RULES = (Rule(("GL743",), older_spellings, write_as_inputs, keeps_results=False),)
