"""What the times of ``python -m benchmarks targets`` say: ratios to the best, and to what was written before."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.target_cells import BEFORE, NOW
from gru_lower.targets.costs import NODE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from benchmarks.target_cells import Cell
    from gru_lower.targets.costs import Size

COMPARED = (16, 64, 256)
"""H at which what is written now stands against what was written before, with B = 1."""
LIMITS = {"mean": 1.05, "usual": 1.10, "most": 1.30}
USUAL = 95
BESIDE = {
    "mnn": ("", NOW, None, 0.65),
    "opencv": ("", NOW, None, 0.60),
    "openvino": ("f32", f"{NOW} --precision f32", 0, 0.55),
    "tract": ("", NOW, None, 0.75),
}
"""By engine: precision, what was written, linear_before_reset, and what it may take of what was written before."""
ONE_STEP = ("tract",)
"""Engines judged at T = 1."""
KINDS: dict[str, Callable[[Size], bool]] = {
    "both outputs": lambda size: size.length > 1 or not (size.state or size.only_Y),
    "of one step Y alone": lambda size: size.length > 1 or (size.only_Y and not size.state),
    "every kind of step": bool,
}
"""Which of the sizes are compared: a step may start from zeros or a state, and give both outputs or Y alone."""
MEANT = {"tract": "of one step Y alone"}
"""By engine: the kind of step that its limit was set for, where that is not the first of :data:`KINDS`."""
WHY = {
    "opencv": (
        "OpenCV gives Y alone the shape of Y_h, so that a lowered step was written before, too; the step's products "
        "alone, without gates, would make it 0.58"
    ),
    "mnn": "of a single step MNN's own node, or what it was rewritten into, takes what the best form does",
    "tract": (
        "of a step whose Y_h is read tract makes plain nodes, and one kernel where linear_before_reset = 1; the "
        "product of X alone, without gates, takes 0.76 of it"
    ),
}
"""Why what is written now cannot be faster beside what was written before, where that is missed."""
NEAR = "what takes about the same in one run differs in the next, see decision 85"


@dataclass(frozen=True)
class Figure:
    """What one written model takes at one size.

    Attributes:
        size: The size.
        precision: What the engine computed in.
        written: With which options of ``lower``.
        became: What it was, as one of the ways, ``"?"`` if none.
        best: The fastest of the ways.
        of_best: Its time, of that of the fastest.
        of_before: Of that of what was written before; ``None`` where that is not right.
        of_node: Of the engine's own node; ``None`` where that is not right.

    """

    size: Size
    precision: str
    written: str
    became: str
    best: str
    of_best: float
    of_before: float | None
    of_node: float | None


@dataclass(frozen=True)
class Verdict:
    """A line of what is to be reached."""

    text: str
    value: float | None
    limit: float
    why: str = ""

    def missed(self, tolerance: float) -> bool:
        """Whether it was measured and is beyond its limit by more than a tolerance."""
        return self.value is not None and self.value > self.limit * (1 + tolerance)

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON results."""
        return asdict(self)


def figures(cells: Iterable[Cell]) -> list[Figure]:
    """Return a figure for each model that ``--target`` wrote, in each size and setting without flags."""
    found = []
    for cell in cells:
        ways = {name: taken for name, taken in cell.seconds.items() if not name.startswith((NOW, BEFORE))}
        if cell.flags or not ways:
            continue
        best = min(ways, key=lambda name: ways[name])
        for name, taken in cell.seconds.items():
            if name.startswith(NOW):
                same = [way for way in ways if cell.digests[way] == cell.digests[name]]
                others = [taken / cell.seconds[one] if one in cell.seconds else None for one in (BEFORE, NODE)]
                became = same[0] if same else "?"
                found.append(Figure(cell.size, cell.precision, name, became, best, taken / ways[best], *others))
    return found


def settings(found: Sequence[Figure]) -> list[tuple[str, str]]:
    """Return the precisions and options there are figures of."""
    pairs = dict.fromkeys((each.precision, each.written) for each in found)
    return [pair for pair in pairs if pair[1] == NOW or pair[1].endswith(pair[0])]


def of(found: Sequence[Figure], precision: str, written: str) -> list[Figure]:
    """Return the figures of one setting."""
    return [each for each in found if (each.precision, each.written) == (precision, written)]


def compared(
    found: Iterable[Figure], lbr: int | None = None, length: int | None = None, kind: str = "every kind of step"
) -> list[float]:
    """Return ratios to what was written before, where these are compared."""
    return [
        each.of_before
        for each in found
        if each.of_before is not None
        and each.size.hidden in COMPARED
        and each.size.batch == 1
        and KINDS[kind](each.size)
        and lbr in (None, each.size.linear_before_reset)
        and length in (None, each.size.length)
    ]


def mean(ratios: Sequence[float]) -> float | None:
    """Return the geometric mean, ``None`` of nothing."""
    return math.exp(float(np.log(ratios).mean())) if len(ratios) else None


def judged(engine: str, found: Sequence[Figure]) -> list[Verdict]:
    """Return what is to be reached in an engine, and what was."""
    verdicts = []
    own = [pair for pair in settings(found) if not pair[0] or pair[1] != NOW]
    for precision, written in own:
        ratios = [each.of_best for each in of(found, precision, written)]
        label = f"{engine}{', ' + precision if precision else ''}: what {written} writes / the best"
        verdicts += [
            Verdict(f"{label}, geometric mean", mean(ratios), LIMITS["mean"]),
            Verdict(f"{label}, in {USUAL} % of sizes", float(np.percentile(ratios, USUAL)), LIMITS["usual"], NEAR),
            Verdict(f"{label}, anywhere", max(ratios), LIMITS["most"], NEAR),
        ]
    if engine in BESIDE:
        precision, written, lbr, limit = BESIDE[engine]
        length = 1 if engine in ONE_STEP else None
        what = ", ".join(
            [f"{engine}: what {written} writes / what was written before"]
            + ([f"linear_before_reset = {lbr}"] if lbr is not None else [])
            + (["T = 1"] if length else [])
        )
        chosen = of(found, precision, written)
        steps = [each.size for each in chosen if each.size.length == 1]
        for kind in sorted(KINDS, key=lambda kind: kind != MEANT.get(engine)):
            if steps and not any(map(KINDS[kind], steps)):
                continue
            ratios = compared(chosen, lbr, length, kind)
            verdicts.append(Verdict(f"{what}, geometric mean, {kind}", mean(ratios), limit, WHY.get(engine, "")))
    for precision in dict.fromkeys(each.precision for each in found if each.precision):
        ratios = [each.of_before for each in of(found, precision, NOW) if each.of_before is not None]
        text = f"{engine} in {precision}: what {NOW} writes without a precision / what was written before, anywhere"
        verdicts.append(Verdict(text, max(ratios, default=None), LIMITS["usual"]))
    return verdicts
