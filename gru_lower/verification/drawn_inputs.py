"""What inputs a verdict rests on: how many of which kind, their dims and values, and which draws were left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import field
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.light_dataclass import dataclass
from gru_lower.plain_data import PlainData
from gru_lower.verification.arrays import is_float

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.verification.arrays import Feeds

_MOST_LEFT_OUT = 20
_LONGEST_WHY = 100


@dataclass(frozen=True)
class LeftOut:
    """Inputs that were to be drawn, and say nothing.

    Attributes:
        kind: What they were for, as :data:`gru_lower.verification.directing.draws.DrawKind` has it.
        what: The same in words: ``T = 0``.
        why: Why nothing was compared on them.

    """

    kind: str
    what: str
    why: str


@dataclass
class DrawnInputs(PlainData):
    """What was drawn, over all cases.

    Attributes:
        kinds: How many cases there were of each kind.
        dims: The sizes that each free dim had, by its name, ``INPUT:AXIS`` where it has none.
        values: The least and the largest finite value of each input of numbers.
        special: The inputs that held NaN or an infinity.
        left_out: What was not compared on.
        more_left_out: How many beyond those listed.

    """

    kinds: Counter[str] = field(default_factory=Counter)
    dims: dict[str, set[int]] = field(default_factory=dict)
    values: dict[str, tuple[float, float]] = field(default_factory=dict)
    special: dict[str, None] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    more_left_out: int = 0

    def add(self, kind: str, feeds: Feeds, sizes: Mapping[str, int]) -> None:
        """Add one case.

        Args:
            kind: What it was drawn for.
            feeds: The inputs.
            sizes: The sizes of their free dims.

        """
        self.kinds[kind] += 1
        for name, size in sizes.items():
            self.dims.setdefault(name, set()).add(size)
        for name, array in feeds.items():
            if array.dtype.kind in "iu" or (is_float(array.dtype) and array.dtype.kind != "c"):
                self._add_values(name, array.astype(np.float64) if array.dtype.kind not in "iu" else array)

    def _add_values(self, name: str, array: np.ndarray[Any, Any]) -> None:
        finite = array[np.isfinite(array)]
        if finite.size != array.size:
            self.special.setdefault(name)
        if finite.size:
            low, high = float(finite.min()), float(finite.max())
            known = self.values.get(name, (low, high))
            self.values[name] = min(known[0], low), max(known[1], high)

    def leave_out(self, kind: str, what: str, why: str) -> None:
        """Add inputs that were not compared on."""
        if len(self.left_out) < _MOST_LEFT_OUT:
            self.left_out.append(LeftOut(kind, what, why))
        else:
            self.more_left_out += 1

    def to_dict(self) -> dict[str, Any]:
        """Return the ``drawn`` object of a report."""
        return {
            "kinds": dict(self.kinds),
            "dims": [{"dim": name, "sizes": sorted(sizes)} for name, sizes in self.dims.items()],
            "values": [
                {"input": name, "least": low, "largest": high, "special": name in self.special}
                for name, (low, high) in self.values.items()
            ],
            "left_out": [{"kind": each.kind, "what": each.what, "why": each.why} for each in self.left_out],
            "more_left_out": self.more_left_out,
        }

    def lines(self) -> list[str]:
        """Return the same in two or three lines for people."""
        if not self.kinds:
            return []
        dims = [f"{name} {spelled_sizes(sizes)}" for name, sizes in self.dims.items()]
        values = [
            f"{name} {low:.4g} to {high:.4g}{' and NaN or infinities' if name in self.special else ''}"
            for name, (low, high) in self.values.items()
        ]
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.kinds.items())
        lines = [f"drawn: {kinds}", *(f"  {', '.join(part)}" for part in (dims, values) if part)]
        if self.left_out:
            shown = "; ".join(f"{each.what} ({shortened(each.why)})" for each in self.left_out[:3])
            more = len(self.left_out) + self.more_left_out - 3
            lines.append(f"not drawn: {shown}{f'; and {more} more' if more > 0 else ''}")
        return lines


def shortened(text: str) -> str:
    """Return a text cut off where a line of a terminal is full of it."""
    return text if len(text) <= _LONGEST_WHY else f"{text[: _LONGEST_WHY - 1]}…"


def spelled_sizes(sizes: set[int]) -> str:
    """Return sizes as people read them: ``0-7, 51, 130``."""
    parts: list[list[int]] = []
    for size in sorted(sizes):
        if parts and size == parts[-1][-1] + 1:
            parts[-1].append(size)
        else:
            parts.append([size])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in parts)
