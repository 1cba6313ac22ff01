"""The speed to reach: values computed from measured ratios, each with its limit."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import geometric_mean
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.gru_case import Case
    from benchmarks.measure import Record

FEW = 4
"""Cases that are listed one by one."""


@dataclass(frozen=True)
class Bound:
    """One line of the speed to reach.

    Attributes:
        text: What is measured.
        limit: What the value may be.
        holds_for: Which records it is about.
        name: The contender.
        to: What it is compared with.
        mean: The value is the geometric mean; else the worst case.
        at_least: The value is to be at least the limit.

    """

    text: str
    limit: float
    holds_for: Callable[[Record], bool]
    name: str = "auto"
    to: str = "native"
    mean: bool = False
    at_least: bool = False


@dataclass(frozen=True)
class Verdict:
    """The verdict on one line.

    Attributes:
        bound: The line.
        found: The ratio of each case.

    """

    bound: Bound
    found: dict[str, float] = field(default_factory=dict)

    @property
    def mean(self) -> float | None:
        """The geometric mean; ``None`` where no case was measured."""
        return geometric_mean(self.found.values()) if self.found else None

    @property
    def worst(self) -> str:
        """The worst case."""
        return (min if self.bound.at_least else max)(self.found, key=lambda case: self.found[case], default="")

    @property
    def value(self) -> float | None:
        """The value that has a limit; ``None`` where no case was measured."""
        return self.mean if self.bound.mean or not self.found else self.found[self.worst]

    def excess(self) -> float:
        """Return how far beyond the limit the value is, as a share of it; 0 where it is within, or unknown."""
        if self.value is None:
            return 0.0
        beyond = self.bound.limit / self.value if self.bound.at_least else self.value / self.bound.limit
        return max(0.0, beyond - 1)

    def word(self, tolerance: float) -> str:
        """Return ``"reached"``, ``"within tolerance"``, ``"missed"`` or ``"not measured"``."""
        if self.value is None:
            return "not measured"
        excess = self.excess()
        return "reached" if not excess else "within tolerance" if excess <= tolerance else "missed"

    def line(self, tolerance: float) -> str:
        """Return the line as it is printed."""
        sign = "≥" if self.bound.at_least else "≤"
        value = "-" if self.value is None else f"{self.value:.2f}"
        return f"{self.word(tolerance)}: {self.bound.text}: {value} {sign} {self.bound.limit:g}; {self.detail()}"

    def detail(self) -> str:
        """Return the single cases, or, of many, their mean and the worst."""
        if len(self.found) <= FEW:
            return ", ".join(f"{ratio:.2f} at {case}" for case, ratio in self.found.items())
        return f"mean {self.mean:.2f} of {len(self.found)}, worst {self.found[self.worst]:.2f} at {self.worst}"

    def to_dict(self, tolerance: float) -> dict[str, Any]:
        """Return the object that stands in the JSON results."""
        return {
            "text": self.bound.text,
            "value": self.value,
            "limit": self.bound.limit,
            "at_least": self.bound.at_least,
            "geometric_mean": self.mean,
            "cases": self.found,
            "verdict": self.word(tolerance),
        }


def judge(records: Sequence[Record]) -> list[Verdict]:
    """Return the verdict on every line."""
    return [_judge(bound, records) for bound in BOUNDS]


def _judge(bound: Bound, records: Sequence[Record]) -> Verdict:
    found = {
        str(record.case): ratio.median
        for record in records
        if bound.holds_for(record) and (ratio := record.ratio(bound.name, bound.to)) is not None
    }
    return Verdict(bound, found)


def _plain(case: Case) -> bool:
    return case.D == 1 and not (case.masked or case.state or case.dynamic)


def _single(H: int) -> Callable[[Record], bool]:
    return lambda r: _plain(r.case) and (r.case.H, r.case.B) == (H, 1) and r.case.T >= 50


BOUNDS = (
    Bound(
        "geometric mean over H ≥ 256 or B ≥ 16, T ≥ 50",
        1.10,
        lambda r: _plain(r.case) and r.case.T >= 50 and (r.case.H >= 256 or r.case.B >= 16),
        mean=True,
    ),
    Bound(
        "B = 64, H ≤ 256",
        1.0,
        lambda r: _plain(r.case) and r.case.T >= 50 and r.case.B == 64 and r.case.H <= 256,
    ),
    Bound("H = 256, B = 1", 1.32, _single(256)),
    Bound("H = 128, B = 1", 1.85, _single(128)),
    Bound("H = 64, B = 1", 3.4, _single(64)),
    Bound("H = 16, B = 1", 8.5, _single(16)),
    Bound(
        "bidirectional, H = 64, B = 1",
        3.2,
        lambda r: r.series == "bidirectional" and (r.case.H, r.case.B) == (64, 1),
    ),
    Bound("masked against unmasked, T ≥ 50", 1.15, lambda r: r.series == "masked" and r.case.T >= 50, to="unmasked"),
    Bound("one step with state, H ≤ 64", 1.4, lambda r: r.series == "streaming" and r.case.state and r.case.H <= 64),
    Bound("one step with state, H = 256", 1.15, lambda r: r.series == "streaming" and r.case.state and r.case.H == 256),
    Bound(
        "one step without initial state, H ≥ 256",
        0.65,
        lambda r: r.series == "streaming" and not r.case.state and r.case.H >= 256,
    ),
    Bound(
        "projection inside the Scan against ours, geometric mean",
        1.85,
        lambda r: r.series == "batch",
        name="inside",
        to="auto",
        mean=True,
        at_least=True,
    ),
)
