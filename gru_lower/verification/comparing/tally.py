"""Collect the comparisons of one verification and derive the verdict from them."""

from __future__ import annotations

import math
from dataclasses import field, replace
from typing import TYPE_CHECKING

from gru_lower.light_dataclass import dataclass
from gru_lower.verification.result import Verification, Worst

if TYPE_CHECKING:
    from gru_lower.verification.comparing.compare_arrays import Comparison
    from gru_lower.verification.result import Scope


_FEW_STEPS, _MOST_STEPS = 3, 4
"""So few quantised values may move by one step however few there are, and one in so many of all."""


@dataclass(frozen=True)
class Entry:
    """One output in one case; cases count from 0."""

    case: int
    output: str
    comparison: Comparison


@dataclass
class Tally:
    """All comparisons of one verification."""

    entries: list[Entry] = field(default_factory=list)

    def add(self, case: int, output: str, comparison: Comparison) -> None:
        """Add one comparison."""
        self.entries.append(Entry(case, output, comparison))

    @property
    def failing(self) -> list[Entry]:
        """The entries out of tolerance, and those of quantised outputs that moved as a whole: no rounding does that."""
        shifted = self._shifted()
        return [
            replace(entry, comparison=_as_different(entry.comparison)) if entry.output in shifted else entry
            for entry in self.entries
            if not entry.comparison.ok or (entry.output in shifted and entry.comparison.steps[0])
        ]

    def _shifted(self) -> set[str]:
        """Return the quantised outputs more than a quarter of whose values moved by a step, over all cases."""
        counts: dict[str, tuple[int, int]] = {}
        for entry in self.entries:
            moved, of = counts.get(entry.output, (0, 0))
            counts[entry.output] = moved + entry.comparison.steps[0], of + entry.comparison.steps[1]
        return {name for name, (moved, of) in counts.items() if moved > _FEW_STEPS and moved > of / _MOST_STEPS}

    def verification(self, scope: Scope) -> Verification:
        """Return the verdict: "equivalent" if all are within tolerance, else "different" and by how much."""
        failing = self.failing
        notes = dict.fromkeys(f"{e.output!r}: {e.comparison.note}" for e in self.entries if e.comparison.note)
        return Verification(
            "different" if failing else "equivalent",
            scope,
            cases=len({entry.case for entry in self.entries}),
            max_abs_error=self._largest("max_abs"),
            max_rel_error=self._largest("max_rel"),
            worst=self._worst(),
            message=_difference(failing) if failing else "; ".join(notes),
            least_atol=self._largest("least_atol"),
            least_rtol=self._largest("least_rtol"),
        )

    @property
    def worst_case(self) -> int | None:
        """The number of the case that is furthest out of tolerance; None if none is."""
        return max(self.failing, key=_severity).case if self.failing else None

    def _largest(self, figure: str) -> float | None:
        known = (getattr(entry.comparison, figure) for entry in self.entries)
        return max((value for value in known if value is not None), default=None)

    def _worst(self) -> Worst | None:
        placed = [entry for entry in self.failing or self.entries if entry.comparison.index is not None]
        if not placed:
            return None
        worst = max(placed, key=_severity)
        found = worst.comparison
        return Worst(worst.output, found.index or (), found.expected, found.actual)


def _severity(entry: Entry) -> tuple[float, float]:
    return entry.comparison.needed_atol, entry.comparison.max_abs or 0.0


def _as_different(found: Comparison) -> Comparison:
    """Return the comparison of a quantised output that moved as a whole; one that is out of tolerance stays."""
    if not found.ok:
        return found
    return replace(found, ok=False, reason=found.note, note="", least_atol=math.inf, least_rtol=math.inf)


def _difference(failing: list[Entry]) -> str:
    worst = max(failing, key=_severity)
    place = "" if worst.comparison.index is None else f" at {list(worst.comparison.index)}"
    text = f"output {worst.output!r} differs{place}: {worst.comparison.reason} (case {worst.case + 1})"
    others = len({entry.output for entry in failing}) - 1
    if others:
        text += f", and {others} other output{'s' if others > 1 else ''}"
    needed = max(entry.comparison.least_atol for entry in failing)
    return text if math.isinf(needed) else f"{text}; would pass at atol {needed:.2g}"
