"""Which values of a scope a GRU's outputs can stand for, and which nodes that leaves without a use.

Values are asked for from the scope's outputs backwards. Where the value asked for is a state of a
row, or some of them stacked, it is taken from the GRU, and what made it is not asked for; what is
asked for no more is removed. A gate that is used elsewhere is asked for, and so stays, computed
from the states as the GRU gives them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from gru_lower.graph.scopes import node_uses
from gru_lower.passes.fuse.algebra import Stack
from gru_lower.passes.fuse.values import F, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gru_lower.passes.fuse.algebra import Poly
    from gru_lower.passes.fuse.inputs import Source
    from gru_lower.passes.fuse.interpret import Interpreter, Known
    from gru_lower.passes.fuse.unrolled import Row


class Served(NamedTuple):
    """What stands for a value: a state of a row, or several along a first axis.

    Attributes:
        row: Which row.
        times: The times of the states.
        stacked: Whether there is an axis for them.

    """

    row: int
    times: tuple[int, ...]
    stacked: bool


@dataclass
class Plan:
    """What becomes of a scope.

    Attributes:
        served: The values that come from GRUs.
        rows: The rows that are asked for.
        removed: The nodes nobody asks for any more.

    """

    served: dict[str, Served] = field(default_factory=dict)
    rows: set[int] = field(default_factory=set)
    removed: set[int] = field(default_factory=set)


def plan(interpreter: Interpreter, rows: Sequence[Row], sources: Sequence[Source | None]) -> Plan:
    """Decide what the rows serve.

    Args:
        interpreter: The scope, interpreted.
        rows: The rows found in it.
        sources: What each row needs, ``None`` for one that cannot be written.

    """
    scope = interpreter.scope
    states: dict[Poly, tuple[int, int]] = {}
    for number, row in enumerate(rows):
        if sources[number] is None:
            continue
        for poly, time in row.index().items():
            states[poly] = number, time
            whole = interpreter.algebra.whole.get(poly)
            if whole is not None:
                states[whole] = number, time
    result = Plan()
    live: set[int] = set()
    pending, seen = list(scope.outputs), set[str]()
    while pending:
        name = pending.pop()
        index = scope.producers.get(name)
        if name in seen or index is None:
            continue
        seen.add(name)
        served = _served(interpreter, interpreter.values.get(name), states)
        if served is None:
            live.add(index)
            pending += [use for use in node_uses(scope.nodes[index]) if use not in seen]
            continue
        result.served[name] = served
        pending += _asked(served.row, sources, result.rows)
    before = _live(interpreter, scope.outputs)
    result.removed = _with_dead_users(interpreter, before - live, live, before, result.served)
    return result


def _asked(number: int, sources: Sequence[Source | None], rows: set[int]) -> list[str]:
    """Note that a row is asked for, and the rows it reads; return the values these read."""
    wanted: list[str] = []
    pending = [number]
    while pending:
        row = pending.pop()
        source = sources[row]
        if row in rows or source is None:
            continue
        rows.add(row)
        wanted += source.names
        pending += source.rows
    return wanted


def _served(interpreter: Interpreter, known: Known, states: dict[Poly, tuple[int, int]]) -> Served | None:
    if not isinstance(known, Value) or known.poly is None or not _plain(known):
        return None
    found = states.get(known.poly)
    if found is not None:
        return Served(found[0], (found[1],), stacked=False)
    atom = None if known.poly.atom is None else interpreter.algebra.atoms[known.poly.atom]
    if not isinstance(atom, Stack):
        return None
    parts = [states.get(part) for part in atom.parts]
    numbers = {part[0] if part is not None else None for part in parts}
    if len(numbers) != 1 or None in numbers:
        return None
    number = numbers.pop()
    assert number is not None
    return Served(number, tuple(part[1] for part in parts if part is not None), stacked=True)


def _plain(value: Value) -> bool:
    return all(
        axis == F or (axis == () and dim == 1) or (len(axis) == 1 and isinstance(axis[0], int))
        for axis, dim in zip(value.axes, value.dims, strict=True)
    )


def _live(interpreter: Interpreter, wanted: Iterable[str]) -> set[int]:
    scope = interpreter.scope
    live: set[int] = set()
    pending = list(wanted)
    while pending:
        index = scope.producers.get(pending.pop())
        if index is not None and index not in live:
            live.add(index)
            pending += node_uses(scope.nodes[index])
    return live


def _with_dead_users(
    interpreter: Interpreter, removed: set[int], live: set[int], before: set[int], served: dict[str, Served]
) -> set[int]:
    """Add the nodes that were dead already and read what goes."""
    scope = interpreter.scope
    gone = {name for index in removed for name in scope.nodes[index].output} - served.keys()
    removed = set(removed)
    for index, node in enumerate(scope.nodes):
        if index not in live and index not in before and any(name in gone for name in node_uses(node)):
            removed.add(index)
            gone.update(node.output)
    # A state that only dead nodes read has a maker that was dead as well: it goes with the rest of its cell.
    return removed
