"""What a GRU is expected to take on a target as what it became, for the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower.light_dataclass import dataclass
from gru_lower.plain_data import PlainData

if TYPE_CHECKING:
    from collections.abc import Mapping

ABOUT = 0.97
"""From here on something takes as long as what it is compared to."""


@dataclass(frozen=True)
class ExpectedTime(PlainData):
    """What was chosen by measured costs, and what it is expected to take.

    Attributes:
        chosen: ``"gru"``, or the form.
        ratios: What it takes of what it is compared to, by precision; ``""`` where the target has one only.
        of: What that is: the target's own GRU, or the form that would be written without costs.
        measured: The version of the target it was measured on.
        faster_with: With what, a flag of the target's or a precision, something takes less than what was chosen.
        given_up: A faster form that was not written, and why.
        setting: What the target has to be told for it.

    """

    chosen: str
    ratios: Mapping[str, float]
    of: str
    measured: str
    faster_with: str = ""
    given_up: str = ""
    setting: str = ""

    def __str__(self) -> str:
        """Say it in one line."""
        each = [_spelled(ratio) + (f" in {precision}" if precision else "") for precision, ratio in self.ratios.items()]
        kept = self.chosen == "gru"
        named = "gru with Y taken of its Y_h" if kept else self.chosen
        said = f"{named}: {' and '.join(each)} of {self.of}, measured {self.measured}".rstrip()
        if kept and min(self.ratios.values()) >= 1:
            said = f"nothing measured is faster ({self.measured})"
        elif self.of.endswith(f"its {self.chosen}") and min(self.ratios.values()) >= ABOUT:
            said = f"{self.chosen}: of what it takes nothing measured is faster ({self.measured})"
        return "; ".join(filter(None, (said, self.setting and f"with {self.setting}", self.given_up, self.faster_with)))

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON report."""
        return {
            "chosen": self.chosen,
            "ratio": {precision or "any": float(f"{ratio:.3g}") for precision, ratio in self.ratios.items()},
            "of": self.of,
            "measured": self.measured,
            **({"faster_with": self.faster_with} if self.faster_with else {}),
            **({"given_up": self.given_up} if self.given_up else {}),
            **({"setting": self.setting} if self.setting else {}),
        }


def _spelled(ratio: float) -> str:
    """Return a ratio in two digits, or all of a large one: never as 1.5e+02."""
    return f"{ratio:.2g}" if ratio < 99.5 else f"{ratio:.0f}"
