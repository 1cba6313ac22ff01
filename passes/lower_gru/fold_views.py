"""Fold away what stands next to a GRU and only views it otherwise, once it is lowered.

The Unsqueeze that makes Y_h and the model's Squeeze or Gather behind it, the Transposes around a batch-first layer: a
chain of such nodes that touches what replaced a GRU becomes one node or none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import GraphProto, NodeProto, helper, numpy_helper

from gru_lower.graph import splice
from gru_lower.graph.facts import Facts
from gru_lower.graph.names import Names
from gru_lower.graph.scopes import subgraphs, walk
from gru_lower.passes.lower_gru.read_views import View, ViewReader

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from onnx import TensorProto

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope

RESHAPE_INPUT = 5
"""The opset from which Reshape takes its shape as an input."""


def fold_views(model: Model, written: Collection[str], told: Mapping[tuple[str, str], int]) -> None:
    """Fold chains of views that touch what replaced GRUs.

    Args:
        model: Edited in place.
        written: The values that what replaced them makes.
        told: Batches that X leaves open and another input of the GRU is a number in, by scope and symbol. A Reshape
            says the number: with -1, OpenVINO 2026.4 does not know the rank of a Squeeze behind it.

    """
    facts, names = Facts(model), Names(model.proto)
    edits: list[splice.Edit] = []
    for scope in walk(model.proto):
        if isinstance(scope.proto, GraphProto) and scope.opset >= RESHAPE_INPUT and not scope.annotations:
            here = {symbol: size for (path, symbol), size in told.items() if path == scope.path}
            edits += _Folder(scope, facts, names, here).fold(ViewReader(scope, facts, frozenset(written)))
    splice.apply(model, edits)


class _Folder:
    """Folds the views of one scope."""

    def __init__(self, scope: Scope, facts: Facts, names: Names, told: Mapping[str, int]) -> None:
        self._scope, self._facts, self._names, self._told = scope, facts, names, told
        self._renamed: dict[str, str] = {}

    def fold(self, reader: ViewReader) -> list[splice.Edit]:
        """Return the edits; names are replaced in the nodes that stay."""
        edits = []
        for index, node, view in list(reader.read()):
            edit = self._edit(index, node, view) if view.beside else None
            edits += [] if edit is None else [edit]
        if self._renamed:
            removed = {index for edit in edits for index in edit.removed}
            kept = [node for index, node in enumerate(self._scope.nodes) if index not in removed]
            self._rename([*kept, *(node for edit in edits for node in edit.nodes)])
        return edits

    def _edit(self, index: int, node: NodeProto, view: View) -> splice.Edit | None:
        name = node.output[0]
        if view.order.has_same_shape and view.root != name and self._takes_name(view.root, name):
            return splice.Edit(self._scope, [index], [])
        if view.nodes < 2:
            return None
        fresh, constants = self._one_node(node, view)
        return None if fresh is None else splice.Edit(self._scope, [index], [fresh], constants)

    def _takes_name(self, root: str, name: str) -> bool:
        """Let one of two names stand for both; return whether that can be."""
        if name not in self._scope.outputs:
            self._renamed[name] = root
            return True
        free = root in self._scope.producers and root not in self._scope.outputs and root not in self._renamed.values()
        if free and root not in self._renamed:
            self._renamed[root] = name
            return True
        return False

    def _one_node(self, node: NodeProto, view: View) -> tuple[NodeProto | None, list[TensorProto]]:
        """Return the node that makes a view of its root alone, and its constants."""
        output = node.output[0]
        if view.order.is_unchanged:
            shape = self._facts.shape(self._scope, output)
            dims = None if shape is None else [self._told.get(str(dim), dim) for dim in shape]
            unknown = [dim for dim in dims or () if not isinstance(dim, int)]
            if dims is None or len(unknown) > 1 or (unknown and 0 in dims) or view.root == node.input[0]:
                return None, []
            to = np.array([dim if isinstance(dim, int) else -1 for dim in dims], np.int64)
            tensor = numpy_helper.from_array(to, self._names.value(f"{output}/shape"))
            return helper.make_node("Reshape", [view.root, tensor.name], [output], node.name), [tensor]
        perm = view.order.permutation()
        if perm is None:
            return None, []
        return helper.make_node("Transpose", [view.root], [output], node.name, perm=perm), []

    def _rename(self, nodes: Iterable[NodeProto]) -> None:
        for node in nodes:
            for place, name in enumerate(node.input):
                node.input[place] = self._name(name)
            for place, name in enumerate(node.output):
                node.output[place] = self._name(name)
            for _, body in subgraphs(node):
                self._rename(body.node)
                for value in body.output:
                    value.name = self._name(value.name)

    def _name(self, name: str) -> str:
        while name in self._renamed:
            name = self._renamed[name]
        return name
