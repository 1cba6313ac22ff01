"""The mode ``static``: QuantizeLinear and DequantizeLinear with scales that are fixed beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.calibration.captured_inputs import capture_inputs
from gru_lower.diagnostics import diagnostic
from gru_lower.errors import Unsupported
from gru_lower.graph import splice
from gru_lower.graph.facts import MAIN, Facts
from gru_lower.graph.names import Names
from gru_lower.graph.tensor_size import byte_size
from gru_lower.gru.constant_inputs import constant_inputs, without_idle_inputs
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.base import PassResult, visit_grus
from gru_lower.passes.lower_gru.choose_form import Choice, choose_form
from gru_lower.passes.lower_gru.lower_options import LowerOptions
from gru_lower.passes.lower_gru.unrolled_nodes import UnrolledNodes
from gru_lower.passes.quantize_gru.keep_node import WEIGHTS, keep_node, why_not
from gru_lower.passes.quantize_gru.quantisable_weights import why_not_quantisable
from gru_lower.passes.quantize_gru.static_scheme import StaticScheme
from gru_lower.passes.quantize_gru.step_ranges import StepRanges
from gru_lower.passes.quantize_gru.write_static import StaticSettings, write_static
from gru_lower.verification.sites.quantisation import Quantisation
from gru_lower.verification.worker.client import Worker

if TYPE_CHECKING:
    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.base import Context, FoundGru
    from gru_lower.passes.quantize_gru.quantize_options import QuantizeOptions

KEPT = "node"
"""What stands in the place of a form where the GRU node stays."""
SCALES_BY_ROW, TAKES_INT16 = 13, 21
"""The opsets from which QuantizeLinear is there with a scale for each row, and takes int16."""
REDUCED, WHOLE = 64, 127
"""The largest int8 weight: two products with uint8 stay within 16 bits, or all of int8."""


@dataclass
class _Calibrated:
    """A GRU that can be quantised, and the ranges of its values."""

    found: FoundGru
    spec: GruSpec
    form: str
    ranges: StepRanges


def quantise_statically(model: Model, options: QuantizeOptions, ctx: Context) -> PassResult:
    """Quantise GRUs with fixed scales.

    Args:
        model: The model; edited in place.
        options: The pass's.
        ctx: What passes share; its ``calibration`` holds the inputs to calibrate on.

    Raises:
        Unsupported: There are no calibration inputs, or the model does not run on them.

    """
    if not ctx.calibration:
        raise Unsupported(
            "static int8 needs calibration inputs",
            code="GL336",
            hint="give some, as --inputs takes them: --static CASES.npz",
        )
    result = PassResult(modified=False)
    facts, names = Facts(model, computed=True), Names(model.proto)
    settings = _settings(options)
    lowering = LowerOptions(form=options.form, max_nodes=options.max_nodes)
    unrolled = UnrolledNodes(lowering, facts)
    chosen = _choose(settings, options, facts, ctx, result)
    _calibrate(model, chosen, facts, ctx)
    edits: list[splice.Edit] = []
    for each in chosen:
        scope, index, _, site = each.found
        if "Ht" not in each.ranges.ranges:
            site.code, site.message = "GL336", "no step of it runs on finite numbers of the calibration inputs"
            result.diagnostics.append(diagnostic(site.code, site.message, scope=site.scope, node=site.site))
            continue
        if each.form == "unroll":
            unrolled.expect(scope, index, each.spec)
        if unrolled.too_many:
            continue
        edits.append(_write(model, each, settings, facts, names, ctx))
        if each.form == "unroll":
            unrolled.add(each.spec, site.nodes_after)
    unrolled.refuse_too_many({"scan", "loop"})
    result.modified = splice.apply(model, edits, keeps_order=True)
    domain = settings.scheme.domain
    if edits and domain and domain not in {entry.domain for entry in model.proto.opset_import}:
        model.proto.opset_import.add(domain=domain, version=1)
    return result


def _write(
    model: Model, each: _Calibrated, settings: StaticSettings, facts: Facts, names: Names, ctx: Context
) -> splice.Edit:
    """Write what replaces one GRU, and enter it."""
    scope, index, _, site = each.found
    ranges, scheme = each.ranges.ranges, settings.scheme
    before = _size(scope, each.spec, facts)
    site.action = "quantised"
    if each.form == KEPT:
        kind = "uint16" if scheme.activations == "int16" else "uint8"
        kept = keep_node(scope, index, each.spec, kind, scheme.domain, ranges, facts, names)
        site.nodes_after, edit, change = len(kept.edit.nodes), kept.edit, kept.change
        what = Quantisation("keep-node", WEIGHTS, before, kept.bytes_after, kind, kind)
        scales = kept.scales
    else:
        made = write_static(model, scope, index, each.spec, each.form, settings, ranges, facts, names)
        site.form, site.nodes_after, edit, change = each.form, made.node_count, made.edit, made.change
        what = Quantisation("static", settings.weights, before, made.bytes_after, scheme.activations, scheme.state)
        scales = made.scales
    what.scales = {name: scale.to_dict() for name, scale in scales.items()}
    site.quantisation, site.change = what, change if ctx.keep_changes else None
    return edit


def _settings(options: QuantizeOptions) -> StaticSettings:
    activations = "uint8" if options.activations == "auto" else options.activations
    state = "uint8" if options.state == "int8" and activations == "uint8" else options.state
    sixteen = "int16" in (activations, state)
    scheme = StaticScheme(
        activations,
        state,
        domain="com.microsoft" if sixteen and options.dialect == "ort" else "",
        zero_points=options.weights == "uint8",
    )
    largest = REDUCED if options.reduce_range == "yes" and activations != "int16" else WHOLE
    return StaticSettings(scheme, options.weights, largest, options.zero_length_state)


def _choose(
    settings: StaticSettings, options: QuantizeOptions, facts: Facts, ctx: Context, result: PassResult
) -> list[_Calibrated]:
    """Return the GRUs that can be quantised, and say of the others why they are kept."""
    chosen = []
    for found in visit_grus(facts, ctx, result, "quantising"):
        scope, _, read, site = found
        spec = without_idle_inputs(read, scope, facts)
        keeps = options.keep_node == "yes"
        choice = _refusal(scope, spec, settings, facts)
        choice = choice or (_kept(spec) if keeps else choose_form(spec, scope.opset, options.form))
        site.code, site.message = choice.code, choice.reason
        if choice.form:
            chosen.append(_Calibrated(found, spec, choice.form, StepRanges()))
        else:
            result.diagnostics.append(
                diagnostic(choice.code or "GL901", choice.reason, scope=site.scope, node=site.site)
            )
    return chosen


def _kept(spec: GruSpec) -> Choice:
    reason = why_not(spec)
    return Choice("", reason, "GL338") if reason else Choice(KEPT, "the node stays")


def _refusal(scope: Scope, spec: GruSpec, settings: StaticSettings, facts: Facts) -> Choice | None:
    if scope.path != MAIN:
        return Choice("", "it stands in a body or a function, of which nothing is calibrated", "GL335")
    if spec.elem_type != TensorProto.FLOAT:
        return Choice("", f"it is computed in {spec.type_name}; only float32 GRUs are quantised", "GL322")
    unfit = why_not_quantisable(scope, spec, facts, ("W", "R", "B"))
    if unfit is not None:
        return Choice("", unfit.reason, unfit.code)
    sixteen = "int16" in (settings.scheme.activations, settings.scheme.state) and not settings.scheme.domain
    needed = TAKES_INT16 if sixteen else SCALES_BY_ROW
    if scope.opset < needed:
        what = "takes int16" if sixteen else "takes a scale for each row"
        return Choice("", f"its opset is {scope.opset}; DequantizeLinear {what} from opset {needed} on", "GL334")
    return None


def _calibrate(model: Model, chosen: list[_Calibrated], facts: Facts, ctx: Context) -> None:
    grus = {each.found.site.site: (each.found.scope, each.spec) for each in chosen}
    with Worker() as worker:
        inputs = capture_inputs(model, grus, list(ctx.calibration or ()), facts, worker)
    for done, each in enumerate(chosen, 1):
        ctx.progress("calibrating", done, len(chosen))
        for case in inputs[each.found.site.site]:
            each.ranges.add(each.spec, case)


def _size(scope: Scope, spec: GruSpec, facts: Facts) -> int:
    constants = constant_inputs(scope, spec, facts)
    return sum(byte_size(constants[key]) for key in ("W", "R"))
