"""Tables in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.verification.worker.timing import Spread


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, the first column to the left and the others to the right."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' + '---:|' * (len(head) - 1)}"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def figure(spread: Spread | None) -> str:
    """Return a ratio with half the distance between its quartiles."""
    return "" if spread is None else f"{spread.median:.2f} ±{(spread.q3 - spread.q1) / 2:.2f}"
