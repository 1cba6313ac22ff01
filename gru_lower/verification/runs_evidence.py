"""What a verdict rests on: the cases, and how far each output was apart on them."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import field
from typing import TYPE_CHECKING, Any

from gru_lower.light_dataclass import dataclass
from gru_lower.plain_data import PlainData

if TYPE_CHECKING:
    from gru_lower.verification.arrays import Feeds

MOST_CASES = 40
"""How many cases are listed one by one."""


@dataclass(frozen=True)
class FurthestApart:
    """Where an output was furthest apart: the case, from 1, the element, and the two values there."""

    case: int
    index: tuple[int, ...]
    expected: float
    actual: float


@dataclass(frozen=True)
class Curve(PlainData):
    """Values along one axis of an output.

    Attributes:
        axis: The axis.
        case: Of which case, from 1.
        index: The place on the other axes, -1 on the axis itself; empty where it is over all places.
        begin: Where on the axis it begins.
        every: How many places one point stands for.
        values: By name, the values of each point.

    """

    axis: int
    case: int
    index: tuple[int, ...]
    begin: int
    every: int
    values: dict[str, list[float]]

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON report."""
        return {
            "axis": self.axis,
            "case": self.case,
            "index": list(self.index),
            "begin": self.begin,
            "every": self.every,
            "values": {name: [_finite(each) for each in values] for name, values in self.values.items()},
        }


@dataclass
class OutputEvidence(PlainData):
    """How far one output was apart, over all cases.

    Attributes:
        output: Its name.
        elem_type: Its element type.
        rtol: The relative tolerance.
        atol: The absolute tolerance.
        by_tolerance: Whether the tolerance decides; else signal to noise does.
        count: How many values were compared.
        same: How many of them were the very same.
        not_finite: How many were NaN or infinite on one side alone.
        decades: How many errors there are of each power of ten: 10 ** key and up to ten times that.
        by_case: The largest error of each case, by its number from 1; infinite where the two could not be compared.
        worst: Where the error is largest.
        over_time: The largest error at each point of time, in the worst case; ``None`` where no axis is time.
        side_by_side: Both outputs around the worst element, along time, or along the longest axis.

    """

    output: str
    elem_type: str
    rtol: float
    atol: float
    by_tolerance: bool = True
    count: int = 0
    same: int = 0
    not_finite: int = 0
    decades: Counter[int] = field(default_factory=Counter)
    by_case: dict[int, float] = field(default_factory=dict)
    worst: FurthestApart | None = None
    over_time: Curve | None = None
    side_by_side: Curve | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON report."""
        worst = self.worst
        return {
            "output": self.output,
            "type": self.elem_type,
            "rtol": self.rtol,
            "atol": self.atol,
            "by_tolerance": self.by_tolerance,
            "count": self.count,
            "same": self.same,
            "not_finite": self.not_finite,
            "decades": [{"decade": each, "count": self.decades[each]} for each in sorted(self.decades)],
            "by_case": [{"case": case, "largest": _finite(error)} for case, error in self.by_case.items()][:MOST_CASES],
            "worst": worst
            and {
                "case": worst.case,
                "index": list(worst.index),
                "expected": _finite(worst.expected),
                "actual": _finite(worst.actual),
            },
            "over_time": self.over_time and self.over_time.to_dict(),
            "side_by_side": self.side_by_side and self.side_by_side.to_dict(),
        }


@dataclass
class RunsEvidence:
    """What a verdict rests on: the cases, and how far each output was apart on them.

    Attributes:
        cases: The inputs of each case: its number from 1, what it was drawn for, and name, type and shape of each.
        more_cases: How many beyond those listed.
        outputs: By output.
        feeds: The inputs of the first case.
        push: Of a model that streams, what it is given for a push of frames; ``None`` of any other.

    """

    cases: list[dict[str, Any]] = field(default_factory=list)
    more_cases: int = 0
    outputs: list[OutputEvidence] = field(default_factory=list)
    feeds: Feeds | None = None
    push: Feeds | None = None


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
