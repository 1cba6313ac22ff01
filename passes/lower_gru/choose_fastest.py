"""Which of what a target runs right is fastest there, by the costs in its profile.

1. What may be chosen is the node, where the target runs it right, that of a single step with Y taken of its Y_h, and
   each form that it runs right and that was measured.
2. Each is compared to the node, or where that is not right to what would be written without costs; in every precision
   that the target may compute in, unless one is named. What counts is the worst of these.
3. The node stays unless something else takes clearly less.
4. An unrolled form that would add more nodes than may be is not chosen; what was given up is said.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from onnx import TensorProto

from gru_lower.gru.possible_forms import possible_forms
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.lower_gru.y_of_y_h import is_one_step_of_y
from gru_lower.targets.costs import CLEARLY, NODE, Way, is_as_timed, size_of
from gru_lower.verification.sites.expected_time import ExpectedTime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.lower_gru.lower_options import LowerOptions
    from gru_lower.targets.accepted_forms import AcceptedForms
    from gru_lower.targets.costs import Costs, Size
    from gru_lower.targets.profile import Profile

WORTH_A_FLAG = 0.9


@dataclass(frozen=True)
class Fastest:
    """What was chosen.

    Attributes:
        keep: Whether the node stays.
        form: What it becomes otherwise.
        options: The options of ``lower-gru`` to write it with.
        expected: What it takes.

    """

    keep: bool
    form: str
    options: LowerOptions
    expected: ExpectedTime


def choose_fastest(
    profile: Profile,
    wish: AcceptedForms,
    spec: GruSpec,
    opset: int,
    options: LowerOptions,
    default: str,
    nodes: Callable[[LowerOptions], tuple[int, int]],
) -> Fastest | None:
    """Return the fastest of what a target runs right, ``None`` where that was not measured.

    Args:
        profile: The target.
        wish: What it takes.
        spec: The GRU.
        opset: The opset of its scope.
        options: Of ``lower-gru``.
        default: The form that would be written without costs, ``""`` for none.
        nodes: Returns how many nodes the unrolled form has that some options write, and how many may still be added.

    """
    costs = profile.costs
    if costs is None or spec.elem_type != TensorProto.FLOAT:
        return None
    size = size_of(spec, options.batch_hint)
    measured = {way: _estimates(costs, way, size, options.precision) for way in costs.ways}
    base, of = _compared_to(profile, wish, measured, default)
    if not base:
        return None
    ratios = {
        way: {precision: taken[precision] / base[precision] for precision in base}
        for way, taken in measured.items()
        if base.keys() <= taken.keys() and _may_be(way, wish, spec, opset)
    }
    given_up, setting = "", _setting(costs, options.precision)
    for way in sorted(ratios, key=lambda way: _worst(ratios[way])):
        if wish.keep and _worst(ratios[way]) > CLEARLY:
            break
        spelled = _spelled(options, way)
        if way.form == "unroll":
            count, left = nodes(spelled)
            if count > left:
                given_up = given_up or _refused(ratios[way], count)
                continue
        if way == Way(NODE):
            break
        faster = _faster(costs, spec, size, base, ratios[way], ratios)
        expected = ExpectedTime(way.form, ratios[way], of, costs.version, faster, given_up, setting)
        kept = way.form == NODE
        return Fastest(keep=kept, form="" if kept else way.form, options=spelled, expected=expected)
    if not wish.keep:
        return None
    unity = dict.fromkeys(base, 1.0)
    faster = _faster(costs, spec, size, base, unity, ratios)
    expected = ExpectedTime(NODE, unity, of, costs.version, faster, given_up, setting)
    return Fastest(keep=True, form="", options=options, expected=expected)


def _setting(costs: Costs, precision: str) -> str:
    """Return how the target is told a precision that was named."""
    return f"{costs.precision_setting}={precision}" if precision and costs.precision_setting else ""


def _spelled(options: LowerOptions, way: Way) -> LowerOptions:
    """Return options with the spelling of a way."""
    values: dict[str, Any] = {key: int(value) if value.isdigit() else value for key, value in way.spelling}
    return replace(options, **values)


def _worst(ratios: dict[str, float]) -> float:
    return max(ratios.values())


def _estimates(costs: Costs, way: Way, size: Size, precision: str) -> dict[str, float]:
    """Return what a way takes, by each precision that counts."""
    several = [each for each in costs.precisions if each]
    counted = [precision] if precision in several else several or [""]
    found = {each: costs.estimate(way, size, each) for each in counted}
    return {each: taken for each, taken in found.items() if taken is not None}


def _compared_to(
    profile: Profile, wish: AcceptedForms, measured: dict[Way, dict[str, float]], default: str
) -> tuple[dict[str, float], str]:
    """Return what all is compared to, by precision, and its name."""
    own = measured.get(Way(NODE), {})
    if own and (wish.keep or not default):
        return own, f"{profile.name}'s own GRU"
    plain = [way for way, taken in measured.items() if way.form == default and taken]
    # The one that is spelled as without costs, or any.
    plain.sort(key=lambda way: len(way.spelling))
    return (measured[plain[0]], f"its {default}") if plain else ({}, "")


def _may_be(way: Way, wish: AcceptedForms, spec: GruSpec, opset: int) -> bool:
    if way.form == NODE:
        return wish.keep and (way == Way(NODE) or (wish.last_state and is_one_step_of_y(spec)))
    right = way.form in wish.judgements and wish.judgements[way.form].verdict == "right"
    return right and way.form in wish.forms and way.form in possible_forms(spec.seq_length, opset)


def _refused(ratios: dict[str, float], count: int) -> str:
    return f"unrolled it would take {_worst(ratios):.2g}, and add {count} nodes: --max-nodes allows more"


def _faster(
    costs: Costs,
    spec: GruSpec,
    size: Size,
    base: dict[str, float],
    chosen: dict[str, float],
    ratios: dict[Way, dict[str, float]],
) -> str:
    """Say with which flag of the target's the node takes less than what was chosen, or another way in one precision."""
    said = []
    for precision in base if len(base) > 1 else ():
        best = min(ratios, key=lambda way: ratios[way][precision])
        if ratios[best][precision] < WORTH_A_FLAG * chosen[precision]:
            told = _setting(costs, precision)
            also = f" and {told}" if told else ""
            said.append(f"with --precision {precision}{also} {best.form} takes {ratios[best][precision]:.2g}")
    for flags in costs.flags if is_as_timed(spec) else ():
        precision = next(iter(base))
        taken = costs.estimate(Way(NODE), size, precision, flags)
        if taken is not None and taken / base[precision] < WORTH_A_FLAG * chosen[precision]:
            said.append(f"with {flags} the node takes {taken / base[precision]:.2g}")
    return "; ".join(said)


def by_size(forms: Sequence[str]) -> Iterator[str]:
    """Yield forms, those of the fewest nodes first."""
    yield from (form for form in ("step", "scan", "loop", "unroll") if form in forms)
