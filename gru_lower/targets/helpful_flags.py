"""What would help a GRU that a target does not run right and that is left: the fewest flags that do."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from gru_lower.targets.judge_gru import judge
from gru_lower.targets.option_axes import DTYPES, band, with_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.targets.profile import Profile

NOTHING_ELSE = "use another target: gru-lower targets lists them"
OLD = frozenset({"opset_7", "opset_9"})
"""Opsets in which lengths that are not known beforehand cannot be written for most targets."""


class _Lever(NamedTuple):
    """Something that can be done: what it makes of the options, and the flags that are added, or other words."""

    options: tuple[str, ...]
    flags: str = ""
    words: str = ""


def helpful_flags(options: frozenset[str], profile: Profile, fix_dims: str, lengths: str = "") -> str:
    """Return a hint at the fewest flags with which a target runs a GRU right, as the node or lowered.

    Args:
        options: The GRU's, see :mod:`gru_lower.targets.option_axes`.
        profile: The target.
        fix_dims: The flags that fix the dims which are open, ``""`` for none.
        lengths: The flag that sets the input which the lengths are, ``""`` where they are computed.

    """
    levers = list(_levers(options, profile, fix_dims, lengths))
    may_be_one_step = "dynamic_time" in options or "one_step" in options
    forms = [form for form in profile.forms if form != "step" or may_be_one_step]
    for count in range(1, len(levers) + 1):
        for chosen in combinations(levers, count):
            changed = with_options(options, *(option for lever in chosen for option in lever.options))
            if _serves(changed, profile, forms):
                return _in_words(chosen)
    return NOTHING_ELSE


def _levers(options: frozenset[str], profile: Profile, fix_dims: str, lengths: str) -> Iterator[_Lever]:
    """Yield what can be done, in the order in which it is said."""
    if fix_dims and options & {"dynamic_time", "dynamic_batch", "told_batch"}:
        yield _Lever(("static_time", "static_batch"), fix_dims)
    best = band(profile.best_opset)
    if best not in options:
        yield _Lever((best,), f"--opset {profile.best_opset}")
    if options & {"lens", "lens_zero"}:
        beforehand = f"give the lengths beforehand with {lengths}, or " if lengths else ""
        yield _Lever(("no_lens",), words=f"{beforehand}promise full lengths with --assume full-length")
    given = next((dtype for dtype in DTYPES if dtype in options), "")
    if given and given not in profile.dtypes:
        wanted = profile.dtypes[0]
        cast = f"allow computing in {wanted} with gru-lower legalize --allow-cast"
        export = f"export the model in {wanted}, since the target cannot cast from {given}"
        yield _Lever((wanted,), words=cast if profile.casts_from(given) else export)


def _serves(options: frozenset[str], profile: Profile, forms: Sequence[str]) -> bool:
    if "lens" in options and (options & OLD or "Where" in profile.unwritten(profile.best_opset)):
        return judge(profile, "gru", options).verdict == "right"
    written = any(judge(profile, form, options).verdict in ("right", "unknown") for form in forms)
    return written or judge(profile, "gru", options).verdict == "right"


def _in_words(levers: tuple[_Lever, ...]) -> str:
    flags = " ".join(lever.flags for lever in levers if lever.flags)
    return ", and ".join([*([f"add {flags}"] if flags else []), *(lever.words for lever in levers if lever.words)])
