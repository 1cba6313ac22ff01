"""What the text of a report is made of; ``html/`` and ``markdown.py`` write it."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Literal

from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LONGEST = 160
"""How long a name is that is shown whole."""


@dataclass(frozen=True)
class Code:
    """A name out of the model, or of an option."""

    text: str


@dataclass(frozen=True)
class Strong:
    """Words that matter."""

    text: str


Tone = Literal["good", "bad", "doubt", "plain"]


@dataclass(frozen=True)
class Badge:
    """A verdict, a severity or a code in a frame."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Link:
    """A place in the report, or a page of it."""

    text: str
    to: str


Piece = str | Code | Strong | Badge | Link
Line = tuple[Piece, ...]
"""Pieces one behind the other."""


@dataclass(frozen=True)
class Paragraph:
    """A line of text."""

    line: Line


@dataclass(frozen=True)
class Items:
    """Lines one below the other."""

    lines: Sequence[Line]


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        caption: What it shows.
        head: The columns.
        rows: The cells.
        right: The columns with numbers.
        keys: What each row can be filtered by, if it can be.

    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Line]]
    right: Sequence[str] = ()
    keys: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Equations:
    """Equations, as text with subscripts; see :mod:`gru_lower.report.sections.equations`."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Picture:
    """A graph.

    Attributes:
        title: What it shows.
        graph: From :mod:`gru_lower.report.pictures.drawn_graph`.

    """

    title: str
    graph: dict[str, Any]


@dataclass(frozen=True)
class Bars:
    """Bars from 0.

    Attributes:
        title: What they show.
        labels: One a bar.
        series: By name, the lengths; one or two names.
        unit: What the numbers count.
        logarithmic: Whether the lengths are logarithms.
        kinds: The operator of each bar, where it has one; its colour follows from that.

    """

    title: str
    labels: Sequence[str]
    series: Mapping[str, Sequence[float]]
    unit: str = ""
    logarithmic: bool = False
    kinds: Sequence[str] = ()


@dataclass(frozen=True)
class Lines:
    """Curves.

    Attributes:
        title: What they show.
        x: The places of the points.
        x_name: What the places are.
        series: By name, the values; ``None`` for what is no number.
        logarithmic: Whether the values are drawn by their logarithms.
        limit: A value with a line of its own: a tolerance.

    """

    title: str
    x: Sequence[float]
    x_name: str
    series: Mapping[str, Sequence[float | None]]
    logarithmic: bool = False
    limit: float | None = None


@dataclass(frozen=True)
class Folded:
    """Blocks that are opened by whoever wants them."""

    summary: Line
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Prose:
    """A page of documentation, in Markdown."""

    text: str


@dataclass(frozen=True)
class Filters:
    """Choices that hide rows of the next table: by name, the values that there are."""

    choices: dict[str, Sequence[str]]


Block = Paragraph | Items | Table | Equations | Picture | Bars | Lines | Folded | Prose | Filters


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
        key: What links lead to.
        title: Its heading.
        blocks: What it says.

    """

    key: str
    title: str
    blocks: Sequence[Block] = field(default_factory=list)


@dataclass(frozen=True)
class ReportText:
    """All that a report says.

    Attributes:
        title: Its heading.
        verdict: The verdict in a sentence.
        tone: How good that is.
        sections: Its parts.

    """

    title: str
    verdict: Line
    tone: Tone
    sections: Sequence[Section]


def shortened(text: str, most: int = LONGEST) -> str:
    """Return a text without its middle where it is long."""
    if len(text) <= most:
        return text
    return f"{text[: most * 2 // 3]}…{text[-(most // 3 - 1) :]}"


def code(text: str) -> Code:
    """Return a name as it is shown."""
    return Code(shortened(text))


def number(value: float | None, digits: int = 3) -> str:
    """Return a number as people read it; a dash where there is none."""
    if value is None:
        return "–"
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e15):
        return f"{int(value):,}"
    return f"{value:.{digits}g}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return ``1 GRU``, ``2 GRUs``."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def listed(values: Sequence[str], most: int = 8) -> str:
    """Return some words one behind the other, and how many more there are."""
    shown = ", ".join(shortened(each, 60) for each in values[:most])
    return shown if len(values) <= most else f"{shown}, and {len(values) - most:,} more"
