"""The pass ``fuse-gru``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnx import helper

from gru_lower.graph import splice
from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import walk
from gru_lower.passes.base import Context, Pass, PassResult, Site
from gru_lower.passes.fuse import inputs, loops, unrolled
from gru_lower.passes.fuse.algebra import Algebra
from gru_lower.passes.fuse.emit import CannotWriteError, Writer
from gru_lower.passes.fuse.interpret import Interpreter
from gru_lower.passes.fuse.outputs import Outputs, serve
from gru_lower.passes.fuse.recurrence import Initial, Row, states_of
from gru_lower.passes.fuse.serve import Plan, Planner
from gru_lower.passes.fuse.values import Value

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope


@dataclass(frozen=True)
class FuseOptions:
    """Options of ``fuse-gru``.

    Attributes:
        steps: The length of the shortest row of cells that becomes a GRU.

    """

    steps: int = 2


class FuseGru(Pass):
    """Replace what computes a GRU by a GRU node."""

    name = "fuse-gru"
    Options = FuseOptions

    def run(self, model: Model, ctx: Context) -> PassResult:
        """Fuse in every scope."""
        result = PassResult(modified=False)
        facts, names, algebra = Facts(model), splice.Names(model.proto), Algebra()
        known: dict[str, Interpreter] = {}
        edits: list[splice.Edit] = []
        scopes = list(walk(model.proto))
        by_proto = {id(scope.proto): scope for scope in scopes}
        for scope in scopes:
            if scope.path not in known:
                parent = known.get(scope.parent.path) if scope.parent is not None else None
                known[scope.path] = Interpreter(algebra, facts, scope, by_proto, parent)
                known[scope.path].run()
            interpreter = known[scope.path]
            known.update(interpreter.children)
            edit = self._scope(interpreter, names, facts, result)
            if edit is not None:
                edits.append(edit)
        result.modified = splice.apply(model, edits)
        return result

    def _scope(self, interpreter: Interpreter, names: splice.Names, facts: Facts, result: PassResult) -> splice.Edit | None:
        in_loops, _ = loops.rows(interpreter)
        in_a_row, _ = unrolled.rows(interpreter, shortest=self.options.steps)
        rows = in_loops + in_a_row
        states = {poly.atom: place for poly, place in states_of(interpreter.algebra, rows).items() if poly.atom is not None}
        sources: list[inputs.Source | None] = []
        for number in range(len(rows)):
            try:
                sources.append(inputs.source(interpreter, rows, number, states))
            except CannotWriteError as e:
                print("cannot", e)
                sources.append(None)
        while True:
            plan = Planner(interpreter, rows, sources).plan()
            stuck = [n for n in plan.rows if (c := rows[n].carrier) is not None and c.index in plan.live]
            if not stuck:
                break
            for number in stuck:
                print("stuck", [state for state in rows[number].carrier.states if state.outer])
                sources[number] = None
        if not plan.removed or not plan.rows:
            return None
        return self._written(interpreter, names, facts, rows, sources, plan, result)

    def _written(self, interpreter, names, facts, rows, sources, plan: Plan, result):
        nodes: list[NodeProto] = []
        initializers: list[TensorProto] = []
        done: dict[int, tuple[str, bool, object]] = {}
        outputs: dict[int, Outputs] = {}
        scope = interpreter.scope
        pending = sorted(plan.rows)
        while pending:
            number = next(n for n in pending if all(r in done for r in sources[n].rows))
            pending.remove(number)
            row, source = rows[number], sources[number]
            writer = Writer(interpreter, names, names.prefix(f"{row.home}/GRU"), _elem_type(row, facts, scope))
            x = inputs.written(writer, source, done)
            y, y_h = writer.gru(row.kernel, x, row.kernel.x, _initial(writer, row, x), reverse=source.reverse)
            outputs[number] = Outputs(writer, y, y_h, row.steps, reverse=source.reverse)
            done[number] = (y, source.reverse, row.steps)
            result.sites.append(Site(scope.site(scope.producers[row.home]), scope.path, row.home, None, "fused"))
        for name, offers in plan.served.items():
            value = interpreter.values[name]
            assert isinstance(value, Value)
            writer = outputs[offers[0].row].writer
            parts = [outputs[offer.row].states(offer) for offer in offers]
            serve(writer, name, [outputs[o.row].writer.current(p) for o, p in zip(offers, parts)], value, stacked=offers[0].stacked)
        for made in outputs.values():
            nodes += made.writer.nodes
            initializers += made.writer.initializers
        nodes += [helper.make_node("Identity", [given], [name], names.node(name)) for name, given in plan.aliases.items()]
        return splice.Edit(scope, sorted(plan.removed), nodes, initializers)


def _initial(writer: Writer, row: Row, x: str) -> str | None:
    if row.before is None:
        return None
    if isinstance(row.before, Initial):
        known = writer.interpreter.dims(row.before.name)
        rows, alone = writer.state(row.before, "initial_h"), all(dim == 1 for dim in known[:-1])
    else:
        rows, alone = writer.rows(row.before, "initial_h"), writer.algebra.free[row.before] == 0
    initial = writer.unsqueeze(rows, [0], "initial_h")
    if alone and writer.algebra.free_of(row.state):
        return writer.repeated(initial, x, writer.algebra.width_of(row.state))
    return initial


def _elem_type(row: Row, facts: Facts, scope: Scope) -> int:
    array = row.kernel.z.state[0][1].array
    return facts.elem_type(scope, row.home) if array is None else helper.np_dtype_to_tensor_dtype(array.dtype)
