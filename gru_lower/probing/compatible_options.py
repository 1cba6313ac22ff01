"""Options that one GRU can have together: those that matter are kept, others are replaced where they exclude them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.gru.activations import KINDS, Kind
from gru_lower.targets.option_axes import AXES, AXIS_OF, BANDS, with_options

if TYPE_CHECKING:
    from collections.abc import Collection

Options = frozenset[str]
DEFAULTS = {"f": "f_Sigmoid", "g": "g_Tanh"}
FUNCTIONS_WITH_ALPHA = ("g_LeakyRelu", "g_Elu", "f_HardSigmoid", "g_HardSigmoid", "f_LeakyRelu", "f_Elu")
"""Functions that take an alpha and have a default everybody agrees on."""


SINCE = {"in_body": 9, "layout1": 14, "bfloat16": 22}
"""The first opset of options that are younger than the operator."""
FIRSTS = {band: first for first, band in BANDS.items()}


def compatible(options: Options, keep: Options, known: Collection[str] | None = None) -> Options | None:
    """Return options that one GRU can have together.

    Args:
        options: One on each axis.
        keep: Those of them that have to be kept.
        known: Options that may be added; any if ``None``.

    Returns:
        ``None`` where those to keep exclude each other.

    """
    held = {AXIS_OF[option] for option in keep}
    result = options
    for one, other, instead in (
        ("dynamic_time", "one_step", ("many_steps", "static_time")),
        ("dynamic_batch", "one_sequence", ("many_sequences", "static_batch")),
        ("told_batch", "no_initial_h", ("constant_initial_h", "static_batch")),
        ("joined_directions", "only_Y_h", ("only_Y", "bidirectional")),
        ("joined_directions", "blank_Y_h", ("only_Y", "bidirectional")),
    ):
        if {one, other} <= result:
            result = with_options(result, instead[1] if other in keep else instead[0])
    for option, first in SINCE.items():
        band = next((each for each in result if AXIS_OF[each] == "opset"), None)
        if option in result and band is not None and FIRSTS[band] < first:
            later = BANDS[first]
            stays = option in keep and (known is None or later in known)
            result = with_options(result, later if stays else AXES[AXIS_OF[option]][0])
    if "default_activations" in keep:
        result = with_options(result, *(DEFAULTS[axis] for axis in ("f", "g") if axis not in held))
    if "no_parameters" in keep:
        ambiguous = [option for option in _functions(result) if _kind(option).ambiguous and option not in keep]
        result = with_options(result, *(DEFAULTS[option[0]] for option in ambiguous))
    if "parameters" in keep and not _takes_alpha(result):
        found = next(
            (each for each in FUNCTIONS_WITH_ALPHA if each[0] not in held and (known is None or each in known)), None
        )
        result = with_options(result, *([found] if found else []))
    if "other_functions" in keep:
        result = result if "joined_directions" in result else with_options(result, "bidirectional")
        if not _has_other_functions(result):
            free = [each for each in sorted(known or ("g_Relu",)) if each[:2] in ("f_", "g_") and each[0] not in held]
            found = next((each for each in free if each not in DEFAULTS.values() and not _kind(each).ambiguous), None)
            result = with_options(result, *([found] if found else []))
    if _has_other_functions(result):
        result = result if "lower_case_activations" in result else with_options(result, "written_activations")
    if not result & {"bidirectional", "joined_directions"} or not _has_other_functions(result):
        result = with_options(result, "same_functions")
    if any(_kind(option).ambiguous for option in _functions(result)):
        result = with_options(result, "parameters")
    if not _takes_alpha(result):
        result = with_options(result, "no_parameters")
    return result if keep <= result else None


def _functions(options: Options) -> list[str]:
    return [option for option in options if AXIS_OF[option] in ("f", "g")]


def _kind(option: str) -> Kind:
    return KINDS[option[2:].lower()]


def _takes_alpha(options: Options) -> bool:
    return any(_kind(option).alpha is not None for option in _functions(options))


def _has_other_functions(options: Options) -> bool:
    return any(option not in DEFAULTS.values() for option in _functions(options))
