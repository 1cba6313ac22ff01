"""Which nodes only view a value otherwise - Reshape, Transpose, Squeeze, Gather of an axis of length 1 - and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from gru_lower.errors import FOREIGN_FAILURES
from gru_lower.graph.element_order import ElementOrder, order_of
from gru_lower.graph.scopes import is_onnx
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import NodeProto

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope

RESHAPES = ("Reshape", "Flatten", "Identity")


@dataclass(frozen=True)
class View:
    """A value that has another one's elements.

    Attributes:
        root: The other value, which is no view itself.
        order: How they stand here.
        nodes: How many nodes lead from the root to it.
        beside: Whether one of them belongs to what replaced a GRU.

    """

    root: str
    order: ElementOrder
    nodes: int
    beside: bool


class ViewReader:
    """Reads the views of one scope.

    Args:
        scope: The scope.
        facts: What is known of its values.
        written: The values that what replaced GRUs makes.

    """

    def __init__(self, scope: Scope, facts: Facts, written: frozenset[str]) -> None:
        """Keep the parts."""
        self._scope, self._facts, self._written = scope, facts, written
        self.views: dict[str, View] = {}

    def read(self) -> Iterator[tuple[int, NodeProto, View]]:
        """Yield every node that makes a view, in order, with its place."""
        for index, node in enumerate(self._scope.nodes):
            if not is_onnx(node) or not node.input or len(node.output) != 1 or not self._scope.defines(node.input[0]):
                continue
            try:
                view = self._view(node)
            except FOREIGN_FAILURES:  # axes beyond the rank, or twice: no view
                continue
            if view is not None:
                self.views[node.output[0]] = view
                yield index, node, view

    def _view(self, node: NodeProto) -> View | None:
        before = self.views.get(node.input[0])
        if before is None:
            dims = self._facts.shape(self._scope, node.input[0])
            if dims is None:
                return None
            before = View(node.input[0], order_of(dims), 0, beside=node.input[0] in self._written)
        beside = before.beside or node.output[0] in self._written
        if node.op_type in ("Gather", "Slice"):
            picked = self._pick(node, before, beside=beside)
            if picked is not None:
                return picked
        order = self._order(node, before.order)
        return None if order is None else View(before.root, order, before.nodes + 1, beside)

    def _order(self, node: NodeProto, order: ElementOrder) -> ElementOrder | None:
        rank, op = len(order.axes), node.op_type
        if op in RESHAPES:
            dims = self._facts.shape(self._scope, node.output[0])
            return order if op == "Identity" else None if dims is None else order.reshape(dims)
        if op == "Transpose":
            perm = self._attribute(node, "perm")
            return order.transpose(perm if isinstance(perm, list) else range(rank)[::-1])
        if op in ("Squeeze", "Unsqueeze"):
            axes = self._axes(node)
            if axes is None:
                return None
            if op == "Unsqueeze":
                return order.unsqueeze(axes)
            return None if any(order.axes[axis] for axis in axes) else order.squeeze(axes)
        return self._entry(node, order)

    def _entry(self, node: NodeProto, order: ElementOrder) -> ElementOrder | None:
        """Return the order of a Gather or Slice that reads all there is of an axis of length 1."""
        read = self._read_entry(node, len(order.axes))
        if read is None or order.axes[read[0]] or read[1] not in (0, -1):
            return None
        return order if read[2] else order.squeeze([read[0]])

    def _pick(self, node: NodeProto, before: View, *, beside: bool) -> View | None:
        """Return the view of one piece of a Concat of equal pieces that a Gather or Slice reads."""
        read = self._read_entry(node, len(before.order.axes))
        if read is None:
            return None
        axis, entry, keeps = read
        place = next(
            (p for p, atoms in enumerate(before.order.source) if before.order.axes[axis][:1] == atoms[:1]), None
        )
        pieces = [] if place is None else self._pieces(before.root, place)
        picked = before.order.pick_first_of(axis, len(pieces)) if pieces else None
        if picked is None or not -len(pieces) <= entry < len(pieces):
            return None
        order = picked[1] if keeps else picked[1].squeeze([axis])
        piece = pieces[entry]
        known = self.views.get(piece)
        if known is None:
            return View(piece, order, 1, beside)
        # The piece is a view itself: read on from its root where its shape can be had from there.
        dims = self._facts.shape(self._scope, node.output[0])
        through = known.order.reshape(dims) if dims is not None and order.is_unchanged else None
        return View(piece, order, 1, beside) if through is None else View(known.root, through, known.nodes + 1, beside)

    def _pieces(self, name: str, axis: int) -> list[str]:
        """Return the equal pieces that a value is joined of along an axis, by one Concat or a tree of them."""
        node = self._producer(name)
        if node is None or node.op_type != "Concat":
            return []
        shapes = [self._facts.shape(self._scope, each) for each in node.input]
        rank = len(shapes[0] or ())
        joined = self._attribute(node, "axis")
        if not rank or not isinstance(joined, int) or joined % rank != axis:
            return []
        leaves = [leaf for each in node.input for leaf in self._pieces(each, axis) or [each]]
        lengths = {None if (dims := self._facts.shape(self._scope, leaf)) is None else dims[axis] for leaf in leaves}
        return leaves if len(lengths) == 1 and lengths != {None} else []

    def _producer(self, name: str) -> NodeProto | None:
        index = self._scope.producers.get(name)
        return None if index is None else self._scope.nodes[index]

    def _read_entry(self, node: NodeProto, rank: int) -> tuple[int, int, bool] | None:
        """Return the axis, the one entry that a Gather or Slice reads of it, and whether the axis stays."""
        if node.op_type == "Gather":
            index = self._facts.array(self._scope, node.input[1])
            axis = self._attribute(node, "axis")
            if index is None or index.size != 1 or index.ndim > 1:
                return None
            return (axis if isinstance(axis, int) else 0) % rank, int(index.reshape(-1)[0]), index.ndim == 1
        if node.op_type != "Slice" or len(node.input) < 4:  # before opset 10 and without axes: left as it is
            return None
        given = [self._facts.array(self._scope, name) if name else np.ones(1, np.int64) for name in node.input[1:]]
        if any(each is None or each.size != 1 for each in given):
            return None
        start, end, axis, *step = (int(each.reshape(-1)[0]) for each in given if each is not None)
        ends_after = end == start + 1 or (start == -1 and end >= 2**31 - 1)
        return (axis % rank, start, True) if ends_after and step in ([], [1]) and (start, end) != (-1, 0) else None

    def _axes(self, node: NodeProto) -> list[int] | None:
        if len(node.input) > 1:
            axes = self._facts.array(self._scope, node.input[1])
            return None if axes is None else [int(axis) for axis in axes.reshape(-1)]
        found = self._attribute(node, "axes")
        return found if isinstance(found, list) else None

    def _attribute(self, node: NodeProto, name: str) -> list[int] | int | None:
        for attribute in node.attribute:
            if attribute.name == name and not attribute.ref_attr_name:
                value = helper.get_attribute_value(attribute)
                return list(value) if isinstance(value, (list, tuple)) else int(value)
        return None
