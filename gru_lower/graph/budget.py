"""The budget of elements, bytes and time for all that is computed from the constants of one model.

What an operator would put out is known before it is computed: a result that is beyond the budget is not made. Whoever
wanted it leaves the node alone, or refuses the model (GL017).
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from gru_lower.diagnostics import Diagnostic, diagnostic
from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOM = 1 << 29
"""How many bytes may be computed, whatever the size of the model."""
RATIO = 8
"""How many more for each byte of the model."""
SECONDS = 20.0
"""How long computing may take."""
SECONDS_IN_PROCESSES = 40.0
"""How long calls of onnx in processes of their own may take."""
MOST_ELEMENTS = 1 << 28
"""How many elements one result may have."""


class OverBudgetError(Exception):
    """A result would take more than may be computed."""


class Budget:
    """What may still be computed from the constants of one model.

    Args:
        model_bytes: Tells how large the model is, its external data included; only asked where much is computed.

    Attributes:
        exceeded: What was not computed, a line each.
        ended: What calls of onnx in a process of its own ended with, where they did not come back.
        process_seconds: How long such calls may still take, all together.

    """

    def __init__(self, model_bytes: Callable[[], int] = lambda: 0) -> None:
        """Spend nothing yet."""
        self._model_bytes: Callable[[], int] | None = model_bytes
        self._room = ROOM
        self._seconds = SECONDS
        self.exceeded: list[str] = []
        self.ended: list[str] = []
        self.process_seconds = SECONDS_IN_PROCESSES

    def spend(self, elements: int, itemsize: int = 8, what: str = "a value") -> None:
        """Take the bytes of a result, before it is made.

        Raises:
            OverBudgetError: It is too large by itself, or together with all that was computed before.

        """
        size = elements * itemsize
        if size > self._room and self._model_bytes is not None:
            self._room += RATIO * self._model_bytes()
            self._model_bytes = None
        if elements > MOST_ELEMENTS or size > self._room or self._seconds <= 0:
            self.exceeded.append(f"{what} ({elements} elements)")
            raise OverBudgetError(self.exceeded[-1])
        self._room -= size

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Take the time that is spent inside; what is begun is not interrupted."""
        start = time.monotonic()
        try:
            yield
        finally:
            self._seconds -= time.monotonic() - start


_CURRENT: ContextVar[Budget | None] = ContextVar("budget", default=None)


def begin(model_bytes: Callable[[], int]) -> Budget:
    """Begin a budget for a model that has been read: the one that :func:`current` returns from now on."""
    budget = Budget(model_bytes)
    _CURRENT.set(budget)
    return budget


@contextmanager
def of_one_call() -> Iterator[None]:
    """End what is begun inside with the call: what one model took is no other one's."""
    token = _CURRENT.set(_CURRENT.get())
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current() -> Budget:
    """Return the budget of the model at hand; for one that was not read from anywhere, a fresh one each time."""
    return _CURRENT.get() or Budget()


def over_budget(error: Exception, where: str | None = None) -> Unsupported:
    """Return the error for what cannot be done without a result that is too large."""
    return Unsupported(
        f"{error}: more than is computed from the sizes and constants of a model",
        code="GL017",
        node=where,
        hint="compute it beforehand (onnxruntime, onnxsim), or export the model smaller",
    )


def notes() -> list[Diagnostic]:
    """Return what was not computed or inferred of the model at hand, to be said in its report."""
    spent = current()
    too_large = [f"{what}: not computed beforehand" for what in dict.fromkeys(spent.exceeded)]
    unknown = [f"{what}: what the model declares is all that is known" for what in dict.fromkeys(spent.ended)]
    return [diagnostic("GL019", said) for said in (*too_large, *unknown)]
