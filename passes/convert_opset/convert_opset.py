"""The pass ``convert-opset``: convert a model to another opset, by onnx's version converter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, helper

from gru_lower.diagnostics import Diagnostic, diagnostic
from gru_lower.errors import Unsupported
from gru_lower.graph import model_tensors, onnx_calls
from gru_lower.graph.scopes import ONNX_DOMAINS, walk
from gru_lower.graph.shape_inference import inference_errors
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.base import Context, Pass, PassResult
from gru_lower.passes.convert_opset import changed_meaning
from gru_lower.passes.convert_opset.new_quantisation import dequantise_what_is_too_new
from gru_lower.passes.convert_opset.same_meaning import (
    HELD_BODIES,
    drop_newer_attributes,
    refuse_newer_attributes,
)
from gru_lower.passes.convert_opset.set_aside_annotations import SetAsideAnnotations
from gru_lower.passes.convert_opset.set_aside_nodes import SetAsideNodes
from gru_lower.passes.convert_opset.set_aside_tensors import SetAsideTensors
from gru_lower.targets.helpful_flags import NOTHING_ELSE
from gru_lower.targets.target_option import profile_of

if TYPE_CHECKING:
    from collections import Counter

    from gru_lower.graph.model import Model
    from gru_lower.targets.profile import Profile

FREE_INITIALIZERS_IR_VERSION = 4
PREFERRED = 17
"""The opset that most consumers know best."""
NO_ADAPTER = re.compile(r"No Adapter (?:From|To) Version \$\d+ for (\w+)")
NO_CONTRADICTION = re.compile("existing shape|external tensors|One and only one of the attributes")
"""What shape inference says of shapes that are declared otherwise, of constants that it cannot read, and of each
MeanVarianceNormalization from opset 13 on that leaves its axes to their default, as onnx 1.23.2 does."""
NOT_YET = re.compile(r"No Previous Version of (\w+) exists")


@dataclass(frozen=True)
class ConvertOpsetOptions:
    """Options of ``convert-opset``.

    Attributes:
        to: The opset of ONNX's own domain to convert to.
        target: The profile of what the model is for, by name or path: no opset is advised that it does not take.

    """

    to: int = 17
    target: str = ""


class ConvertOpset(Pass):
    """Convert the whole model to another opset, by onnx's version converter.

    Rules:
        1. Nodes it has no way for though there is one - GRUs, most Splits and Pads down from opset 18, what else
           means the same in the older opset - are set aside and written anew for the new opset.
        2. Whatever else it cannot convert makes the conversion fail, with its own words.
        3. Metadata, texts and annotations, which it drops, are put back.
        4. The IR version rises as far as the opset asks for; where initializers had to be inputs, they no
           longer are, so that they stay constants. To an older opset it falls as far, since a runtime of that
           time refuses a later one; but not below 4 where inputs have defaults, which then no longer were any.
        5. Local functions are written out where they are called, which is said (GL011).
        6. Constants that are quantised as the older opset cannot say - in blocks, or in 4 or 16 bits - are dequantised.
        7. What means something else at the other opset, though the converter leaves it, is written so that it means
           the same: where a Resize reads, along which axes a Softmax works. What no attribute says there is refused.
        8. External data stays where it is: the converter gets no more of it than what may be axes, shapes or scales.
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
        _check_convertible(main.opset, self.options.to)
        _import_once(model.proto)
        functions = _inline_functions(model, self.options.to)
        dequantise_what_is_too_new(model, self.options.to)
        changed_meaning.refuse_batched_scans(model, self.options.to)
        changed_meaning.spell_out_axes(model, self.options.to)
        changed_meaning.spell_out_positions(model, self.options.to)
        annotations = SetAsideAnnotations(model.proto)
        nodes, tensors = SetAsideNodes(model, self.options.to), SetAsideTensors(model.proto, model.base_dir)
        try:
            converted = _convert(model, nodes, self.options.to)
        except onnx_calls.OnnxRefusalError as error:
            reason = re.sub(r"\s+", " ", str(error)).split(" failed: ")[-1].removeprefix("Warning: ")
            raise Unsupported(
                f"onnx cannot convert the model from opset {main.opset} to {self.options.to}: {reason}",
                code="GL012",
                hint=_way_out(reason, main.opset, self.options.to, profile_of(self.options.target)),
            ) from error
        tensors.put_back(converted)
        nodes.put_back(converted)
        if main.opset < changed_meaning.HALF_PIXELS <= self.options.to:
            changed_meaning.spell_out_upsampling(converted)
        for scope in walk(converted) if self.options.to < main.opset else ():
            drop_newer_attributes(scope, main.opset, self.options.to)
            refuse_newer_attributes(scope, self.options.to)
        result.diagnostics = _losses(functions, annotations.put_back(converted))
        _set_ir_version(converted, self.options.to, down=self.options.to < main.opset)
        _check_still_fits(model.proto, converted, self.options.to)
        model.proto.CopyFrom(converted)
        model.modified = result.modified = True
        return result


