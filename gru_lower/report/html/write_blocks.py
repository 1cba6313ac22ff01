"""What a report says as HTML, block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower.report.html.charts import bars, lines
from gru_lower.report.html.escaping import text
from gru_lower.report.html.layout import Layouts, NoLayoutError, TooDenseError
from gru_lower.report.html.mathml import mathml
from gru_lower.report.html.operator_kinds import KINDS
from gru_lower.report.html.picture import picture
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

    from gru_lower.report.sections.blocks import Block, Line, Piece

MOST_POINTS = 20
"""How many points of a curve stand in the table beside it."""
CARDS = 3
"""Tables of more columns become cards where there is no room."""


class BlockWriter:
    """Writes blocks as HTML.

    Attributes:
        without_pictures: What is to be installed for pictures, where there are none for want of it.
        picture_size: How many characters of what was written are pictures.

    """

    def __init__(self) -> None:
        """Begin to write."""
        self.without_pictures = ""
        self.picture_size = 0
        self.anchors: set[str] = set()
        self._layouts = Layouts()

    def write(self, blocks: Sequence[Block]) -> str:
        """Return blocks as HTML."""
        return "\n".join(self._block(block) for block in blocks)

    def _block(self, block: Block) -> str:
        match block:
            case Paragraph():
                return f"<p>{line(block.line)}</p>"
            case Items():
                return f"<ul>{''.join(f'<li>{line(each)}</li>' for each in block.lines)}</ul>"
            case Table():
                return _table(block)
            case Equations():
                told = "".join(_equation(each) for each in block.lines)
                return f'<div class="equations" role="group" aria-label="Equations" tabindex="0">{told}</div>'
            case Picture():
                return self._picture(block.graph, block.title)
            case Bars() | Lines():
                return _chart(block)
            case Folded():
                key = next((piece.to for piece in block.summary if isinstance(piece, Link)), "")
                anchor = f' id="{text(key)}"' if key and key not in self.anchors else ""
                self.anchors.add(key)
                plain = "".join(text(piece if isinstance(piece, str) else piece.text) for piece in block.summary)
                return f"<details{anchor}><summary>{plain}</summary>{self.write(block.blocks)}</details>"
            case Prose():
                return _prose(block.text)
            case Filters():
                return _filters(block)

    def _picture(self, graph: dict[str, Any], title: str) -> str:
        if self.without_pictures:
            return _nodes(graph, title)
        try:
            svg, folded = picture(graph, title, self._layouts)
        except NoLayoutError as error:
            self.without_pictures = str(error)
            return _nodes(graph, title)
        except TooDenseError:
            return f"<p>Its edges are too many for a picture.</p>{_nodes(graph, title)}"
        self.picture_size += len(svg.encode())
        drawn = f'<div class="picture" role="group" aria-label="{text(title)}" tabindex="0">{svg}</div>'
        inner = "".join(
            f"<details><summary>{text(name)}</summary>{self._picture(body, f'{title}: {name}')}</details>"
            for name, body in folded
        )
        return drawn + inner


def line(pieces: Line) -> str:
    """Return a line of text as HTML."""
    return "".join(_piece(piece) for piece in pieces)


def _piece(piece: Piece) -> str:
    match piece:
        case Code():
            return f"<code>{text(piece.text)}</code>" if piece.text else ""
        case Strong():
            return f"<strong>{text(piece.text)}</strong>"
        case Badge():
            return f'<span class="badge {piece.tone}">{text(piece.text)}</span>'
        case Link():
            to = piece.to if "/" in piece.to or piece.to.endswith(".html") else f"#{piece.to}"
            return f'<a href="{text(to)}">{text(piece.text)}</a>'
        case _:
            return text(piece)


def _table(block: Table) -> str:
    head = "".join(f'<th scope="col"{_right(each, block)}>{text(each)}</th>' for each in block.head)
    rows: list[str] = []
    for place, row in enumerate(block.rows):
        cells = [f'<th scope="row" data-head="{text(block.head[0])}">{line(row[0])}</th>']
        for name, cell in zip(block.head[1:], row[1:], strict=True):
            cells.append(f'<td data-head="{text(name)}"{_right(name, block)}>{line(cell)}</td>')
        keys = f' data-keys="{text(" ".join(block.keys[place]))}"' if block.keys else ""
        rows.append(f"<tr{keys}>{''.join(cells)}</tr>")
    cards = " cards" if len(block.head) > CARDS else ""
    return (
        f'<div class="scroll{cards}" role="group" aria-label="{text(block.caption)}" tabindex="0"><table>'
        f"<caption>{text(block.caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _right(name: str, block: Table) -> str:
    return ' class="right"' if name in block.right else ""


def _equation(spelled: str) -> str:
    return f"<p>{text(spelled[2:])}:</p>" if spelled.startswith("# ") else mathml(spelled)


def _chart(block: Bars | Lines) -> str:
    labels = list(block.labels) if isinstance(block, Bars) else [number(each) for each in block.x]
    drawn = bars(block) if isinstance(block, Bars) else lines(block)
    if not drawn:
        return ""
    every = -(-len(labels) // MOST_POINTS) if isinstance(block, Lines) else 1
    rows: list[Sequence[Line]] = [
        [(labels[place],), *((number(series[place]),) for series in block.series.values())]
        for place in range(0, len(labels), every)
    ]
    first = "what" if isinstance(block, Bars) else block.x_name
    numbers = _table(Table(block.title, (first, *block.series), rows, tuple(block.series)))
    keys = ""
    if len(block.series) > 1:
        keys = "".join(f'<span class="key series-{at}">{text(name)}</span>' for at, name in enumerate(block.series))
        keys = f'<p class="legend">{keys}</p>'
    return (
        f"<figure><figcaption>{text(block.title)}</figcaption>{keys}{drawn}"
        f"<details><summary>Its numbers</summary>{numbers}</details></figure>"
    )


def _nodes(graph: dict[str, Any], title: str) -> str:
    """Return a graph as a table: what is shown where nothing can lay it out."""
    rows: list[Sequence[Line]] = []
    for node in graph["nodes"]:
        left_out = sum(node.get("left_out", {}).values())
        reads = [*node["inputs"], *(each["name"] for each in node["constants"])]
        made = [f"{name} {graph['types'].get(name, '')}".strip() for name in node["outputs"] if name]
        name: Piece = f"… {left_out:,} nodes more" if left_out else Code(node["op"])
        rows.append([(name,), (", ".join(reads)[:200],), (", ".join(made)[:200],)])
    return _table(Table(title, ("operator", "reads", "makes"), rows))


def legend() -> str:
    """Return what the colours mean."""
    keys = "".join(f'<span class="key kind-{kind}">{text(name)}</span>' for kind, (name, _) in KINDS.items())
    return f'<p class="legend">{keys}</p>'


def _prose(page: str) -> str:
    """Return a page of documentation as HTML; links to pages of codes stay inside, others are text."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(page)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
        for inner in token.children or ():
            if inner.type == "image":
                inner.type, inner.tag = "text", ""
        if token.children:
            token.children = [*_without_links(token.children)]
    rendered: str = reader.renderer.render(tokens, reader.options, {})
    scrolled = rendered.replace("<pre>", '<pre tabindex="0">')
    return f'<div class="prose">{scrolled}</div>'


def _without_links(children: Sequence[Any]) -> Iterator[Any]:
    return (each for each in children if each.type not in ("link_open", "link_close"))


def _filters(block: Filters) -> str:
    boxes: list[str] = []
    for name, values in block.choices.items():
        options = "".join(f'<option value="{text(each)}">{text(each)}</option>' for each in values)
        chosen = f'<select data-filter="{text(name)}"><option value="">all</option>{options}</select>'
        boxes.append(f"<label>{text(name)} {chosen}</label>")
    return f'<form class="filters">{"".join(boxes)}<output aria-live="polite"></output></form>'
