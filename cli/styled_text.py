"""Text in which parts have a style, how wide it is, and how it is broken into lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WORD = re.compile(r"\s*\S+\s*")
CONTROL: dict[int, str | int | None] = dict.fromkeys((7, 8, 11, 12, 13))
"""Characters that would move the cursor, or ring."""
BRIGHTNESS = ("bold", "dim")
NARROW: dict[int, str | int | None] = dict.fromkeys(map(ord, "→–✓✗×µ…"), " ")
"""What is written here, is not in ASCII and is one column wide."""


class Styled:
    """A text, with styles such as ``"bold red"`` for parts of it.

    Args:
        text: The first part.
        style: Its style.

    Attributes:
        parts: Each part and its style.

    """

    def __init__(self, text: str = "", style: str = "") -> None:
        """Begin with a part."""
        self.parts: list[tuple[str, str]] = []
        self.append(text, style)

    def append(self, text: str | Styled, style: str = "") -> None:
        """Add a part, or all those of another text."""
        if isinstance(text, Styled):
            self.parts += text.parts
        elif text:
            self.parts.append((text.translate(CONTROL).expandtabs(8), style))

    def __add__(self, other: Styled) -> Styled:
        """Return both, one behind the other."""
        both = Styled()
        both.append(self)
        both.append(other)
        return both

    @property
    def plain(self) -> str:
        """The text alone."""
        return "".join(text for text, _ in self.parts)

    @property
    def width(self) -> int:
        """How many columns of a terminal it takes, where it is one line."""
        return width_of(self.plain)

    def between(self, first: int, end: int) -> Styled:
        """Return the part between two places, in characters, without the spaces at its end."""
        end = first + len(self.plain[first:end].rstrip())
        found, place = Styled(), 0
        for text, style in self.parts:
            part = text[max(first - place, 0) : max(end - place, 0)]
            if part:
                found.parts.append((part, style))
            place += len(text)
        return found

    def lines(self, width: int | None = None) -> Iterator[Styled]:
        """Yield its lines, none wider than that where spaces allow it."""
        place = 0
        for line in self.plain.split("\n"):
            first = used = 0
            for word in WORD.finditer(line) if width is not None and width_of(line) > width else ():
                if used and used + width_of(word[0].rstrip()) > (width or 0):
                    yield self.between(place + first, place + word.start())
                    first, used = word.start(), 0
                used += width_of(word[0])
            yield self.between(place + first, place + len(line))
            place += len(line) + 1

    def escaped(self) -> str:
        """Return it as a terminal with colours takes it."""
        import click

        shown = []
        for text, style in self.parts:
            words = style.split()
            colour = next((word for word in words if word not in BRIGHTNESS), None)
            brightness = {word: True for word in words if word in BRIGHTNESS}
            shown.append(click.style(text, fg=colour, **brightness) if words else text)
        return "".join(shown)


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii() or text.translate(NARROW).isascii():
        return len(text)
    from rich.cells import cell_len  # for names in other scripts

    return cell_len(text)
