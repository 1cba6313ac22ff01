"""Results as pictures, PNG and SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.tables import TITLES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from benchmarks.fusing import Pair
    from benchmarks.measure import Record

PLOTS = (("lowering-batch", "auto, by hidden size and batch"), ("lowering-contenders", "Ways to write a GRU, batch 1"))
MARKERS = "osD^v<>P"
SHOWN = ("auto", "loop", "unroll", "editor", "inside", "naive_loop", "floor")


def draw(records: Sequence[Record], folder: Path) -> list[tuple[str, str]]:
    """Draw every plot into a folder; return each one's file, without its suffix, and title."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams.update({"svg.hashsalt": "gru-lower", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3})
    batch = [record for record in records if record.series == "batch"]
    for (file, title), fill in zip(PLOTS, (_by_batch, _by_contender), strict=True):
        _save(batch, folder / file, title, fill)
    return list(PLOTS)


def fusing(spelled: Sequence[Pair], nodes: Sequence[tuple[int, float, float]], folder: Path) -> list[tuple[str, str]]:
    """Draw what fusing gains, and what the pass takes by nodes; return the file, without its suffix, and its title."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams.update({"svg.hashsalt": "gru-lower", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3})
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    cases = list(dict.fromkeys(str(pair.case) for pair in spelled))
    for marker, name in zip(MARKERS, dict.fromkeys(pair.name for pair in spelled), strict=False):
        found = [(cases.index(str(pair.case)), pair.gain.median) for pair in spelled if pair.name == name]
        left.plot(*zip(*found, strict=True), marker=marker, markersize=5, linestyle="", label=name.replace("_", " "))
    left.axhline(1, color="black", linewidth=1)
    left.set(ylabel="before / after, CPU time", title="spelled cells", ylim=(0, None))
    left.set_xticks(range(len(cases)), [case.replace(" lbr=1", "").replace(" ", "\n") for case in cases], fontsize=7)
    left.legend(fontsize=8)
    counts, seconds, megabytes = zip(*nodes, strict=True)
    right.plot(counts, seconds, marker="o", label="load, fuse and save, s")
    right.plot(counts, [value / 100 for value in megabytes], marker="s", label="memory, 100 MB")
    right.set(xlabel="nodes of unrolled cells", title="the pass", xlim=(0, None), ylim=(0, None))
    right.legend(fontsize=8)
    file = folder / "fusing"
    figure.savefig(file.with_suffix(".png"), dpi=120, metadata={"Software": None})
    figure.savefig(file.with_suffix(".svg"), metadata={"Date": None})
    plt.close(figure)
    return [("fusing", "What fusing gains, and what it takes")]


def _save(records: Sequence[Record], file: Path, title: str, fill: Callable[[Any, Sequence[Record]], None]) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
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
    figure.savefig(file.with_suffix(".png"), dpi=120, metadata={"Software": None})
    figure.savefig(file.with_suffix(".svg"), metadata={"Date": None})
    plt.close(figure)


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
