"""Whether this process does a single thing and ends: then nothing is cleared up for a next one."""

from __future__ import annotations

from contextvars import ContextVar

_ENDS_SOON: ContextVar[bool] = ContextVar("ends_soon", default=False)


def say_it_ends_soon() -> None:
    """Enter that this process does a single thing and ends."""
    _ENDS_SOON.set(True)


def ends_soon() -> bool:
    """Whether it does."""
    return _ENDS_SOON.get()
