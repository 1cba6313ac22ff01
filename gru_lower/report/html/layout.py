"""Where the nodes and edges of a picture go: Graphviz's dot, run in this process by pygraphviz.

It is given sizes and numbers alone: no name of a model's gets there.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

INCH = 72.0
EXTRA = 'pip install "gru-lower[report]"'
"""What brings pygraphviz."""

Point = tuple[float, float]


LONGEST_EDGES = 5_000
"""How many rows the edges of one picture may span together: beyond, dot takes seconds, and nobody sees through it."""
LONGEST_ON_PAGE = 15_000
"""The same for all pictures of a page."""


class NoLayoutError(Exception):
    """pygraphviz is not there, or does not load."""


class TooDenseError(Exception):
    """The edges are too many, and too long, to be laid out."""


@dataclass(frozen=True)
class Edge:
    """An edge to lay out.

    Attributes:
        tail: The number of the node it leaves.
        head: The number of the node it leads to.

    """

    tail: int
    head: int


@dataclass(frozen=True)
class Layout:
    """Where everything is, in pixels from the upper left corner.

    Attributes:
        width: Of all of it.
        height: Of all of it.
        nodes: The centre of each node.
        edges: The control points of each edge: a start, then three for each piece.

    """

    width: float
    height: float
    nodes: list[Point]
    edges: list[list[Point]]


class Layouts:
    """Lays out the pictures of one page, as far as their edges together are not too long."""

    def __init__(self) -> None:
        """Begin a page."""
        self._left = LONGEST_ON_PAGE

    def lay_out(self, sizes: Sequence[tuple[float, float]], edges: Sequence[Edge]) -> Layout:
        """Lay out a graph, from top to bottom.

        Args:
            sizes: Width and height of each node; edges lead from earlier nodes to later ones.
            edges: The edges.

        Raises:
            NoLayoutError: pygraphviz is not installed.
            TooDenseError: Its edges are too long, or those of the page are.

        """
        spanned = _rows_spanned(len(sizes), edges)
        if spanned > min(LONGEST_EDGES, self._left):
            raise TooDenseError
        self._left -= spanned
        return _laid_out(sizes, edges)


def _rows_spanned(count: int, edges: Sequence[Edge]) -> int:
    """Return how many rows all edges span together, each node in the first row below what it reads."""
    rows = [0] * count
    for edge in sorted(edges, key=lambda each: each.head):
        rows[edge.head] = max(rows[edge.head], rows[edge.tail] + 1)
    return sum(rows[edge.head] - rows[edge.tail] for edge in edges)


def _laid_out(sizes: Sequence[tuple[float, float]], edges: Sequence[Edge]) -> Layout:
    try:
        pygraphviz = importlib.import_module("pygraphviz")
    except ImportError as error:
        raise NoLayoutError(EXTRA) from error
    graph: Any = pygraphviz.AGraph(
        directed=True, strict=False, nodesep="0.2", ranksep="0.25", nslimit="2", nslimit1="2"
    )
    for number, (width, height) in enumerate(sizes):
        graph.add_node(
            str(number),
            shape="box",
            fixedsize="true",
            label="",
            width=f"{width / INCH:.3f}",
            height=f"{height / INCH:.3f}",
        )
    for number, edge in enumerate(edges):
        graph.add_edge(str(edge.tail), str(edge.head), key=str(number))
    graph.layout("dot")
    return _read(graph, len(sizes), edges)


def _read(graph: Any, count: int, edges: Sequence[Edge]) -> Layout:  # noqa: ANN401 - an AGraph
    _, _, width, height = (float(each) for each in graph.graph_attr["bb"].split(","))

    def point(spelled: str) -> Point:
        x, y = spelled.split(",")[-2:]
        return float(x), height - float(y)

    nodes = [point(graph.get_node(str(number)).attr["pos"]) for number in range(count)]
    curves: list[list[Point]] = []
    for number, edge in enumerate(edges):
        attributes = graph.get_edge(str(edge.tail), str(edge.head), key=str(number)).attr
        words = (attributes["pos"] or "").split()
        ends = [point(word) for word in words if word.startswith("e,")]
        curve = [point(word) for word in words if not word.startswith(("e,", "s,"))]
        curves.append([*curve, *([ends[0]] * 3 if ends else [])])
    return Layout(width, height, nodes, curves)
