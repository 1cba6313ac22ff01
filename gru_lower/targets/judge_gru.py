"""Whether a target runs a GRU right: the verdict on it, from what the target's profile says of its options.

1. One rejected option makes the GRU rejected; otherwise one that is wrong makes it wrong.
2. So do options that are an exception together.
3. An option nobody has run or read about makes it unknown.
4. So do two options that were run, but never together, unless the target's pairs were run.
5. Otherwise it is right: by run evidence if every cell was run, else by reading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from gru_lower.light_dataclass import dataclass
from gru_lower.targets.option_axes import AXIS_OF, COARSER, PLAIN, describe, in_order, with_coarser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.targets.profile import Cell, Evidence, Profile

FREE_AXES = ("linear_before_reset", "opset", "type")
"""Axes without a plain option: each probe takes some option on them."""
UNVERIFIED = "unverified: run `gru-lower probe`"


@dataclass(frozen=True)
class Judgement:
    """The verdict on one GRU.

    Attributes:
        verdict: ``"right"``, ``"wrong"``, ``"rejected"`` or ``"unknown"``.
        evidence: ``"run"`` only if all it rests on was run.
        why: The reason in words; ``""`` where it is right.
        source: Where it was read.

    """

    verdict: Literal["right", "wrong", "rejected", "unknown"]
    evidence: Evidence
    why: str = ""
    source: str = ""


def judge(profile: Profile, column: str, options: frozenset[str]) -> Judgement:
    """Return whether a target runs a GRU right.

    Args:
        profile: The target.
        column: ``"gru"`` for the node itself, or the form it is lowered to.
        options: What :func:`gru_lower.targets.gru_options.options_of` says of it.

    """
    held = profile.columns.get(column)
    if held is None:
        return Judgement("unknown", "read", f"nothing is known of {column} on {profile.label}")
    bad = faults(profile, column, options)
    if bad:
        return min(bad, key=lambda fault: fault.verdict != "rejected")
    ordered = in_order(options)
    cells = {option: held.cells[option] for option in ordered if option in held.cells}
    missing = next((option for option in ordered if option not in cells), None)
    if missing is not None:
        return Judgement("unknown", "read", f"{describe(missing)} was not tried on {profile.label}")
    read = next((cell for cell in cells.values() if cell.evidence == "read"), None)
    if read is not None:
        return Judgement("right", "read", source=read.source)
    odd = [
        option
        for option in ordered
        if option not in PLAIN and COARSER.get(option) not in PLAIN and AXIS_OF.get(option) not in FREE_AXES
    ]
    if len(odd) > 1 and not held.pairs:
        return Judgement("unknown", "read", f"{_join(odd[:2])} were not tried together on {profile.label}")
    return Judgement("right", "run")


def faults(profile: Profile, column: str, options: frozenset[str]) -> list[Judgement]:
    """Return what makes a GRU wrong or rejected: single options, and options that are an exception together.

    Args:
        profile: The target.
        column: ``"gru"`` for the node itself, or the form it is lowered to.
        options: Those of the GRU.

    """
    held = profile.columns.get(column)
    if held is None:
        return []
    cells = {option: cell for option in in_order(options) if (cell := held.cells.get(option)) is not None}
    bad = {option: cell for option, cell in cells.items() if cell.verdict != "right"}
    if bad and all(cell.verdict == "rejected" for cell in held.cells.values()):
        cell = next(iter(bad.values()))
        return [Judgement("rejected", cell.evidence, f"every GRU is {_verdict_in_words(profile, cell)}", cell.source)]
    if "lens" in bad:
        bad.pop("lens_zero", None)
    found = [([option], cell) for option, cell in bad.items()]
    found += [
        (in_order(each.options), each.cell)
        for each in held.together
        if each.options <= with_coarser(options) and not each.options & bad.keys()
    ]
    return [
        Judgement(
            "wrong" if cell.verdict == "wrong" else "rejected",
            cell.evidence,
            _reason(profile, named, cell),
            cell.source,
        )
        for named, cell in found
    ]


def _reason(profile: Profile, options: Sequence[str], cell: Cell) -> str:
    verb = "are" if len(options) > 1 else "is"
    together = " together" if len(options) > 1 else ""
    return f"{_join(options)} {verb} {_verdict_in_words(profile, cell, together)}"


def _verdict_in_words(profile: Profile, cell: Cell, together: str = "") -> str:
    on = f"{profile.name} {cell.version}".strip()
    how = "" if cell.evidence == "run" else " by what was read"
    return f"{cell.verdict}{together} on {on}{how}"


def _join(options: Sequence[str]) -> str:
    words = [describe(option) for option in options]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
