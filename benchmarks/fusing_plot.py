"""The plot of ``python -m benchmarks fusing``, as PNG and SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.plots import MARKERS, pyplot, save

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.fusing_pairs import Pair


def draw(spelled: Sequence[Pair], nodes: Sequence[tuple[int, float, float]], folder: Path) -> list[tuple[str, str]]:
    """Draw what fusing gains, and what the pass takes by nodes; return the file, without its suffix, and its title."""
    figure, (left, right) = pyplot().subplots(1, 2, figsize=(9, 3.8), layout="constrained")
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
    save(figure, folder / "fusing")
    return [("fusing", "What fusing gains, and what it takes")]
