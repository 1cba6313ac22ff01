"""A graph as SVG: a box for each node in its operator's colour, bodies of Loop and Scan inside it, values on edges."""

from __future__ import annotations

from dataclasses import field
from math import hypot
from typing import TYPE_CHECKING, Any

from gru_lower.light_dataclass import dataclass
from gru_lower.report.html.escaping import text
from gru_lower.report.html.layout import Edge
from gru_lower.report.html.operator_kinds import kind_of
from gru_lower.report.sections.blocks import counted, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.report.html.layout import Layout, Layouts, Point

LARGE_BODY = 40
"""How many nodes a body has that is drawn below the picture, and not inside its node."""
CHARACTER, SMALL_CHARACTER = 7.3, 6.1
"""The widths of a character in pixels, in the fonts of 12 and 10 pixels."""
LINE, SMALL_LINE = 16.0, 13.0
PAD = 8.0
MOST_CONSTANTS = 4
LONGEST_NAME, LONGEST_TYPE = 30, 34
ARROW = 6.0
STEM = 6.0
"""How long an edge is before and behind the names of what it carries."""


@dataclass
class Drawing:
    """A picture.

    Attributes:
        width: In pixels.
        height: In pixels.
        svg: What is inside its svg element.
        folded: The bodies that were left for pictures of their own, each with a title.

    """

    width: float
    height: float
    svg: str
    folded: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@dataclass
class _Box:
    """A node as it is drawn."""

    kind: str
    lines: list[tuple[str, str]]
    title: str
    inside: list[tuple[str, Drawing]] = field(default_factory=list)
    values: list[str] = field(default_factory=list)

    @property
    def size(self) -> tuple[float, float]:
        """Its width and height, with the names of its values below it, where edges leave."""
        width, height = self.inner_size
        below = max(map(len, self.values), default=0) * SMALL_CHARACTER
        return max(width, below), height + len(self.values) * SMALL_LINE + STEM * bool(self.values)

    @property
    def inner_size(self) -> tuple[float, float]:
        width = max(
            (len(line) * (CHARACTER if style == "op" else SMALL_CHARACTER) for style, line in self.lines), default=0
        )
        height = sum(LINE if style == "op" else SMALL_LINE for style, _ in self.lines)
        for name, drawing in self.inside:
            width = max(width, drawing.width, len(name) * SMALL_CHARACTER)
            height += SMALL_LINE + drawing.height + PAD
        return width + 2 * PAD, height + PAD


def picture(graph: dict[str, Any], title: str, layouts: Layouts) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
    """Return a graph as an svg element, and the bodies that want a picture of their own.

    Args:
        graph: From :mod:`gru_lower.report.pictures.drawn_graph`.
        title: What it shows.
        layouts: Those of the page.

    Raises:
        NoLayoutError: pygraphviz is not installed.
        TooDenseError: Its edges are too many.

    """
    drawing = _draw(graph, layouts)
    width, height = drawing.width, drawing.height
    operators: dict[str, int] = {}
    for node in graph["nodes"]:
        operators[node["op"]] = operators.get(node["op"], 0) + 1
    told = ", ".join(f"{count} {operator}" for operator, count in operators.items() if operator)
    label = f"{title}: {counted(graph['nodes_in_all'], 'node')}; {told}"
    svg = (
        f'<svg role="img" aria-label="{text(label)}" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}">{drawing.svg}</svg>'
    )
    return svg, drawing.folded


def _draw(graph: dict[str, Any], layouts: Layouts) -> Drawing:
    folded: list[tuple[str, dict[str, Any]]] = []
    types = graph["types"]
    read = {name for node in graph["nodes"] for name in node["inputs"]} | set(graph["outputs"])
    boxes = [_Box("value", [*_named(name, types)], f"input {name}") for name in graph["inputs"]]
    makers: dict[str, int] = {name: place for place, name in enumerate(graph["inputs"])}
    for node in graph["nodes"]:
        makers |= {name: len(boxes) for name in node["outputs"] if name}
        boxes.append(_box(node, types, read, folded, layouts))
    edges: list[Edge] = []
    names: list[str] = []

    def connect(name: str, head: int) -> None:
        tail = makers.get(name)
        if tail is not None and tail != head:
            edges.append(Edge(tail, head))
            names.append(name)

    first = len(graph["inputs"])
    for place, node in enumerate(graph["nodes"], first):
        for name in dict.fromkeys(node["inputs"]):
            connect(name, place)
    for name in graph["outputs"]:
        if name in makers:
            boxes.append(_Box("value", [*_named(name, types)], f"output {name}"))
            connect(name, len(boxes) - 1)
    if not boxes:
        boxes.append(_Box("value", [("small", "nothing")], "nothing"))
    layout = layouts.lay_out([box.size for box in boxes], edges)
    parts = [*_edges(layout, names, types), *(_drawn(box, layout.nodes[at]) for at, box in enumerate(boxes))]
    return Drawing(layout.width + 2, layout.height + 2, "".join(parts), folded)


