"""Writing the GRUs of a scope: the nodes that come, the nodes that go, and an entry for each GRU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnx import NodeProto, TensorProto, helper

from gru_lower.graph import splice
from gru_lower.gru.spec import VERSIONS, Direction, GruSpec
from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT, FEATURES
from gru_lower.passes.fuse_gru.recognition import row_inputs
from gru_lower.passes.fuse_gru.recognition.read_cell import settled
from gru_lower.passes.fuse_gru.recognition.row import Initial
from gru_lower.passes.fuse_gru.tensors.tensor import Const, Value
from gru_lower.passes.fuse_gru.writing import sequence_lens
from gru_lower.passes.fuse_gru.writing.gru_outputs import Outputs, serve
from gru_lower.passes.fuse_gru.writing.node_writer import Axis, CannotWriteError, Writer
from gru_lower.passes.fuse_gru.writing.squeeze_cleanup import tidied
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.names import Names
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.recognition.replacement_plan import Plan
    from gru_lower.passes.fuse_gru.recognition.row import Offer, Row
    from gru_lower.passes.fuse_gru.recognition.search import Found


@dataclass
class Written:
    """The GRUs of a scope.

    Attributes:
        edit: What goes and what comes.
        rows: The rows that were written.
        sites: Their entries.
        plan: What they serve.
        batches: The axes of values that are each row's batch.

    """

    edit: splice.Edit
    rows: list[int]
    sites: list[Site]
    plan: Plan
    batches: dict[int, list[Axis]]

    def served(self, number: int) -> list[str]:
        """Return the values that a row makes, alone or with others."""
        return [name for name, offers in self.plan.served.items() if any(offer.row == number for offer in offers)]


def write(interpreter: Interpreter, names: Names, facts: Facts, found: Found) -> Written | None:
    """Write what was found; what cannot be written is dropped, with the reason.

    Args:
        interpreter: The scope.
        names: The model's names.
        facts: Types and shapes.
        found: The recurrences.

    Returns:
        ``None`` if there is nothing to write.

    """
    while True:
        plan = found.plan()
        if not plan.rows or not plan.removed:
            return None
        made: dict[int, Outputs] = {}
        number = next(iter(plan.rows))
        try:
            for number in _in_order(plan, found):
                made[number] = _row(interpreter, names, facts, found, number, made)
            for name, offers in plan.served.items():
                number = offers[-1].row
                _served(interpreter, name, offers, made)
        except CannotWriteError as error:
            found.drop(number, "GL802", f"a GRU, but {error}")
            continue
        return _written(interpreter, names, found, plan, made)


def _in_order(plan: Plan, found: Found) -> list[int]:
    """Put the rows after those they read."""
    done: list[int] = []
    pending = sorted(plan.rows)
    while pending:
        sources = ((number, found.sources[number]) for number in pending)
        ready = (n for n, source in sources if source is not None and all(other in done for other in source.rows))
        number = next(ready, pending[-1])
        pending.remove(number)
        done.append(number)
    return done


def _row(
    interpreter: Interpreter, names: Names, facts: Facts, found: Found, number: int, made: dict[int, Outputs]
) -> Outputs:
    row, source = found.rows[number], found.sources[number]
    assert source is not None
    elem_type = _elem_type(interpreter, row, facts)
    writer = Writer(interpreter, names, names.prefix(f"{row.home}/GRU"), elem_type)
    written = {other: (outputs.y, outputs.reverse, outputs.steps) for other, outputs in made.items()}
    x = row_inputs.written(writer, source, written)
    kernel = settled(writer.algebra, row.kernel)
    initial, lens, mask = _initial(writer, row, x, row.before), "", ""
    if source.lengths is not None:
        batched = bool(writer.algebra.free_of(row.state))
        lens, mask = sequence_lens.written(
            writer, source.lengths, x, row.steps, reverse=source.reverse, batched=batched
        )
    y, y_h = writer.gru(kernel, x, kernel.x, initial, reverse=source.reverse, sequence_lens=lens)

    def begins(name: str) -> str | None:
        known = interpreter.value(name) if name else None
        if not name:
            return None
        if isinstance(known, Const) and known.array.dtype != object and not known.array.any():
            return None
        axis = known.axes.index(FEATURES) if isinstance(known, Value) else len(interpreter.dims(name)) - 1
        return _initial(writer, row, x, Initial(name, 0, writer.algebra.width_of(row.state), axis))

    masked = sequence_lens.Masked(lens, initial, mask, begins) if lens else None
    return Outputs(writer, y, y_h, row.steps, reverse=source.reverse, masked=masked)


def _initial(writer: Writer, row: Row, x: str, before: int | Initial | None) -> str | None:
    if before is None:
        return None
    if isinstance(before, Initial):
        dims = writer.interpreter.dims(before.name)
        alone = all(dim == 1 for axis, dim in enumerate(dims) if axis != before.axis)
        rows = writer.state(before, "initial_h")
    else:
        alone = writer.algebra.free[before] == 0
        rows = writer.rows(before, "initial_h")
    initial = writer.unsqueeze(rows, [0], "initial_h")
    if alone and writer.algebra.free_of(row.state):
        return writer.repeated(initial, x)
    return initial


def _elem_type(interpreter: Interpreter, row: Row, facts: Facts) -> int:
    matrix = row.kernel.z.state[0][1]
    if matrix.array is not None:
        return int(helper.np_dtype_to_tensor_dtype(matrix.array.dtype))
    known = facts.elem_type(interpreter.scope, place) if (place := interpreter.place(matrix.source)) is not None else 0
    if not known:
        raise CannotWriteError("its element type is not known")
    return known


def _served(interpreter: Interpreter, name: str, offers: tuple[Offer, ...], made: dict[int, Outputs]) -> None:
    value = interpreter.values[name]
    assert isinstance(value, Value)
    writer = made[offers[-1].row].writer
    parts = [made[offer.row].states(offer) for offer in offers]
    current = [made[offer.row].writer.current(part) for offer, part in zip(offers, parts, strict=True)]
    serve(writer, name, current, value, stacked=offers[0].stacked)


def _written(interpreter: Interpreter, names: Names, found: Found, plan: Plan, made: dict[int, Outputs]) -> Written:
    nodes: list[NodeProto] = []
    initializers: list[TensorProto] = []
    sites = []
    for outputs in made.values():
        nodes += outputs.writer.nodes
        initializers += outputs.writer.initializers
    nodes, initializers = tidied(nodes, initializers, {*plan.served, *plan.aliases.values()})
    _without_idle_outputs(nodes, plan)
    for number, outputs in made.items():
        sites.append(_site(interpreter, found.rows[number], outputs))
    nodes += [helper.make_node("Identity", [given], [name], names.node(name)) for name, given in plan.aliases.items()]
    for site in sites:
        site.nodes_before, site.nodes_after = len(plan.removed), len(nodes)
    edit = splice.Edit(interpreter.scope, sorted(plan.removed), nodes, initializers)
    batches = {number: outputs.writer.batches for number, outputs in made.items()}
    return Written(edit, list(made), sites, plan, batches)


def _without_idle_outputs(nodes: list[NodeProto], plan: Plan) -> None:
    """Leave out the outputs of GRUs that nobody reads."""
    used = {name for node in nodes for name in node.input} | {*plan.served, *plan.aliases.values()}
    for node in nodes:
        if node.op_type == "GRU":
            kept = [name if name in used else "" for name in node.output]
            del node.output[:]
            node.output.extend(kept if kept[-1] else kept[:-1])


def _site(interpreter: Interpreter, row: Row, outputs: Outputs) -> Site:
    scope, writer, kernel = interpreter.scope, outputs.writer, settled(interpreter.algebra, row.kernel)
    node = next(node for node in writer.nodes if node.op_type == "GRU")
    keys = ("X", "W", "R", "B", "sequence_lens", "initial_h")
    version = max((number for number in VERSIONS if number <= scope.opset), default=VERSIONS[-1])
    spec = GruSpec(
        version=version,
        elem_type=writer.elem_type,
        hidden_size=writer.algebra.width_of(row.state),
        input_size=sum(writer.algebra.width[atom] for atom in kernel.x),
        seq_length=_static(row.steps),
        batch_size=_batch(interpreter, row),
        directions=(Direction(0, reverse=outputs.reverse, f=kernel.f, g=kernel.g),),
        linear_before_reset=bool(kernel.linear_before_reset),
        layout=0,
        clip=kernel.clip,
        inputs={key: name for key, name in zip(keys, node.input, strict=False) if name},
        Y=node.output[0],
        Y_h=node.output[1] if len(node.output) > 1 else "",
    )
    how = "unrolled" if row.carrier is None else scope.nodes[row.carrier.index].op_type
    message = f"{how}, {row.steps if isinstance(row.steps, int) else 'any number of'} steps"
    return Site(scope.site(scope.producers[row.home]), scope.path, node.name, spec, "fused", message=message)


def _static(count: Count) -> int | None:
    return count if isinstance(count, int) else None


def _batch(interpreter: Interpreter, row: Row) -> int | None:
    known = interpreter.values.get(row.home)
    if isinstance(known, Value) and interpreter.algebra.free_of(row.state) == 1:
        dims = [d for axis, d in zip(known.axes, known.dims, strict=True) if axis not in (CONSTANT, FEATURES)]
        return _static(dims[-1]) if dims else None
    return None if interpreter.algebra.free_of(row.state) else 1
