"""Signals that ask a program to end: it cleans up as it does after Ctrl-C."""

from __future__ import annotations

import os
import signal
from typing import NoReturn

ASKED = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Terminated(BaseException):
    """A signal asked the process to end.

    Attributes:
        signal: Its number.

    """

    def __init__(self, number: int) -> None:
        """Keep the number."""
        super().__init__(number)
        self.signal = number


def raise_when_asked_to_end() -> None:
    """Raise :class:`Terminated` when the process is asked to end, unless it was started to ignore that (nohup)."""
    for each in ASKED:
        if signal.getsignal(each) == signal.SIG_DFL:
            signal.signal(each, _raise)


def end_by(number: int) -> NoReturn:
    """End the process as the signal would have, so that whoever waits for it learns of it."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    raise SystemExit(128 + number)


def _raise(number: int, _frame: object) -> NoReturn:
    for each in ASKED:
        signal.signal(each, signal.SIG_IGN)  # the cleaning up is not interrupted
    raise Terminated(number)