def _import_once(proto: onnx.ModelProto) -> None:
    """Leave one import of ONNX's own domain where the same one is there several times: the converter changes one."""
    imports = {"" if each.domain in ONNX_DOMAINS else each.domain: each for each in reversed(proto.opset_import)}
    if len(imports) < len(proto.opset_import):
        kept = list(reversed(imports.values()))
        del proto.opset_import[:]
        proto.opset_import.extend(kept)


def _convert(model: Model, nodes: SetAsideNodes, to: int) -> onnx.ModelProto:
    """Call the converter again and again, as long as what it stops at can be set aside."""
    while True:
        try:
            return onnx_calls.call("convert", model.proto, to)
        except onnx_calls.OnnxRefusalError as error:
            lacking = NO_ADAPTER.search(str(error))
            if lacking is None or not nodes.also(lacking[1]):
                raise


def _check_still_fits(before: onnx.ModelProto, converted: onnx.ModelProto, to: int) -> None:
    """Refuse what only now contradicts itself: an old operator's shapes may not be looked at before it runs.

    Raises:
        Unsupported: A runtime would refuse the converted model when it is loaded.

    """
    found = {key: line for key, line in inference_errors(converted).items() if not NO_CONTRADICTION.search(line)}
    known = inference_errors(before) if found else {}
    new = [line for key, line in found.items() if key not in known]
    if new:
        raise Unsupported(
            f"at opset {to} the model contradicts itself: {new[0]}",
            code="GL012",
            hint="it does so at its own opset, too, where no runtime may look before the node runs: export it again",
        )


def _way_out(reason: str, given: int, to: int, target: Profile | None) -> str:
    """Return what to do where onnx cannot convert a model.

    Args:
        reason: What onnx says.
        given: The model's opset.
        to: The one it was to get.
        target: What it is for.

    """
    if given < to:
        return f"export it again, with opset {to}"
    lacking = NOT_YET.search(reason) or NO_ADAPTER.search(reason)
    # what other operators changed may be what the model needs of them
    kept = lacking is not None and (lacking.re is NOT_YET or lacking[1] in HELD_BODIES)
    schemas = [each for each in onnx.defs.get_all_schemas_with_history() if lacking and each.name == lacking[1]]
    since = [each.since_version for each in schemas if not each.domain and to < each.since_version <= given]
    first = min(since, default=given) if kept else given
    if target is not None and first > target.opset[1]:
        return f"export it without that operator, or {NOTHING_ELSE}"
    if first < given:
        return f"that operator can stay from opset {first} on: use --opset {max(first, min(PREFERRED, given))}"
    return f"leave --opset out, which lowers it at opset {given}, or export it without that operator"


def _check_convertible(given: int, to: int) -> None:
    """Raise where there is no such version, or onnx does not know the model's."""
    newest = onnx.defs.onnx_opset_version()
    if given > newest:
        hint = f"this version of onnx knows 1 to {newest}: leave --opset out, or install a newer onnx"
        raise Unsupported(f"the model is of opset {given}, which cannot be converted", code="GL012", hint=hint)
    if not 1 <= to <= newest:
        raise Unsupported(f"there is no opset {to}", code="GL012", hint=f"this version of onnx knows 1 to {newest}")


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


def _inline_functions(model: Model, to: int) -> int:
    """Write local functions out where they are called, since bodies have no types to convert by; return how many."""
    functions = list(model.proto.functions)
    if functions:
        mixed = any(_opset_of(function) not in (None, _opset_of(model.proto)) for function in functions)
        inlined = onnx_calls.inlined(model.proto, convert=mixed)
        if inlined.functions:
            left = inlined.functions[0]
            raise Unsupported(
                f"function {left.domain}::{left.name} cannot be converted to opset {to}: onnx does not inline it",
                code="GL012",
                hint="leave --opset out, or export the model again without local functions",
            )
        model.proto.CopyFrom(inlined)
        model.modified = True
    return len(functions)


def _opset_of(proto: onnx.ModelProto | onnx.FunctionProto) -> int | None:
    return next((entry.version for entry in proto.opset_import if entry.domain in ONNX_DOMAINS), None)


def _losses(functions: int, lost: Counter[str]) -> list[Diagnostic]:
    """Return a diagnostic where the conversion dropped anything."""
    dropped = [f"{number} {what}" for what, number in lost.items()]
    if functions:
        plural = "s, written out where they are called" if functions > 1 else ", written out where it is called"
        dropped.insert(0, f"{functions} local function{plural}")
    return [diagnostic("GL011", f"the conversion dropped {'; '.join(dropped)}")] if dropped else []
