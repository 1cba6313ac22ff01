"""Figures of the benchmarks, drawn of their JSON: of each list of measurements a panel for each quantity."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SIZES = ("H", "B", "T", "lbr", "direction", "frames", "nodes")
"""What a case is called by where it has no name."""
NO_QUANTITIES = frozenset({*SIZES, "seconds", "limit", "rounds", "left", "grus", "geometric_mean"})
MOST_NAMED = 40
"""Rows up to which each has its name beside it; more are drawn in the order of their size."""
PANELS = 4


class Figure(NamedTuple):
    """One list of measurements.

    Attributes:
        key: What the list is called in the file.
        names: What each row is called.
        panels: By quantity: for each row low, middle and high, or ``None``.
        limits: For each row what is to be reached, or ``None``.

    """

    key: str
    names: list[str]
    panels: dict[str, list[tuple[float, float, float] | None]]
    limits: list[float | None]


def pages(staged: Mapping[str, str], folder: Path) -> Iterator[tuple[str, str]]:
    """Yield figures as SVG, the JSON they are of, and the pages with them, whether these are there or not.

    Args:
        staged: The pages so far.
        folder: Where the JSON is, docs/benchmarks of the repository.

    """
    for file in sorted(folder.glob("*.json")):
        text = file.read_text(encoding="utf-8")
        page = f"docs/benchmarks/{file.stem}.md"
        parts = [
            staged.get(page, f"# Benchmark: {file.stem}\n"),
            f"\n## Figures\n\nDrawn of [{file.name}]({file.name}).\n",
        ]
        yield f"docs/benchmarks/{file.name}", text
        for figure in figures(json.loads(text)):
            name = f"{file.stem}-of-{figure.key}.svg"
            yield f"docs/benchmarks/{name}", _drawn(figure)
            many = "" if len(figure.names) <= MOST_NAMED else f", {len(figure.names)} cases by size"
            parts.append(f"\n![{figure.key.replace('_', ' ')}{many}]({name})\n")
        yield page, "".join(parts)


def figures(data: Mapping[str, Any]) -> Iterator[Figure]:
    """Yield what can be drawn of a benchmark's JSON."""
    for key, rows in data.items():
        if not (isinstance(rows, list) and rows and isinstance(rows[0], dict)):
            continue
        found = [dict(_quantities(row)) for row in rows]
        names = list(dict.fromkeys(name for row in found for name in row))[:PANELS]
        if names:
            panels = {name: [row.get(name) for row in found] for name in names}
            yield Figure(key, [_name(row) for row in rows], panels, [row.get("limit") for row in rows])


def _name(row: Mapping[str, Any]) -> str:
    case = row.get("case", row)
    sizes = ", ".join(f"{size} = {case[size]}" for size in SIZES if size in case)
    return str(row.get("name") or row.get("text") or "") + (f" {sizes}" if sizes and "text" not in row else "")


def _quantities(row: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Yield what was measured, ratios with their quartiles, numbers alone."""
    for key, value in row.items():
        name = f"{before} {key}".strip().replace("_", " ")
        if key in NO_QUANTITIES or key == "case":
            continue
        if isinstance(value, dict) and value.keys() >= {"median", "q1", "q3"}:
            yield name, (value["q1"], value["median"], value["q3"])
        elif isinstance(value, dict) and key != "cases":
            yield from _quantities(value, name)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield name, (value, value, value)


def _drawn(figure: Figure) -> str:
    """Return a figure as SVG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure as Drawing

    mpl.rcParams.update({"svg.hashsalt": "gru-lower", "font.size": 9})
    named = len(figure.names) <= MOST_NAMED
    height = 0.9 + (0.24 * len(figure.names) if named else 2.5)
    drawing = Drawing(figsize=(11, height), layout="constrained")
    axes = drawing.subplots(1, len(figure.panels), sharey=named, squeeze=False)[0]
    for axis, (quantity, values) in zip(axes, figure.panels.items(), strict=True):
        rows = [(row, value) for row, value in enumerate(values) if value is not None]
        if not named:
            rows = list(enumerate(sorted((value for _, value in rows), key=lambda each: each[1])))
        for row, (low, _, high) in rows:
            axis.plot([low, high], [row, row], color="tab:blue", linewidth=3, alpha=0.35)
        axis.plot([value[1] for _, value in rows], [row for row, _ in rows], "o", color="tab:blue", markersize=4)
        if named and quantity == next(iter(figure.panels)):
            reached = [(limit, row) for row, limit in enumerate(figure.limits) if limit is not None]
            axis.plot([limit for limit, _ in reached], [row for _, row in reached], "|", color="tab:red", markersize=12)
        middle = [value[1] for _, value in rows if value[1] > 0]
        axis.set(title=quantity, xscale="log" if middle and max(middle) > 30 * min(middle) else "linear")
        axis.grid(axis="x", alpha=0.3)
        axis.tick_params(axis="y", length=0, labelleft=named and axis is axes[0])
        axis.invert_yaxis() if not named or axis is axes[0] else None
    if named:
        axes[0].set_yticks(range(len(figure.names)), figure.names)
    kept = io.StringIO()
    drawing.savefig(kept, format="svg", metadata={"Date": None})
    return kept.getvalue()
