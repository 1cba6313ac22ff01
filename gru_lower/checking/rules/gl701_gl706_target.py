"""GL701 to GL706: what a target would reject of a model, and above all what it would compute wrongly.

====== ========================================================================
GL701  the target would run a GRU, and compute wrong numbers without an error
GL702  the target rejects a GRU
GL703  it is not known how the target runs a GRU like this
GL704  the target does not take an operator, or not here
GL705  the target does not take the model's opset
GL706  the target takes static shapes only
====== ========================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import diagnostic
from gru_lower.graph import fixed_dims
from gru_lower.graph.scopes import is_onnx, opset_of, walk
from gru_lower.gru.parse_node import parse
from gru_lower.gru.quantised_weights import quantised_weights
from gru_lower.targets.accepted_forms import warn_if_not_run
from gru_lower.targets.alike_axes import alike_axes
from gru_lower.targets.find_unsupported_nodes import find_unsupported_nodes
from gru_lower.targets.gru_options import options_at
from gru_lower.targets.judge_gru import faults, judge
from gru_lower.targets.option_axes import with_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.model import Model
    from gru_lower.targets.profile import Profile

WEIGHTS = frozenset({"W", "R", "B"})
QUANTISED = {"symmetric": "with a zero point, or with a scale for each feature,", "tensor": "with scales along an axis"}
CODES = {"wrong": "GL701", "rejected": "GL702", "unknown": "GL703"}


def grus(model: Model, facts: Facts, target: Profile) -> Iterator[Diagnostic]:
    """Find GRUs that the target does not run right, each with its faults; note where that was read rather than run."""
    hint = f"gru-lower legalize or lower with --target {target.name}"
    doubts: list[Diagnostic] = []
    for scope in walk(model.proto):
        for index, node in enumerate(scope.nodes):
            spec = parse(scope, index, facts).spec if is_onnx(node, "GRU") else None
            if spec is None:
                continue
            options = options_at(scope, index, spec, facts)
            quantised = [quantised_weights(scope, spec.inputs[key], facts) for key in WEIGHTS & spec.inputs.keys()]
            if any(quantised):
                options = with_options(options, "computed_weights")
            if any(each and not each.is_right(target.quantised_weights) for each in quantised):
                which = QUANTISED[target.quantised_weights]
                message = f"weights behind a DequantizeLinear {which} are wrong on {target.label}"
                yield diagnostic("GL701", message, scope=scope.path, node=scope.site(index), hint=hint)
            whole = judge(target, "gru", options)
            found = faults(target, "gru", options) or ([whole] if whole.verdict == "unknown" else [])
            if not found and (alike := alike_axes(target, scope, spec)):
                message = f"{target.label} mistakes axes of one length for each other: {alike}"
                yield diagnostic("GL701", message, scope=scope.path, node=scope.site(index), hint=hint)
            for fault in found:
                code = CODES[fault.verdict]
                yield diagnostic(code, fault.why, scope=scope.path, node=scope.site(index), hint=hint)
            doubts += warn_if_not_run(target.label, whole) if whole.verdict != "unknown" else []
    yield from doubts


def operators(model: Model, facts: Facts, target: Profile) -> Iterator[Diagnostic]:
    """Find operators that the target does not take."""
    for each in find_unsupported_nodes(model, target, facts):
        if each.kind == "operator":
            yield diagnostic("GL704", each.message, scope=each.scope, node=each.site, hint=each.hint)


def opset(model: Model, facts: Facts, target: Profile) -> Iterator[Diagnostic]:
    """Find an opset that the target does not take."""
    del facts
    oldest, newest = target.opset
    current = opset_of(model.proto)
    if not oldest <= current <= newest:
        hint = f"lower or legalize with --opset {target.best_opset}"
        yield diagnostic("GL705", f"{target.label} takes opset {oldest} to {newest}; this one is {current}", hint=hint)


def shapes(model: Model, facts: Facts, target: Profile) -> Iterator[Diagnostic]:
    """Find dims without a length where the target takes static shapes only."""
    del facts
    for name in fixed_dims.open_dims(model) if target.static else ():
        hint = f"lower or legalize with {fixed_dims.flags([name])}"
        yield diagnostic("GL706", f"{target.label} takes static shapes only, and {name} is open", hint=hint)


def _with_target(
    find: Callable[[Model, Facts, Profile], Iterable[Diagnostic]],
) -> Callable[[CheckedModel], Iterable[Diagnostic]]:
    """Return a rule's function that finds nothing where no target is named."""

    def find_for_target(checked: CheckedModel) -> Iterable[Diagnostic]:
        return find(checked.model, checked.facts, checked.target) if checked.target is not None else ()

    return find_for_target


RULES = (
    Rule(("GL701", "GL702", "GL703"), _with_target(grus), for_target=True),
    Rule(("GL704",), _with_target(operators), for_target=True),
    Rule(("GL705",), _with_target(opset), for_target=True),
    Rule(("GL706",), _with_target(shapes), for_target=True),
)
