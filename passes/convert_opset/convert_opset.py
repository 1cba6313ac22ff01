"""The pass ``convert-opset``: convert a model to another opset, by onnx's version converter."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, helper

from gru_lower.diagnostics import Diagnostic, diagnostic
from gru_lower.errors import Unsupported
from gru_lower.graph import model_tensors, onnx_calls
from gru_lower.graph.scopes import walk
from gru_lower.passes.base import Context, Pass, PassResult
from gru_lower.passes.convert_opset.set_aside_nodes import SetAsideNodes
from gru_lower.passes.convert_opset.set_aside_tensors import SetAsideTensors

if TYPE_CHECKING:
    from gru_lower.graph.model import Model

FREE_INITIALIZERS_IR_VERSION = 4


@dataclass(frozen=True)
class ConvertOpsetOptions:
    """Options of ``convert-opset``.

    Attributes:
        to: The opset of ONNX's own domain to convert to.

    """

    to: int = 17


class ConvertOpset(Pass):
    """Convert the whole model to another opset, by onnx's version converter.

    Rules:
        1. Nodes it has no way for though there is one - GRUs, and most Splits and Pads on the way down from opset 18 -
           are set aside and written anew for the new opset.
        2. Whatever else it cannot convert makes the conversion fail, with its own words.
        3. It loses some documentation and annotations: what is lost is said (GL011).
        4. The IR version rises as far as the opset asks for; where initializers had to be inputs, they no
           longer are, so that they stay constants. To an older opset it falls as far, since a runtime of that
           time refuses a later one; but not below 4 where inputs have defaults, which then no longer were any.
        5. External data stays where it is: the converter gets no more of it than what may be axes, shapes or scales.
    """

    name = "convert-opset"
    Options = ConvertOpsetOptions

    def run(self, model: Model, ctx: Context) -> PassResult:
        """Convert; the model is edited as a whole."""
        ctx.progress("converting the opset", 0, 1)
        result = PassResult(modified=False)
        main = next(walk(model.proto))
        if main.opset == self.options.to:
            return result
        _check_convertible(model, self.options.to)
        before = _count_droppable(model.proto)
        nodes, tensors = SetAsideNodes(model, self.options.to), SetAsideTensors(model.proto, model.base_dir)
        try:
            converted = onnx_calls.call("convert", model.proto, self.options.to)
        except onnx_calls.OnnxRefusalError as error:
            reason = re.sub(r"\s+", " ", str(error)).split("Assertion `false` failed: ")[-1]
            raise Unsupported(
                f"onnx cannot convert the model from opset {main.opset} to {self.options.to}: {reason}",
                code="GL012",
                hint=f"export it again, with opset {self.options.to}"
                if main.opset < self.options.to
                else f"leave --opset out, which lowers it at opset {main.opset}, or export it without that operator",
            ) from error
        tensors.put_back(converted)
        nodes.put_back(converted)
        _set_ir_version(converted, self.options.to, down=self.options.to < main.opset)
        result.diagnostics = _losses(before, _count_droppable(converted))
        model.proto.CopyFrom(converted)
        model.modified = result.modified = True
        return result


def _check_convertible(model: Model, to: int) -> None:
    """Raise where onnx's converter would fail: no such version, local functions."""
    newest = onnx.defs.onnx_opset_version()
    if not 1 <= to <= newest:
        raise Unsupported(f"there is no opset {to}", code="GL012", hint=f"this version of onnx knows 1 to {newest}")
    if model.proto.functions:
        raise Unsupported(
            "a model with local functions cannot be converted",
            code="GL012",
            hint="inline them first: onnx.inliner.inline_local_functions(model)",
        )


def _set_ir_version(model: onnx.ModelProto, to: int, *, down: bool) -> None:
    wanted = helper.find_min_ir_version_for([helper.make_opsetid("", max(to, 7))])
    if model.ir_version < FREE_INITIALIZERS_IR_VERSION <= wanted:
        constants = {tensor.name for tensor in model.graph.initializer}
        kept = [value for value in model.graph.input if value.name not in constants]
        del model.graph.input[:]
        model.graph.input.extend(kept)
    elif model.ir_version >= FREE_INITIALIZERS_IR_VERSION > wanted and _defaults(model):
        wanted = FREE_INITIALIZERS_IR_VERSION  # before it, no initializer is a default that may be overridden
    newer_types = any(tensor.data_type > TensorProto.BFLOAT16 for tensor in model_tensors.tensors(model))
    model.ir_version = wanted if down and not newer_types else max(model.ir_version, wanted)


def _defaults(model: onnx.ModelProto) -> set[str]:
    """Return the inputs that have a default."""
    return {value.name for value in model.graph.input} & {tensor.name for tensor in model.graph.initializer}


def _count_droppable(model: onnx.ModelProto) -> Counter[str]:
    """Count what the converter is known to lose."""
    count: Counter[str] = Counter()
    count["metadata_props of the model"] = len(model.metadata_props)
    for scope in walk(model):
        graph = scope.proto
        if isinstance(graph, onnx.GraphProto):
            count["quantization annotations"] += len(graph.quantization_annotation)
            count["sparse initializers"] += len(graph.sparse_initializer)
            count["metadata_props of graphs"] += len(graph.metadata_props)
            count["doc_strings"] += bool(graph.doc_string)
        count["metadata_props of nodes"] += sum(len(node.metadata_props) for node in scope.nodes)
        count["doc_strings"] += sum(bool(node.doc_string) for node in scope.nodes)
    count["training information"] = len(model.training_info)
    return count


def _losses(before: Counter[str], after: Counter[str]) -> list[Diagnostic]:
    """Return a diagnostic where the conversion dropped anything."""
    lost = [f"{before[key] - after[key]} {key}" for key in before if before[key] > after[key]]
    return [diagnostic("GL011", f"onnx's version converter dropped {', '.join(lost)}")] if lost else []
