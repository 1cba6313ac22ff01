"""How much memory a process of gru-lower's own may take: what was asked for, or what fits the models at hand."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from gru_lower.isolation.memory_limit import default_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LEAST = 4 << 30
TIMES_THE_MODEL = 5

_MOST: ContextVar[int | None] = ContextVar("most_memory", default=None)
_ASKED: ContextVar[int | None] = ContextVar("memory", default=None)
_MODELS: ContextVar[tuple[Callable[[], int], ...]] = ContextVar("models", default=())


@contextmanager
def asked_memory(limit: int | None) -> Iterator[None]:
    """Hold processes that are started inside to a limit in bytes, ``None`` for none of its own."""
    if limit is None:
        yield
        return
    token = _ASKED.set(limit)
    try:
        yield
    finally:
        _ASKED.reset(token)


@contextmanager
def at_most(limit: int | None) -> Iterator[None]:
    """Hold processes that are started inside to a limit in bytes, unless another is asked for; ``None`` for none."""
    token = _MOST.set(limit)
    try:
        yield
    finally:
        _MOST.reset(token)


def note_model(size: Callable[[], int]) -> None:
    """Enter a model that was read: what tells its size in bytes, its external data included. Two are kept."""
    _MODELS.set((*_MODELS.get()[-1:], size))


def chosen_memory() -> int:
    """Return the bytes of data that a process may hold; 0 for no limit.

    By default 4 GB, or five times the larger of the models read last if that is more, but no more than 80 % of what the
    machine or the container has.
    """
    asked = _ASKED.get()
    if asked is not None:
        return asked
    most = _MOST.get() or default_memory()
    wanted = max(LEAST, TIMES_THE_MODEL * max((size() for size in _MODELS.get()), default=0))
    return min(most, wanted) if most else wanted
