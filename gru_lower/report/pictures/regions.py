"""Each GRU of a model before and after: the nodes that compute its outputs, down to values that both models have."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import node_uses
from gru_lower.light_dataclass import dataclass
from gru_lower.report.pictures.drawn_graph import GraphDrawer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope

MOST_PICTURES = 12
"""How many GRUs are drawn that are not alike."""
MOST_LOOKED_AT = 60
"""How many GRUs are looked at for pictures."""


@dataclass(frozen=True)
class PicturedSite:
    """A GRU to draw.

    Attributes:
        site: Its id.
        scope: The path of its scope.
        outputs: The names of its outputs.

    """

    site: str
    scope: str
    outputs: tuple[str, ...]


def pictures(before: Model, after: Model, sites: Sequence[PicturedSite]) -> list[dict[str, Any]]:
    """Return the ``pictures`` of a report: for each GRU the nodes that were there, and those that are.

    Args:
        before: The model as it was.
        after: The model as it is.
        sites: Its GRUs.

    """
    old, new = _Side(before), _Side(after)
    found: list[dict[str, Any]] = []
    seen: dict[str, str] = {}
    for site in sites[:MOST_LOOKED_AT]:
        graphs = {"before": old.region(site, new), "after": new.region(site, old)}
        if graphs["before"] is None and graphs["after"] is None:
            continue
        if graphs["before"] == graphs["after"]:
            graphs["after"] = None
        shape = _shape_of(graphs)
        if shape in seen:
            found.append({"site": site.site, "like": seen[shape]})
        elif len(seen) < MOST_PICTURES:
            seen[shape] = site.site
            found.append({"site": site.site, **graphs})
    return found


class _Side:
    """One of the two models."""

    def __init__(self, model: Model) -> None:
        facts = Facts(model)
        self.scopes = facts.scopes
        self._by_path = {scope.path: scope for scope in self.scopes}
        self._drawer = GraphDrawer(facts)

    def region(self, site: PicturedSite, other: _Side) -> dict[str, Any] | None:
        """Return what computes a GRU's outputs, ``None`` where nothing does under their names."""
        scope = self.home(site)
        if scope is None:
            return None
        twin = other.home(site)
        outputs = [name for name in site.outputs if name in scope.producers]
        stops = set(scope.inputs) | set(scope.initializers)
        if twin is not None:
            stops |= twin.producers.keys() | set(twin.inputs) | set(twin.initializers)
        indices = _slice(scope, outputs, stops - set(outputs))
        made = {name for index in indices for name in scope.nodes[index].output}
        inputs = [name for index in indices for name in node_uses(scope.nodes[index]) if name not in made]
        return self._drawer.graph(scope, indices, inputs, outputs)

    def home(self, site: PicturedSite) -> Scope | None:
        """Return the scope that computes a GRU's outputs."""
        named = self._by_path.get(site.scope)
        for scope in [named] if named is not None else []:
            if any(name in scope.producers for name in site.outputs):
                return scope
        return next((each for each in self.scopes if any(name in each.producers for name in site.outputs)), None)


def _slice(scope: Scope, outputs: Iterable[str], stops: set[str]) -> list[int]:
    """Return the nodes that compute some values, down to values at which to stop, in order."""
    found: set[int] = set()
    left = [scope.producers[name] for name in outputs]
    while left:
        index = left.pop()
        if index in found:
            continue
        found.add(index)
        uses = (name for name in node_uses(scope.nodes[index]) if name not in stops)
        left += [scope.producers[name] for name in uses if name in scope.producers]
    return sorted(found)


def _shape_of(graphs: dict[str, Any]) -> str:
    """Return what two GRUs have in common that are drawn alike: all but the names."""
    return json.dumps({key: _nameless(graph) for key, graph in graphs.items()})


def _nameless(graph: dict[str, Any] | None) -> list[Any] | None:
    if graph is None:
        return None
    numbers: dict[str, int] = {}

    def numbered(names: Sequence[str]) -> list[int]:
        return [numbers.setdefault(name, len(numbers)) for name in names]

    nodes = [
        [
            node["op"],
            numbered(node["inputs"]),
            numbered(node["outputs"]),
            [each["type"] for each in node["constants"]],
            [_nameless(each["graph"]) for each in node["bodies"]],
        ]
        for node in graph["nodes"]
    ]
    return [nodes, graph["nodes_in_all"], [graph["types"].get(name) for name in graph["outputs"]]]
