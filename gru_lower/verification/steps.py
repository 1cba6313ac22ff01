"""What a verification is at: what is called with each step, in numbers or as a line."""

from __future__ import annotations

from collections.abc import Callable

Steps = Callable[[str, int, int], None]
"""Called with ``(what, done, total)``: the step that begins, counted from 1; ``(what, 0, 0)`` where nothing counts."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Say nothing."""


def in_lines(progress: Callable[[str], None] | None) -> Steps:
    """Return steps that are said as one line each.

    Args:
        progress: Called with the lines; ``None`` says nothing.

    """
    if progress is None:
        return silent
    return lambda what, done, total: progress(f"{what} {done} of {total}" if total else what)
