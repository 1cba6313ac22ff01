"""How a command ends: at once when it is done, and where a signal asks for it as after Ctrl-C."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
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


def end_at_once(code: int) -> NoReturn:
    """End this process without taking down every module that it has loaded, which takes a tenth of `import onnx`.

    What was registered for the end is called, as ever. Where threads are left, or stdout and stderr do not take what
    was written to them, the interpreter ends it, as it would have.

    Args:
        code: The exit code.

    """
    if threading.active_count() == 1:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError):
            sys.exit(code)
        atexit._run_exitfuncs()  # noqa: SLF001 - all that the end of an interpreter does for others
        os._exit(code)
    sys.exit(code)


def _raise(number: int, _frame: object) -> NoReturn:
    for each in ASKED:
        signal.signal(each, signal.SIG_IGN)  # the cleaning up is not interrupted
    raise Terminated(number)
