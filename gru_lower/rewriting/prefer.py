"""What is preferred where a target runs several things right, as options of the passes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from gru_lower.rewriting.target_options import TargetOptions

PROBE = "measure it: `gru-lower probe --time`"


def preferring(wanted: TargetOptions, target: str, prefer: str, precision: str | None) -> TargetOptions:
    """Return what a target asks for, and what is preferred of what it runs right.

    Args:
        wanted: What the target asks for.
        target: The name of a profile, or the path of one.
        prefer: ``"node"``, ``"speed"`` or ``"size"``; nothing is added where a profile has no costs to be quick by.
        precision: What the target is said to compute in, ``None`` for nothing said.

    Raises:
        Unsupported: The target was not measured in that precision.

    """
    from gru_lower.targets import read_profile

    costs = read_profile.load(target).costs
    measured = () if costs is None else costs.precisions
    if precision is not None and precision not in measured and not (precision == "f32" and "" in measured):
        there = (
            f"it was measured in {' and '.join(filter(None, measured)) or 'f32'}"
            if measured
            else "nothing was measured"
        )
        raise Unsupported(
            f"how long GRUs take in {precision} is not known of {target}: {there}", code="GL609", hint=PROBE
        )
    added = {"prefer": prefer} if prefer == "size" or (prefer == "speed" and costs is not None) else {}
    named = {"precision": precision} if precision and added else {}
    return replace(wanted, lower_gru=wanted.lower_gru | added | named) if added else wanted


def refuse_without_target(prefer: str | None, precision: str | None) -> None:
    """Refuse to prefer anything where no target is named.

    Raises:
        Unsupported: Naming the option.

    """
    given = "--prefer" if prefer else "--precision" if precision else ""
    if given:
        raise Unsupported(
            f"{given} chooses among what a target runs right, and no target is named",
            code="GL610",
            hint="add --target NAME; gru-lower targets lists them",
        )
