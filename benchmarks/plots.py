"""What all plots share: matplotlib without a display, one style, files that do not depend on the date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

MARKERS = "osD^v<>P"


def pyplot() -> Any:  # noqa: ANN401 - matplotlib need not be installed
    """Return matplotlib.pyplot, set up."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams.update({"svg.hashsalt": "gru-lower", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3})
    import matplotlib.pyplot as plt

    return plt


def save(figure: Any, file: Path) -> None:  # noqa: ANN401
    """Write a figure as PNG and SVG, and close it.

    Args:
        figure: The figure.
        file: Where, without a suffix.

    """
    figure.savefig(file.with_suffix(".png"), dpi=120, metadata={"Software": None})
    figure.savefig(file.with_suffix(".svg"), metadata={"Date": None})
    pyplot().close(figure)
