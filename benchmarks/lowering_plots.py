"""The plots of ``python -m benchmarks lowering``, as PNG and SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.lowering_page import TITLES
from benchmarks.plots import MARKERS, pyplot, save

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from benchmarks.measure import Record

PLOTS = (("lowering-batch", "auto, by hidden size and batch"), ("lowering-contenders", "Ways to write a GRU, batch 1"))
SHOWN = ("auto", "loop", "unroll", "editor", "inside", "naive_loop", "floor")


def draw(records: Sequence[Record], folder: Path) -> list[tuple[str, str]]:
    """Draw every plot into a folder; return each one's file, without its suffix, and title."""
    batch = [record for record in records if record.series == "batch"]
    for (file, title), fill in zip(PLOTS, (_by_batch, _by_contender), strict=True):
        _draw(batch, folder / file, title, fill)
    return list(PLOTS)


def _draw(records: Sequence[Record], file: Path, title: str, fill: Callable[[Any, Sequence[Record]], None]) -> None:
    figure, axes = pyplot().subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
    for lbr, axis in enumerate(axes):
        fill(axis, [record for record in records if record.case.lbr == lbr])
        sizes = sorted({record.case.H for record in records})
        axis.set(xscale="log", yscale="log", xlabel="hidden size", title=f"linear_before_reset = {lbr}")
        axis.set_xticks(sizes, [str(size) for size in sizes])
        ticks = (0.5, 1, 2, 4, 8, 16, 32)
        axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
        axis.axhline(1, color="black", linewidth=1)
    axes[0].set_ylabel("CPU time, times the native kernel's")
    axes[1].legend(fontsize=8)
    figure.suptitle(f"{title}, T = 50", fontsize=10)
    save(figure, file)


def _by_batch(axis: Any, records: Sequence[Record]) -> None:  # noqa: ANN401 - matplotlib need not be installed
    for marker, B in zip(MARKERS, sorted({record.case.B for record in records}), strict=False):
        _line(axis, [record for record in records if record.case.B == B], "auto", f"B = {B}", marker)


def _by_contender(axis: Any, records: Sequence[Record]) -> None:  # noqa: ANN401
    for marker, name in zip(MARKERS, SHOWN, strict=False):
        _line(axis, [record for record in records if record.case.B == 1], name, TITLES[name].strip("`"), marker)


def _line(axis: Any, records: Sequence[Record], name: str, label: str, marker: str) -> None:  # noqa: ANN401
    points = sorted(
        (record.case.H, ratio.median, ratio.q1, ratio.q3)
        for record in records
        if (ratio := record.ratio(name)) is not None
    )
    if points:
        hidden, median, q1, q3 = zip(*points, strict=True)
        (line,) = axis.plot(hidden, median, marker=marker, markersize=4, linewidth=1.2, label=label)
        axis.fill_between(hidden, q1, q3, color=line.get_color(), alpha=0.2, linewidth=0)
