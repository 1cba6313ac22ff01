"""Work that a process does before anybody needs what comes of it: a few pieces at once, in the order they came."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

AT_ONCE = 2
"""How many pieces are worked on at once: as many as a small machine has cores."""


class Begun(Generic[T]):
    """A piece of work, and what comes of it once it is done."""

    def __init__(self, work: Callable[[], T]) -> None:
        """Do nothing yet."""
        self._work = work
        self._over = threading.Event()
        self._made: list[T] = []
        self._error: Exception | None = None

    def do(self) -> None:
        """Do it; what is raised is raised for whoever wants the result."""
        try:
            self._made.append(self._work())
        except Exception as error:  # noqa: BLE001 - handed on
            self._error = error
        finally:
            self._over.set()

    def wait(self) -> None:
        """Wait until it is done."""
        self._over.wait()

    def result(self) -> T:
        """Wait for what comes of it, and return it."""
        self.wait()
        if self._error is not None:
            raise self._error
        return self._made[0]


class BegunWork(Generic[T]):
    """Threads that do what was begun; they start with the first piece."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._waiting: queue.SimpleQueue[Begun[T]] = queue.SimpleQueue()
        self._threads = 0

    def begin(self, work: Callable[[], T]) -> Begun[T]:
        """Have something done once the pieces before it are done, or under way."""
        begun = Begun(work)
        self._waiting.put(begun)
        if self._threads < AT_ONCE:
            self._threads += 1
            threading.Thread(target=self._serve, daemon=True).start()
        return begun

    def _serve(self) -> None:
        while True:
            self._waiting.get().do()
