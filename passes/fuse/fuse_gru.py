"""The pass ``fuse-gru``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gru_lower.graph import splice
from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import walk
from gru_lower.passes.base import Context, Pass, PassResult, Site
from gru_lower.passes.fuse import inputs, serve, unrolled
from gru_lower.passes.fuse.algebra import Algebra
from gru_lower.passes.fuse.emit import CannotWriteError, Writer
from gru_lower.passes.fuse.interpret import Interpreter
from gru_lower.passes.fuse.outputs import Outputs
from gru_lower.passes.fuse.values import Value

if TYPE_CHECKING:
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
        interpreters: dict[int, Interpreter] = {}
        edits: list[splice.Edit] = []
        for scope in walk(model.proto):
            parent = interpreters.get(id(scope.parent)) if scope.parent is not None else None
            interpreter = interpreters[id(scope)] = Interpreter(algebra, facts, scope, parent)
            interpreter.run()
            edit = self._scope(interpreter, names, facts, result)
            if edit is not None:
                edits.append(edit)
        result.modified = splice.apply(model, edits)
        return result

    def _scope(self, interpreter: Interpreter, names: splice.Names, facts: Facts, result: PassResult) -> splice.Edit | None:
        rows, _ = unrolled.rows(interpreter, shortest=self.options.steps)
        states = {}
        for number, row in enumerate(rows):
            for poly, time in row.index().items():
                whole = interpreter.algebra.whole.get(poly)
                if whole is not None and whole.atom is not None:
                    states[whole.atom] = number, time
        sources: list[inputs.Source | None] = []
        for number in range(len(rows)):
            try:
                sources.append(inputs.source(interpreter, rows, number, states))
            except CannotWriteError as e:
                print('cannot', e)
                sources.append(None)
        plan = serve.plan(interpreter, rows, sources)
        if not plan.removed:
            return None
        nodes, initializers = [], []
        done: dict[int, tuple[str, bool, int]] = {}
        pending = sorted(plan.rows)
        while pending:
            number = next(n for n in pending if all(r in done for r in sources[n].rows))
            pending.remove(number)
            row, source = rows[number], sources[number]
            home = interpreter.homes[row.cells[-1].state].name
            scope = interpreter.scope
            x_name = source.names[0]
            elem_type = facts.elem_type(scope, x_name) or 1
            writer = Writer(interpreter, names, names.prefix(f"{home}/GRU"), elem_type)
            x = inputs.written(writer, source, done)
            h0 = None if row.before is None else writer.unsqueeze(writer.rows(row.before, "initial_h"), [0], "initial_h")
            y, y_h = writer.gru(row.kernel, x, row.kernel.x, h0, reverse=source.reverse)
            outputs = Outputs(writer, y, y_h, len(row.cells), reverse=source.reverse)
            for name, served in plan.served.items():
                if served.row == number:
                    value = interpreter.values[name]
                    assert isinstance(value, Value)
                    outputs.serve(name, served, value)
            done[number] = (y, source.reverse, len(row.cells))
            nodes += writer.nodes
            initializers += writer.initializers
            result.sites.append(Site(scope.site(scope.producers[home]), scope.path, home, None, "fused", nodes_before=len(plan.removed), nodes_after=len(writer.nodes)))
        return splice.Edit(interpreter.scope, sorted(plan.removed), nodes, initializers)
