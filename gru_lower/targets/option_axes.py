"""The options of a GRU that targets may tell apart: on each axis a GRU takes one option, and runtimes differ by option.

The first option of an axis is the plain one. A profile says of each option whether the target runs it right; of those
in :data:`COARSER`, which most targets do not tell from another option, only where one does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.gru.activations import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

FUNCTIONS = tuple(kind.name for kind in KINDS.values())
BANDS = {7: "opset_7", 9: "opset_9", 11: "opset_11", 13: "opset_13", 14: "opset_14", 18: "opset_18", 22: "opset_22"}
"""First opset: the option. Within one of these, neither GRU nor what a lowering writes is spelled differently."""
DTYPES = ("float32", "float16", "float64", "bfloat16")
AXES: dict[str, tuple[str, ...]] = {
    "linear_before_reset": ("lbr1", "lbr0"),
    "direction": ("forward", "reverse", "bidirectional", "joined_directions", "written_forward"),
    "layout": ("layout0", "layout1"),
    "sequence_lens": ("no_lens", "lens", "lens_zero"),
    "initial_h": ("no_initial_h", "initial_h", "constant_initial_h"),
    "B": ("B", "no_B"),
    "clip": ("no_clip", "clip"),
    "f": ("f_Sigmoid", *(f"f_{name}" for name in FUNCTIONS if name != "Sigmoid")),
    "g": ("g_Tanh", *(f"g_{name}" for name in FUNCTIONS if name != "Tanh")),
    "activations": ("default_activations", "written_activations", "lower_case_activations"),
    "parameters": ("no_parameters", "parameters"),
    "both directions": ("same_functions", "other_functions"),
    "hidden_size": ("hidden_size", "no_hidden_size"),
    "outputs": ("both_outputs", "only_Y", "only_Y_h", "blank_Y_h"),
    "weights": ("constant_weights", "computed_weights"),
    "time": ("static_time", "dynamic_time"),
    "batch": ("static_batch", "dynamic_batch", "told_batch"),
    "T": ("many_steps", "one_step"),
    "N": ("many_sequences", "one_sequence"),
    "place": ("no_body", "in_body"),
    "type": DTYPES,
    "opset": tuple(BANDS.values()),
}
COARSER = {
    "joined_directions": "bidirectional",
    "written_forward": "forward",
    "constant_initial_h": "initial_h",
    "lower_case_activations": "written_activations",
    "blank_Y_h": "only_Y",
    "in_body": "no_body",
}
"""An option: the one that it is a special case of, whose verdict it has where a profile does not say."""
AXIS_OF = {option: axis for axis, options in AXES.items() for option in options}
OPTIONS = tuple(AXIS_OF)
_ORDER = {option: position for position, option in enumerate(OPTIONS)}
PLAIN = frozenset(options[0] for axis, options in AXES.items() if axis not in ("opset", "linear_before_reset"))
"""The options that stand around any other one when it is tried; opset and linear_before_reset have no plain one."""
WORDS = {
    "lbr1": "linear_before_reset = 1",
    "lbr0": "linear_before_reset = 0",
    "layout0": "layout = 0",
    "layout1": "layout = 1",
    "no_lens": "no sequence_lens",
    "lens": "sequence_lens",
    "lens_zero": "a sequence length of 0",
    "joined_directions": "bidirectional, whose Y becomes [T, B, 2H] at once",
    "written_forward": "the direction attribute, though it is forward",
    "no_initial_h": "no initial_h",
    "constant_initial_h": "a constant initial_h",
    "no_B": "no B",
    "no_clip": "no clip",
    "default_activations": "activations left to the default",
    "written_activations": "the activations attribute",
    "lower_case_activations": "activations in other letters than the operator has them",
    "no_parameters": "no activation_alpha or activation_beta",
    "parameters": "activation_alpha or activation_beta",
    "same_functions": "the same activations in both directions",
    "other_functions": "other activations in the reverse direction",
    "no_hidden_size": "no hidden_size",
    "both_outputs": "both outputs",
    "only_Y": "only the output Y",
    "only_Y_h": "only the output Y_h",
    "blank_Y_h": "only the output Y, with an empty name for Y_h as another node has it",
    "constant_weights": "constant weights",
    "computed_weights": "computed weights",
    "static_time": "a static sequence length",
    "dynamic_time": "a dynamic sequence length",
    "static_batch": "a static batch",
    "dynamic_batch": "a dynamic batch",
    "told_batch": "a batch that is symbolic in X, and a number in another input",
    "many_steps": "several steps",
    "one_step": "a sequence length of 1",
    "many_sequences": "several sequences",
    "one_sequence": "a batch of 1",
    "no_body": "no Scan or Loop around it",
    "in_body": "a Scan or Loop around it",
    "unknown": "an element type that cannot be told",
}


def in_order(options: Iterable[str]) -> list[str]:
    """Return options in the order of the axes."""
    return sorted(options, key=lambda option: _ORDER.get(option, len(_ORDER)))


def describe(option: str) -> str:
    """Return an option in the operator's words."""
    if option[:2] in ("f_", "g_"):
        return f"{option[2:]} as {option[0]}"
    if option in BANDS.values():
        firsts = [*BANDS, 0]
        first = next(key for key, value in BANDS.items() if value == option)
        after = firsts[firsts.index(first) + 1]
        if not after:
            return f"opset {first} and newer"
        return f"opset {first}" if after == first + 1 else f"opset {first} to {after - 1}"
    return WORDS.get(option, option)


def with_coarser(options: frozenset[str]) -> frozenset[str]:
    """Return options and those that they are special cases of."""
    return options | {COARSER[option] for option in options if option in COARSER}


def band(opset: int) -> str:
    """Return the option an opset is; those older than the first band count to it."""
    return BANDS[max((first for first in BANDS if first <= opset), default=min(BANDS))]


def with_options(options: frozenset[str], *new: str) -> frozenset[str]:
    """Return options with others in place of those on the same axes."""
    axes = {AXIS_OF[option] for option in new}
    return frozenset({option for option in options if AXIS_OF.get(option) not in axes} | set(new))
