"""Tables that fit a terminal: no word is broken, and where columns would have to break one, each row is a block.

site                       became   remark                main#11:/gru/GRU_output_0
main#11:/gru/GRU_output_0  unroll   the length is 8         became  unroll
remark  the length is 8
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rich.console import Console

    from gru_lower.cli.terminal import Terminal

BETWEEN = 2
"""Columns of the terminal between two of a table."""


def show_table(
    terminal: Terminal, names: Sequence[str], rows: Sequence[Sequence[str | Text]], *, right: Collection[str] = ()
) -> None:
    """Print rows as a table, or as blocks where the terminal is too narrow for their longest words.

    Args:
        terminal: Where to.
        names: The columns' heads; a column in which nothing stands is left out.
        rows: What stands in each column.
        right: The columns whose cells stand at the right.

    """
    if _show_plain(terminal.out, names, rows, right):
        return
    cells = [[Text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    used = [number for number in range(len(names)) if any(row[number].plain for row in cells)]
    columns = [[Text(names[number]), *(row[number] for row in cells)] for number in used]
    if sum(map(_longest_word, columns)) + BETWEEN * (len(columns) - 1) > terminal.out.width:
        _show_blocks(terminal, [names[number] for number in used], [[row[number] for number in used] for row in cells])
        return
    table = Table(title=None, show_edge=False, pad_edge=False, box=None, header_style="bold")
    for number, width in zip(used, _widths(columns, terminal.out.width), strict=True):
        table.add_column(names[number], width=width, justify="right" if names[number] in right else "left")
    for row in cells:
        table.add_row(*(row[number] for number in used))
    _print(terminal.out, table)


def show_items(terminal: Terminal, items: Sequence[str | Text], between: str, head: str = "") -> None:
    """Print a row of items, which goes on in the next line where it has to, and never within an item.

    Args:
        terminal: Where to.
        items: What is printed; one that has no room in a line by itself is broken where it has spaces.
        between: What stands between two.
        head: What the row begins with.

    """
    line = Text(head)
    for number, item in enumerate(items):
        ended = Text.assemble(item, between.rstrip() if number < len(items) - 1 else "")
        space = between[len(between.rstrip()) :] if number else ""
        if number and line.cell_len + len(space) + ended.cell_len > terminal.out.width:
            terminal.out.print(line)
            line = ended
        else:
            line.append(space)
            line.append_text(ended)
    terminal.out.print(line)


def _show_plain(
    console: Console, names: Sequence[str], rows: Sequence[Sequence[str | Text]], right: Collection[str]
) -> bool:
    """Print rows that fit as they are: rich takes a quarter of a millisecond for each; return whether they did."""
    texts = [[cell for cell in row if isinstance(cell, str) and cell.isprintable()] for row in rows]
    if any(len(text) < len(names) for text in texts):
        return False
    used = [number for number in range(len(names)) if any(text[number] for text in texts)]
    table = [[line[number] for number in used] for line in (names, *texts)]
    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
    if sum(widths) + BETWEEN * (len(used) - 1) > console.width:
        return False
    lines = []
    for line in table:
        spaces = (" " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True))
        padded = (
            space + cell if head in right else cell + space
            for head, cell, space in zip(table[0], line, spaces, strict=True)
        )
        lines.append((" " * BETWEEN).join(padded).rstrip())
    console.out(lines[0], style="bold")
    if len(lines) > 1:
        console.out("\n".join(lines[1:]))
    return True


def _show_blocks(terminal: Terminal, names: Sequence[str], rows: Sequence[Sequence[Text]]) -> None:
    for first, *others in rows:
        terminal.show(first)
        block = Table.grid(padding=(0, BETWEEN, 0, 0))
        for name, cell in zip(names[1:], others, strict=True):
            if cell.plain:
                block.add_row(f"  {name}", cell)
        _print(terminal.out, block)


def _print(console: Console, table: Table) -> None:
    """Print a table without the spaces at the ends of its lines."""
    for segments in console.render_lines(table, pad=False):
        line = Text.assemble(*((segment.text, segment.style or "") for segment in segments))
        line.rstrip()
        console.print(line, soft_wrap=True)


def _widths(columns: Sequence[Sequence[Text]], room: int) -> list[int]:
    """Return how wide each column is: as it is, or the widest ones narrowed until all fit the room."""
    least = [_longest_word(column) for column in columns]
    widths = [max(cell.cell_len for cell in column) for column in columns]
    room -= BETWEEN * (len(columns) - 1)
    while sum(widths) > room:
        widest = max(
            (number for number in range(len(widths)) if widths[number] > least[number]), key=widths.__getitem__
        )
        widths[widest] -= 1
    return widths


def _longest_word(cells: Sequence[Text]) -> int:
    return max((cell_len(word) for cell in cells for word in cell.plain.split()), default=0)
