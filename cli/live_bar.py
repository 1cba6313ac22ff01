"""The line that moves on a terminal: what is done, how much of it, for how long, and how long the rest will take."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn
from rich.text import Text

from gru_lower.cli.spelled_time import spelled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Task

    from gru_lower.cli.terminal import Terminal


class Show(Protocol):
    """Shows how far something is."""

    def __call__(self, what: str, done: int, total: int, left: float | None = None) -> None:
        """Show it.

        Args:
            what: What is done; another one begins anew.
            done: Which part of it was begun, counted from 1; 0 where nothing counts.
            total: How many there are.
            left: How many seconds the rest takes; by default as long for each part as for those that are done.

        """


@contextmanager
def live_bar(terminal: Terminal) -> Iterator[Show]:
    """Show a line that moves, and take it away at the end.

    Args:
        terminal: Where to show it.

    Yields:
        What is to be called.

    """
    console = Console(file=terminal.err.stream, force_terminal=True, highlight=False, markup=False)
    with Progress(BarColumn(20), _Told(), console=console, transient=True) as bar:
        task, shown = bar.add_task("reading", total=None, left=None, begun=0.0), "reading"

        def show(what: str, done: int, total: int, left: float | None = None) -> None:
            nonlocal shown
            if what != shown and left is None:
                bar.reset(task)
            shown = what
            parts = total if done and total > 1 else None
            begun = bar.tasks[0].elapsed or 0.0
            bar.tasks[0].total = parts  # update() takes None for what it was
            bar.update(task, description=what, completed=done if parts else 0, left=left, begun=begun)

        with terminal.err.handing(lambda text: console.print(Text.from_ansi(text), soft_wrap=True)):
            yield show


class _Told(ProgressColumn):
    """What is done, how much of it, for how long, how long yet; made anew at each refresh, so that time goes on."""

    def render(self, task: Task) -> Text:
        elapsed, done, total = task.elapsed or 0.0, int(task.completed), task.total
        left: float | None = task.fields["left"]
        if left is None and total and done > 1:
            begun: float = task.fields["begun"]  # the part that is done now
            left = begun / (done - 1) * (total - done + 1) - (elapsed - begun)
        parts = [task.description if total is None else f"{task.description} {done} of {total:.0f}"]
        parts += [spelled(elapsed)] if elapsed >= 1 else []
        parts += [f"{spelled(left)} left"] if left is not None and left >= 1 else []
        return Text(", ".join(parts))
