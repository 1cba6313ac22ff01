"""What a command is at: a line that moves, and with -v what ran and how long it took."""

from __future__ import annotations

import platform
import time
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from gru_lower.cli.terminal import is_watched
from gru_lower.version import tool_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gru_lower.cli.terminal import Terminal


@contextmanager
def progress_bar(terminal: Terminal) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar on stderr while it takes long, if a person is watching; with -v, say on what it runs and how long.

    With -vv each step is said as it begins, with the seconds since the start.

    Args:
        terminal: Where to show it.

    Yields:
        What is to be called with ``(what, done, total)``.

    """
    started = time.monotonic()
    if terminal.verbose:
        terminal.detail(1, f"gru-lower {tool_version()}, {_versions()}")

    def say(what: str, done: int, total: int) -> None:
        count = f" {done} of {total}" if done else ""
        terminal.detail(2, f"{time.monotonic() - started:8.2f} s  {what}{count}")

    if not terminal.for_person or not is_watched(terminal):
        yield say
    else:
        from gru_lower.cli.live_bar import live_bar  # only where somebody watches

        with live_bar(terminal) as show:

            def step(what: str, done: int, total: int) -> None:
                show(what, done, total)
                say(what, done, total)

            yield step
    terminal.detail(1, f"took {time.monotonic() - started:.2f} s")


def _versions() -> str:
    parts = []
    for name in ("onnx", "onnxruntime", "numpy"):
        try:
            parts.append(f"{name} {version(name)}")
        except PackageNotFoundError:  # a build under another name, such as onnxruntime-gpu
            parts.append(f"{name} of unknown version")
    return f"{', '.join(parts)}, Python {platform.python_version()} on {platform.system()}"