def _box(
    node: dict[str, Any],
    types: dict[str, str],
    read: set[str],
    folded: list[tuple[str, dict[str, Any]]],
    layouts: Layouts,
) -> _Box:
    if "left_out" in node:
        count = sum(node["left_out"].values())
        told = ", ".join(f"{number} {operator}" for operator, number in [*node["left_out"].items()][:6])
        return _Box("left-out", [("op", f"… {counted(count, 'node')} more"), ("small", shortened(told, 60))], told)
    lines = [("op", shortened(node["op"], 40))]
    named = [(_short(each["name"]), shortened(each["type"], LONGEST_TYPE)) for each in node["constants"]]
    lines += [("small", f"{name} {kind}".strip()) for name, kind in named[:MOST_CONSTANTS]]
    if len(node["constants"]) > MOST_CONSTANTS:
        lines.append(("small", f"and {counted(len(node['constants']) - MOST_CONSTANTS, 'constant')} more"))
    made = [f"{name} {types.get(name, '')}".strip() for name in node["outputs"] if name]
    values = [
        f"{_short(name)} {shortened(types.get(name, ''), LONGEST_TYPE)}".strip()
        for name in node["outputs"]
        if name in read
    ]
    box = _Box(kind_of(node["op"]), lines, f"{node['op']} {node['name']}: {', '.join(made)}", values=values)
    for body in node["bodies"]:
        inner = body["graph"]
        if inner["nodes_in_all"] > LARGE_BODY:
            box.lines.append(("small", f"{body['name']}: {counted(inner['nodes_in_all'], 'node')}, folded below"))
            folded.append((f"{shortened(body['name'], 40)} of {node['op']} {_short(node['name'])}".strip(), inner))
        else:
            drawing = _draw(inner, layouts)
            folded += drawing.folded
            box.inside.append((shortened(body["name"], 40), drawing))
    return box


def _short(name: str) -> str:
    """Return a name's end, which tells most."""
    return name if len(name) <= LONGEST_NAME else f"…{name[-(LONGEST_NAME - 1) :]}"


def _named(name: str, types: dict[str, str]) -> Iterator[tuple[str, str]]:
    yield "small", _short(name)
    if types.get(name):
        yield "small", shortened(types[name], LONGEST_TYPE)


def _edges(layout: Layout, names: list[str], types: dict[str, str]) -> Iterator[str]:
    arrows: list[str] = []
    for name, curve in zip(names, layout.edges, strict=True):
        if len(curve) < 2:
            continue
        path = " ".join(f"{x:.0f} {y:.0f}" for x, y in curve[1:])
        value = f"{name} {types.get(name, '')}".strip()
        begin = f"M{curve[0][0]:.0f} {curve[0][1]:.0f}"
        yield f'<path class="edge" d="{begin}C{path}"><title>{text(shortened(value))}</title></path>'
        arrows.append(_arrow(curve))
    if arrows:
        yield f'<path class="arrow" d="{"".join(arrows)}"/>'


def _arrow(curve: list[Point]) -> str:
    (x, y) = curve[-1]
    fx, fy = next((point for point in reversed(curve) if point != curve[-1]), (x, y - 1))
    length = hypot(x - fx, y - fy) or 1.0
    dx, dy = (x - fx) / length * ARROW, (y - fy) / length * ARROW
    return f"M{x:.0f} {y:.0f}L{x - dx - dy / 2:.0f} {y - dy + dx / 2:.0f} {x - dx + dy / 2:.0f} {y - dy - dx / 2:.0f}Z"


def _drawn(box: _Box, centre: Point) -> str:
    width, height = box.inner_size
    left, top = centre[0] - width / 2, centre[1] - box.size[1] / 2
    rounded = height / 2 if box.kind == "value" else 4
    parts = [
        f'<g class="node kind-{box.kind}"><title>{text(shortened(box.title, 300))}</title>',
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{width:.0f}" height="{height:.0f}" rx="{rounded:.0f}"/>',
    ]
    down = top + PAD / 2
    for style, line in box.lines:
        down += LINE if style == "op" else SMALL_LINE
        parts.append(_text(centre[0], down - 3, line, style))
    for name, drawing in box.inside:
        down += SMALL_LINE
        parts.append(_text(centre[0], down - 3, name, "small"))
        x = centre[0] - drawing.width / 2
        frame = f'<rect class="body" width="{drawing.width:.0f}" height="{drawing.height:.0f}"/>'
        parts.append(f'<g transform="translate({x:.0f} {down:.0f})">{frame}{drawing.svg}</g>')
        down += drawing.height + PAD
    parts.append("</g>")
    if box.values:
        bottom = centre[1] + box.size[1] / 2
        parts.append(f'<path class="edge" d="M{centre[0]:.0f} {top + height:.0f}V{bottom:.0f}"/>')
        for at, line in enumerate(box.values):
            parts.append(_text(centre[0], top + height + STEM / 2 + (at + 0.8) * SMALL_LINE, line, "value"))
    return "".join(parts)


def _text(x: float, y: float, line: str, style: str) -> str:
    return f'<text class="{style}" x="{x:.0f}" y="{y:.0f}">{text(line)}</text>'
