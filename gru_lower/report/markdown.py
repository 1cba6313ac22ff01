"""A report as Markdown: the same facts as on the page, for a pull request or a terminal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gru_lower.report.sections.blocks import (
    Badge,
    Bars,
    Code,
    Equations,
    Filters,
    Folded,
    Items,
    Lines,
    Link,
    Paragraph,
    Picture,
    Prose,
    Strong,
    Table,
    number,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.report.sections.blocks import Block, Line, Piece, ReportText

MOST_POINTS = 24
"""How many points of a curve are written out."""
MOST_NODES = 24
"""How many nodes of a picture are written out."""
SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&@])")
MARKS = {"good": "✅ ", "bad": "❌ ", "doubt": "⚠️ ", "plain": ""}


def markdown(text: ReportText) -> str:
    """Return a report as Markdown.

    Args:
        text: What it says.

    """
    lines = [f"# {_plain(text.title)}", "", _line(text.verdict), ""]
    for section in text.sections:
        lines += [f"## {_plain(section.title)}", ""]
        for block in section.blocks:
            lines += [*_block(block), ""]
    return "\n".join(lines).rstrip() + "\n"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph():
            yield _line(block.line)
        case Items():
            yield from (f"- {_line(line)}" for line in block.lines)
        case Table():
            yield from _table(block.caption, block.head, block.rows, block.right)
        case Equations():
            yield from ("```text", *block.lines, "```")
        case Picture():
            yield from _picture(block)
        case Bars() | Lines():
            yield from _chart(block)
        case Folded():
            yield f"<details><summary>{_html(block.summary)}</summary>"
            for inner in block.blocks:
                yield ""
                yield from _block(inner)
            yield ""
            yield "</details>"
        case Prose():
            yield re.sub(r"(?m)^(#+) ", r"##\1 ", block.text)
        case Filters():
            return


def _table(caption: str, head: Sequence[str], rows: Sequence[Sequence[Line]], right: Sequence[str]) -> Iterator[str]:
    yield _bold(caption)
    yield ""
    yield f"| {' | '.join(_plain(each) for each in head)} |"
    yield f"|{'|'.join('---:' if each in right else '---' for each in head)}|"
    for row in rows:
        yield f"| {' | '.join(_line(cell) for cell in row)} |"


def _picture(block: Picture) -> Iterator[str]:
    graph = block.graph
    rows: list[list[Line]] = []
    for node in graph["nodes"][:MOST_NODES]:
        names = [_named(each, graph) for each in node["inputs"]]
        names += [f"{each['name']} {each['type']}".strip() for each in node["constants"]]
        made = [_named(each, graph) for each in node["outputs"] if each]
        inside = f" ({node['nodes_inside']} nodes inside)" if node["nodes_inside"] else ""
        left_out = sum(node.get("left_out", {}).values())
        name: Line = (f"and {left_out:,} nodes more",) if left_out else (Code(node["op"]), inside)
        rows.append([name, (", ".join(names),), (", ".join(made),)])
    left = len(graph["nodes"]) - MOST_NODES
    if left > 0:
        rows.append([(f"and {left:,} nodes more",), ("",), ("",)])
    yield from _table(block.title, ("operator", "reads", "makes"), rows, ())


def _named(name: str, graph: dict[str, object]) -> str:
    types = graph["types"]
    kind = types.get(name, "") if isinstance(types, dict) else ""
    return f"{name} {kind}".strip()


def _chart(block: Bars | Lines) -> Iterator[str]:
    labels = list(block.labels) if isinstance(block, Bars) else [number(each) for each in block.x]
    places = range(len(labels))
    if len(labels) > MOST_POINTS:
        places = range(0, len(labels), -(-len(labels) // MOST_POINTS))
    first = "" if isinstance(block, Bars) else block.x_name
    rows: list[list[Line]] = []
    for place in places:
        values = [series[place] for series in block.series.values()]
        rows.append([(labels[place],), *((number(value),) for value in values)])
    yield from _table(block.title, (first, *block.series), rows, tuple(block.series))


def _line(line: Line) -> str:
    return "".join(_piece(piece) for piece in line)


def _piece(piece: Piece) -> str:
    match piece:
        case Code():
            text = _flat(piece.text)
            fence = "``" if "`" in text else "`"
            pad = " " if "`" in text else ""
            return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|") if text else ""
        case Strong():
            return _bold(piece.text)
        case Badge():
            return f"{MARKS[piece.tone]}{_bold(piece.text)}"
        case Link():
            return _plain(piece.text)
        case _:
            return _plain(piece)


def _bold(text: str) -> str:
    """Return a text in bold, which no space may begin or end."""
    plain = _plain(text)
    inner = plain.strip()
    return plain.replace(inner, f"**{inner}**") if inner else plain


def _plain(text: str) -> str:
    """Return a text whose characters mean nothing but themselves."""
    return SPECIAL.sub(r"\\\1", _flat(text))


def _flat(text: str) -> str:
    """Return a text in one line, without what a terminal would act on."""
    return "".join(each if each.isprintable() else " " for each in text)


def _html(line: Line) -> str:
    from html import escape

    return "".join(escape(_flat(piece if isinstance(piece, str) else piece.text)) for piece in line)
