"""The plot of ``python -m benchmarks targets``, as PNG and SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.plots import MARKERS, pyplot, save
from benchmarks.target_figures import settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from benchmarks.target_figures import Figure


def draw(found: Mapping[str, Sequence[Figure]], versions: Mapping[str, str], folder: Path) -> list[tuple[str, str]]:
    """Draw what is written now of what was written before, by H; return the file, without suffix, and its title."""
    figure, axes = pyplot().subplots(
        1, len(found), figsize=(3.4 * len(found), 3.6), layout="constrained", squeeze=False
    )
    for place, (name, each) in enumerate(found.items()):
        axis = axes[0][place]
        chosen = next(iter(settings(each)), ("", ""))
        lengths = sorted({one.size.length for one in each})
        for marker, length in zip(MARKERS, lengths, strict=False):
            points = [
                (one.size.hidden, one.of_before)
                for one in each
                if (one.precision, one.written) == chosen and one.size.length == length and one.of_before is not None
            ]
            if points:
                axis.plot(*zip(*points, strict=True), marker=marker, markersize=4, linestyle="", label=f"T {length}")
        axis.axhline(1, color="black", linewidth=1)
        title = f"{name} {versions[name]}" + (f", {chosen[0]}" if chosen[0] else "")
        axis.set(xscale="log", xlabel="H", title=title, ylim=(0, None))
        axis.legend(fontsize=7)
    axes[0][0].set(ylabel="now / before, CPU time")
    save(figure, folder / "targets")
    return [("targets", "What is written now, of the time of what was written before")]
