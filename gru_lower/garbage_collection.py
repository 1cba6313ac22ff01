"""Doing without garbage collection where nothing is to be found: while objects grow in thousands, and at the end."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

OBJECTS_BETWEEN = 200_000
"""How many objects may come up before cycles are looked for; Python's own number is made for programs that stay."""


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Switch it off; what is in no cycle is freed all the same."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            if _process.ends_soon and not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()  # what came up meanwhile is old now: it is not looked through at once
            gc.enable()


@dataclass
class _Process:
    """What is known of this process.

    Attributes:
        ends_soon: Whether it does one thing and ends.

    """

    ends_soon: bool = False


_process = _Process()


def collect_seldom(*, ends_soon: bool = False) -> None:
    """Look for cycles seldom, as fits a process that does one thing and ends.

    Args:
        ends_soon: Whether cycles of what came up :func:`without_garbage_collection` may stay until then.

    """
    gc.set_threshold(OBJECTS_BETWEEN)
    _process.ends_soon = ends_soon


def end_without_collection() -> None:
    """Let the process end without looking for cycles in every module it has loaded: their memory goes with it."""
    gc.freeze()
