"""What prints lines on a stream: as wide as the terminal, and with colours where it shows them."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from gru_lower.cli.styled_text import Styled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WIDTH = 80
"""Of a terminal that does not say."""
WITHOUT_COLOURS = ("dumb", "unknown")


class Printer:
    """Prints on one stream.

    Args:
        stream: The stream.
        plain: Whether nothing has a colour.
        least_width: How wide lines are at least where the stream is no terminal.

    Attributes:
        stream: The stream.
        width: How many columns a line has.

    """

    def __init__(self, stream: Any, *, plain: bool, least_width: int = 0) -> None:  # noqa: ANN401 - a stream
        """Find out what the stream is."""
        self.stream = stream
        watched = _is_watched(stream)
        self._coloured = watched and not plain and os.environ.get("TERM", "").lower() not in WITHOUT_COLOURS
        self._write: Callable[[str], None] = self._echo
        self.width = _terminal_width() if watched else max(_terminal_width(), least_width)

    def print(self, *lines: str | Styled, wrap: bool = False) -> None:
        """Print lines.

        Args:
            lines: The lines.
            wrap: Whether one that is too wide goes on in the next.

        """
        shown = []
        for line in lines:
            text = Styled(line) if isinstance(line, str) else line
            broken = text.lines(self.width if wrap else None)
            shown += [each.escaped() if self._coloured else each.plain for each in broken]
        self._write("\n".join(shown))

    @contextmanager
    def handing(self, write: Callable[[str], None]) -> Iterator[None]:
        """Hand lines to something else meanwhile, which knows what moves on the terminal."""
        before, self._write = self._write, write
        try:
            yield
        finally:
            self._write = before

    def _echo(self, text: str) -> None:
        click.echo(text, file=self.stream, color=self._coloured)


def _is_watched(stream: Any) -> bool:  # noqa: ANN401 - a stream
    """Whether it ends on a terminal, or on something that shows what a terminal would, as a CI's log does."""
    compatible, forced = os.environ.get("TTY_COMPATIBLE"), os.environ.get("FORCE_COLOR")
    if compatible in ("0", "1"):
        return compatible == "1"
    return bool(forced) if forced is not None else stream.isatty()


def _terminal_width() -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdigit() and int(columns):
        return int(columns)
    for stream in (sys.__stdin__, sys.__stderr__, sys.__stdout__):
        with suppress(AttributeError, ValueError, OSError):  # none, closed, or no terminal
            return os.get_terminal_size(stream.fileno()).columns or WIDTH  # type: ignore[union-attr]
    return WIDTH
