"""Tables that fit a terminal: no word is broken, and where columns would have to break one, each row is a block.

site                       became   remark                main#11:/gru/GRU_output_0
main#11:/gru/GRU_output_0  unroll   the length is 8         became  unroll
remark  the length is 8
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from gru_lower.cli.styled_text import Styled, width_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gru_lower.cli.printer import Printer
    from gru_lower.cli.terminal import Terminal

BETWEEN = 2
"""Columns of the terminal between two of a table."""


def show_table(
    terminal: Terminal, names: Sequence[str], rows: Sequence[Sequence[str | Styled]], *, right: Collection[str] = ()
) -> None:
    """Print rows as a table, or as blocks where the terminal is too narrow for their longest words.

    Args:
        terminal: Where to.
        names: The columns' heads; a column in which nothing stands is left out.
        rows: What stands in each column.
        right: The columns whose cells stand at the right.

    """
    cells = [[Styled(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    used = [number for number in range(len(names)) if any(row[number].plain for row in cells)]
    heads, cells = [names[number] for number in used], [[row[number] for number in used] for row in cells]
    columns = [[Styled(head), *column] for head, column in zip(heads, zip(*cells, strict=True), strict=False)]
    if sum(map(_longest_word, columns)) + BETWEEN * (len(columns) - 1) > terminal.out.width:
        _show_blocks(terminal.out, heads, cells)
        return
    widths = _widths(columns, terminal.out.width)
    at_right = [head in right for head in heads]
    lines = _laid_out([Styled(head, "bold") for head in heads], widths, at_right, low=True)
    for row in cells:
        lines += _laid_out(row, widths, at_right)
    terminal.out.print(*lines)


def show_items(terminal: Terminal, items: Sequence[str | Styled], between: str, head: str = "") -> None:
    """Print a row of items, which goes on in the next line where it has to, and never within an item.

    Args:
        terminal: Where to.
        items: What is printed; one that has no room in a line by itself is broken where it has spaces.
        between: What stands between two.
        head: What the row begins with.

    """
    line = Styled(head)
    for number, item in enumerate(items):
        ended = Styled()
        ended.append(item)
        ended.append(between.rstrip() if number < len(items) - 1 else "")
        space = between[len(between.rstrip()) :] if number else ""
        if number and line.width + len(space) + ended.width > terminal.out.width:
            terminal.out.print(line, wrap=True)
            line = ended
        else:
            line.append(space)
            line.append(ended)
    terminal.out.print(line, wrap=True)


def _laid_out(
    row: Sequence[Styled], widths: Sequence[int], right: Sequence[bool], *, low: bool = False
) -> list[Styled]:
    """Return the lines of a row, each cell broken where its column is too narrow; `low` ones end in the same line."""
    broken = [list(cell.lines(width)) for cell, width in zip(row, widths, strict=True)]
    if low:
        tallest = max(map(len, broken))
        broken = [[Styled()] * (tallest - len(cell)) + cell for cell in broken]
    lines = []
    for parts in zip_longest(*broken, fillvalue=Styled()):
        line = Styled()
        for number, (part, width, at_right) in enumerate(zip(parts, widths, right, strict=True)):
            space = " " * (width - part.width)
            line.append(" " * BETWEEN if number else "")
            line.append(space if at_right else part)
            line.append(part if at_right else space)
        lines.append(line.between(0, len(line.plain)))
    return lines


def _show_blocks(out: Printer, heads: Sequence[str], rows: Sequence[Sequence[Styled]]) -> None:
    for first, *others in rows:
        out.print(first)
        pairs = [(f"  {head}", cell) for head, cell in zip(heads[1:], others, strict=True) if cell.plain]
        widest = max((width_of(name) for name, _ in pairs), default=0)
        widths = widest, max(out.width - widest - BETWEEN, 1)
        for name, cell in pairs:
            out.print(*_laid_out((Styled(name), cell), widths, (False, False)))


def _widths(columns: Sequence[Sequence[Styled]], room: int) -> list[int]:
    """Return how wide each column is: as it is, or the widest ones narrowed until all fit the room."""
    least = [_longest_word(column) for column in columns]
    widths = [max(cell.width for cell in column) for column in columns]
    room -= BETWEEN * (len(columns) - 1)
    while sum(widths) > room:
        widest = max(
            (number for number in range(len(widths)) if widths[number] > least[number]), key=widths.__getitem__
        )
        widths[widest] -= 1
    return widths


def _longest_word(cells: Sequence[Styled]) -> int:
    return max((width_of(word) for cell in cells for word in cell.plain.split()), default=0)
