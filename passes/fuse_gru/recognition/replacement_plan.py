"""Which values of a scope a GRU's outputs can stand for, and which nodes that leaves without a use.

Values are asked for from the scope's outputs backwards. Where the value asked for is a state of a
row, or some of them stacked, it is taken from the GRU, and what made it is not asked for; what is
asked for no more is removed. A gate that is used elsewhere is asked for, and so stays, computed
from the states as the GRU gives them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gru_lower.graph.scopes import node_uses
from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT, FEATURES, FreeAxis
from gru_lower.passes.fuse_gru.recognition import loop_rows, unrolled_rows
from gru_lower.passes.fuse_gru.recognition.row import Offer, Row, states_of
from gru_lower.passes.fuse_gru.tensors.tensor import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.recognition.row_inputs import Source


@dataclass
class Plan:
    """What becomes of a scope.

    Attributes:
        served: The values that come from GRUs: what each stretch of their features is.
        aliases: Values that are others under a new name.
        rows: The rows that are asked for.
        removed: The nodes nobody asks for any more.
        live: The nodes that are asked for.

    """

    served: dict[str, tuple[Offer, ...]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    rows: set[int] = field(default_factory=set)
    removed: set[int] = field(default_factory=set)
    live: set[int] = field(default_factory=set)


class Planner:
    """Decides what the rows of a scope serve.

    Args:
        interpreter: The scope, interpreted.
        rows: The rows found in it.
        sources: What each row needs, ``None`` for one that is not to be used.

    """

    def __init__(self, interpreter: Interpreter, rows: list[Row], sources: Sequence[Source | None]) -> None:
        """Collect what the rows have to offer."""
        self.interpreter, self.rows, self.sources = interpreter, rows, sources
        states = states_of(interpreter.algebra, rows)
        self.states = {
            poly: place for poly, place in states.items() if rows[place[0]].carrier is None and sources[place[0]]
        }
        self.from_loops = {
            poly: offer
            for poly, offer in loop_rows.offers(interpreter, rows, states).items()
            if sources[offer.row] is not None
        }
        self.aliases = {
            state.outer: state.initial
            for number, row in enumerate(rows)
            if row.carrier is not None and sources[number] is not None
            for state in row.carrier.states
            if state.kind == "invariant" and state.outer and state.initial
        }

    def plan(self) -> Plan:
        """Go through the scope from its outputs."""
        scope = self.interpreter.scope
        result = Plan()
        pending, seen = list(scope.outputs), set[str]()
        while pending:
            name = pending.pop()
            index = scope.producers.get(name)
            if name in seen or index is None:
                continue
            seen.add(name)
            if name in self.aliases:
                result.aliases[name] = self.aliases[name]
                pending.append(self.aliases[name])
                continue
            served = self._served(name)
            if served is None:
                result.live.add(index)
                pending += [use for use in node_uses(scope.nodes[index]) if use not in seen]
                continue
            result.served[name] = served
            for offer in served:
                pending += self._asked(offer.row, result.rows)
        before = live(self.interpreter, scope.outputs)
        result.removed = self._with_dead_users(before - result.live, before, result)
        return result

    def _asked(self, number: int, rows: set[int]) -> list[str]:
        """Note that a row is asked for, and the rows it reads; return the values these read."""
        wanted: list[str] = []
        pending = [number]
        while pending:
            row = pending.pop()
            source = self.sources[row]
            if row in rows or source is None:
                continue
            rows.add(row)
            wanted += source.names
            pending += source.rows
        return wanted

    def _served(self, name: str) -> tuple[Offer, ...] | None:
        known = self.interpreter.values.get(name)
        if not isinstance(known, Value) or not _plain(known):
            return None
        found = []
        for _, poly in known.pieces:
            offer = self.from_loops.get(poly) or unrolled_rows.offers(self.interpreter.algebra, self.states, poly)
            offer = offer or loop_rows.turned(self.interpreter.algebra, self.from_loops, self.rows, poly)
            if offer is None or not self._all_steps(known, offer):
                return None
            found.append(offer)
        return tuple(found) if len({offer.stacked for offer in found}) == 1 else None

    def _all_steps(self, value: Value, offer: Offer) -> bool:
        """Whether what stands for all states of a row is not only the first of them, which reads the same."""
        if not offer.stacked or offer.times is not None:
            return True
        axis = next((axis for axis, kind in enumerate(value.axes) if kind == (0,)), None)
        return axis is not None and value.dims[axis] == self.rows[offer.row].steps

    def _with_dead_users(self, removed: set[int], before: set[int], plan: Plan) -> set[int]:
        """Add the nodes that were dead already and read what goes."""
        scope = self.interpreter.scope
        kept = plan.served.keys() | plan.aliases.keys()
        gone = {name for index in removed for name in scope.nodes[index].output} - kept
        removed = set(removed)
        for index, node in enumerate(scope.nodes):
            if index not in before and any(name in gone for name in node_uses(node)):
                removed.add(index)
                gone.update(node.output)
        return removed


def _plain(value: Value) -> bool:
    return FEATURES in value.axes and all(
        axis is FEATURES or (axis is CONSTANT and dim == 1) or isinstance(axis, FreeAxis)
        for axis, dim in zip(value.axes, value.dims, strict=True)
    )


def live(interpreter: Interpreter, wanted: Iterable[str]) -> set[int]:
    """Return the nodes that values hang on."""
    scope = interpreter.scope
    found: set[int] = set()
    pending = list(wanted)
    while pending:
        index = scope.producers.get(pending.pop())
        if index is not None and index not in found:
            found.add(index)
            pending += node_uses(scope.nodes[index])
    return found
