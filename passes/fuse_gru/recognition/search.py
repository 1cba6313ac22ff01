"""What recurrences a scope has, which of them are GRUs, and why the others are not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from gru_lower.passes.fuse_gru.algebra.polynomials import TooLargeError
from gru_lower.passes.fuse_gru.recognition import (
    enclosing_loop,
    loop_rows,
    masked_rows,
    reasons,
    rematerialised_inputs,
    row_inputs,
    unread_recurrences,
    unrolled_rows,
)
from gru_lower.passes.fuse_gru.recognition.replacement_plan import Plan, Planner
from gru_lower.passes.fuse_gru.recognition.row import states_of
from gru_lower.passes.fuse_gru.writing.node_writer import CannotWriteError
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.recognition.row import Row
    from gru_lower.passes.fuse_gru.recognition.unrolled_rows import Miss


@dataclass
class Found:
    """The recurrences of a scope.

    Attributes:
        interpreter: The scope.
        rows: Those that are GRUs.
        sources: What each reads, ``None`` for one that is not fused.
        sites: What there is to say of those that are not fused.

    """

    interpreter: Interpreter
    rows: list[Row]
    sources: list[row_inputs.Source | None] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)

    def drop(self, number: int, code: str, message: str) -> None:
        """Leave a GRU as it is."""
        self.sources[number] = None
        self.sites.append(self.site(self.rows[number].home, "kept", code, message))

    def site(
        self, name: str, action: Literal["kept", "seen"], code: str | None, message: str, term: str | None = None
    ) -> Site:
        """Return the entry of a recurrence."""
        scope = self.interpreter.scope
        site = scope.site(scope.producers[name])
        return Site(site, scope.path, "", None, action, code=code, message=message, missing_term=term)

    def plan(self) -> Plan:
        """Decide what becomes of the scope; a loop that would stay is left as a whole."""
        while True:
            plan = Planner(self.interpreter, self.rows, self.sources).plan()
            stuck = [n for n in plan.rows if (c := self.rows[n].carrier) is not None and c.index in plan.live]
            held = [n for n in plan.rows if self._held_states_stay(self.rows[n], plan)]
            for number in held:
                why = "a GRU, but the states that its masked steps repeat are used, for which it gives 0"
                self.drop(number, "GL802", why)
            stuck += [
                n for n, row in enumerate(self.rows) if self.sources[n] and n not in plan.rows and _stays(row, plan)
            ]
            if not stuck and not held:
                return plan
            for number in stuck:
                self.drop(number, "GL802", self._why_it_stays(self.rows[number], plan))

    def _held_states_stay(self, row: Row, plan: Plan) -> bool:
        """Whether states of masked steps between the first and the last are asked for."""
        if not row.masking or row.carrier is not None:
            return False
        steps = zip(row.cells, row.masking, strict=True)
        between = [cell.state for cell, gate in steps if cell.state not in gate.outputs]
        homes = [self.interpreter.homes[poly].name for poly in between if poly is not row.kept]
        return any(self.interpreter.scope.producers.get(name) in plan.live for name in homes)

    def _why_it_stays(self, row: Row, plan: Plan) -> str:
        assert row.carrier is not None
        node = self.interpreter.scope.nodes[row.carrier.index]
        kept = [name for name in node.output if name and name not in plan.served and name not in plan.aliases]
        used = [name for name in kept if self.interpreter.scope.uses[name]]
        listed = ", ".join(used[:3]) or "an output"
        return f"a GRU, but the {node.op_type} also makes {listed}, which is no state of it"


def _stays(row: Row, plan: Plan) -> bool:
    return row.carrier is not None and row.carrier.index in plan.live


def search(interpreter: Interpreter, *, shortest: int = 2, assume: str = "nothing") -> Found:
    """Find the recurrences of a scope.

    Args:
        interpreter: The scope, interpreted.
        shortest: How many steps unrolled cells have at least.
        assume: What is promised of masks.

    """
    in_loops, missed_in_loops = loop_rows.rows(interpreter)
    in_a_row, missed = unrolled_rows.rows(interpreter, shortest=shortest)
    found = Found(interpreter, [enclosing_loop.located(interpreter, row) for row in in_loops + in_a_row])
    states = states_of(interpreter.algebra, found.rows)
    atoms = {poly.atom: place for poly, place in states.items() if poly.atom is not None}
    for number in range(len(found.rows)):
        found.sources.append(None)
        try:
            source = row_inputs.source(interpreter, found.rows, number, atoms)
            row = found.rows[number]
            if masked_rows.is_promised(row) and assume != masked_rows.PROMISE:
                found.drop(number, "GL806", masked_rows.explained(interpreter, row))
                continue
            found.sources[number] = masked_rows.with_lengths(interpreter, row, source) if row.masking else source
        except CannotWriteError as error:
            found.sources[number] = _unfolded(found, number, atoms)
            if found.sources[number] is None:
                found.drop(number, "GL802", f"a GRU, but {error}")
    recurring = _recurring(interpreter, missed)
    if not in_a_row and not recurring:
        recurring = unread_recurrences.unrolled(interpreter)
    for miss in [*missed_in_loops, *recurring]:
        entry = _missed(found, miss)
        if entry is not None:
            found.sites.append(entry)
    return found


def _unfolded(found: Found, number: int, atoms: dict[int, tuple[int, int]]) -> row_inputs.Source | None:
    """Read what a row's inputs are made of, where these are computed anew in every step."""
    before = found.rows[number]
    if before.carrier is None:
        return None
    try:
        after = rematerialised_inputs.unfolded(found.interpreter.algebra, before)
        if after is None:
            return None
        found.rows[number] = after
        return row_inputs.source(found.interpreter, found.rows, number, atoms)
    except (CannotWriteError, TooLargeError):
        found.rows[number] = before
        return None


def _missed(found: Found, miss: Miss) -> Site | None:
    interpreter = found.interpreter
    text, term = reasons.misfit(miss.interpreter or interpreter, miss.reasons[0])
    name = miss.home or (interpreter.homes[miss.state].name if miss.state in interpreter.homes else "")
    if name not in interpreter.scope.producers:
        return None
    return found.site(name, "seen", "GL801", f"a recurrence that is no GRU: {text}", term)


def _recurring(interpreter: Interpreter, missed: list[Miss]) -> list[Miss]:
    """Keep the misses that go on from step to step, one for each run: the last state, with all its terms."""
    algebra = interpreter.algebra
    atoms: dict[int, Miss] = {}
    for miss in missed:
        whole = algebra.whole.get(miss.state)
        if whole is not None and whole.atom is not None:
            atoms[whole.atom] = miss
    after: dict[int, Miss] = {}
    for miss in missed:
        for serial in {serial for mono, _ in miss.state.terms for serial in mono} & atoms.keys():
            if serial not in after or len(miss.state.terms) > len(after[serial].state.terms):
                after[serial] = miss
    read = {id(atoms[serial]) for serial in after}
    return [miss for miss in after.values() if id(miss) not in read]
