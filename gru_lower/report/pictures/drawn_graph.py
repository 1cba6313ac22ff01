"""Nodes of a graph as the JSON that a picture is drawn from: operators, names, types and shapes, and no weights.

Of a graph with very many nodes the first and the last ones stay; one entry stands for those between.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from onnx import TensorProto

from gru_lower.graph.scopes import ONNX_DOMAINS, captures, is_onnx, subgraphs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from onnx import NodeProto

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope
    from gru_lower.graph.tensor_types import Dims

FIRST_NODES, LAST_NODES = 110, 30
"""How many nodes of a graph are drawn where it has more."""
DEEPEST = 4
"""How many bodies inside each other are drawn."""
MOST_VALUES = 24
"""How many values of one node are named."""


class GraphDrawer:
    """Turns nodes of one model into JSON.

    Args:
        facts: What is known of the model's values.

    """

    def __init__(self, facts: Facts) -> None:
        """Find the bodies inside each scope."""
        self._facts = facts
        self._bodies: dict[str, list[Scope]] = defaultdict(list)
        for scope in facts.scopes:
            if scope.parent is not None:
                self._bodies[scope.parent.path].append(scope)
        self._places: dict[str, dict[int, list[Scope]]] = {}

    def graph(
        self, scope: Scope, indices: Sequence[int], inputs: Iterable[str], outputs: Sequence[str], depth: int = 0
    ) -> dict[str, Any]:
        """Return the JSON of some nodes of a scope.

        Args:
            scope: The scope.
            indices: Which nodes, in order.
            inputs: The values that come from outside.
            outputs: The values that something outside reads.
            depth: How many bodies it lies in.

        """
        drawn = [index for index in indices if not is_onnx(scope.nodes[index], "Constant")]
        cut = len(drawn) > FIRST_NODES + LAST_NODES
        kept = [*drawn[:FIRST_NODES], *drawn[-LAST_NODES:]] if cut else drawn
        entries = [self._node(scope, index, depth) for index in kept]
        if cut:
            between = [scope.nodes[index] for index in drawn[FIRST_NODES:-LAST_NODES]]
            entries.insert(FIRST_NODES, _summary(between, entries, outputs))
        used = dict.fromkeys(name for entry in entries for name in (*entry["inputs"], *entry["outputs"]) if name)
        used |= dict.fromkeys(outputs)
        types = {name: kind for name in used if (kind := self._type_of(scope, name))}
        return {
            "inputs": [name for name in dict.fromkeys(inputs) if name in used][:MOST_VALUES],
            "outputs": list(outputs)[:MOST_VALUES],
            "nodes": entries,
            "types": types,
            "nodes_in_all": len(drawn) + sum(entry["nodes_inside"] for entry in entries),
        }

    def _node(self, scope: Scope, index: int, depth: int) -> dict[str, Any]:
        node = scope.nodes[index]
        inputs = [name for name in node.input if name and self._facts.constant(scope, name) is None]
        constants = [name for name in node.input if name and self._facts.constant(scope, name) is not None]
        bodies: list[dict[str, Any]] = []
        for (name, graph), inside in zip(subgraphs(node), self._scopes_in(scope, index), strict=False):
            seen = [each for each in dict.fromkeys(captures(graph)) if self._facts.constant(scope, each) is None]
            inputs += [each for each in seen if each not in inputs]
            if depth < DEEPEST:
                values = [*inside.inputs, *seen]
                drawn = self.graph(inside, range(len(inside.nodes)), values, inside.outputs, depth + 1)
                bodies.append({"name": name, "graph": drawn})
        return {
            "op": node.op_type if node.domain in ONNX_DOMAINS else f"{node.domain}::{node.op_type}",
            "name": node.name,
            "inputs": inputs[:MOST_VALUES],
            "outputs": list(node.output)[:MOST_VALUES],
            "constants": [{"name": each, "type": self._type_of(scope, each)} for each in constants[:MOST_VALUES]],
            "bodies": bodies,
            "nodes_inside": sum(each["graph"]["nodes_in_all"] for each in bodies),
        }

    def _scopes_in(self, scope: Scope, index: int) -> list[Scope]:
        """Return the scopes of a node's bodies."""
        places = self._places.get(scope.path)
        if places is None:
            left = iter(self._bodies[scope.path])
            places = self._places[scope.path] = {
                place: [inside for _, inside in zip(subgraphs(node), left, strict=False)]
                for place, node in enumerate(scope.nodes)
                if node.attribute and next(subgraphs(node), None) is not None
            }
        return places.get(index, [])

    def _type_of(self, scope: Scope, name: str) -> str:
        tensor = self._facts.constant(scope, name)
        if tensor is not None:
            return spelled_type(tensor.data_type, tuple(tensor.dims))
        return spelled_type(self._facts.elem_type(scope, name), self._facts.shape(scope, name))


def _summary(left_out: Sequence[NodeProto], kept: Sequence[dict[str, Any]], outputs: Sequence[str]) -> dict[str, Any]:
    """Return the entry that stands for nodes that are not drawn."""
    made = {name for node in left_out for name in node.output if name}
    others = {name for entry in kept for name in entry["outputs"] if name}
    wanted = dict.fromkeys(name for entry in kept for name in entry["inputs"])
    read = dict.fromkeys(name for node in left_out for name in node.input if name in others)
    return {
        "op": "",
        "name": "",
        "inputs": list(read)[:MOST_VALUES],
        "outputs": [name for name in dict.fromkeys((*wanted, *outputs)) if name in made][:MOST_VALUES],
        "constants": [],
        "bodies": [],
        "nodes_inside": 0,
        "left_out": dict(Counter(node.op_type for node in left_out).most_common()),
    }


def spelled_type(elem_type: int, dims: Dims | None) -> str:
    """Return an element type and dims as text: ``float32 [T, 24, 64]``."""
    known = elem_type and elem_type in TensorProto.DataType.values()
    name = TensorProto.DataType.Name(elem_type).lower() if known else ""
    name = {"float": "float32", "double": "float64"}.get(name, name)
    shape = "" if dims is None else f"[{', '.join(_spelled_dim(dim) for dim in dims)}]"
    return f"{name} {shape}".strip()


def _spelled_dim(dim: int | str | None) -> str:
    """Return a dim as text; one that only shape inference has a symbol for is unknown."""
    return "?" if dim is None or str(dim).startswith("unk__") else str(dim)
