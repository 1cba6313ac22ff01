"""Write the GRUs of a scope: the nodes that come, the nodes that go, and the report's entry of each GRU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import NodeProto, TensorProto, helper

from gru_lower.graph import splice
from gru_lower.gru.spec import VERSIONS, Direction, GruSpec
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.fuse_gru.algebra.axes import FEATURES
from gru_lower.passes.fuse_gru.algebra.sources import whole_source
from gru_lower.passes.fuse_gru.recognition.empty_axes import batch_size, preconditions
from gru_lower.passes.fuse_gru.recognition.errors import CannotWriteError
from gru_lower.passes.fuse_gru.recognition.hard_sigmoid import with_chosen_alpha
from gru_lower.passes.fuse_gru.recognition.initial_state import InitialState, is_zeros
from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor
from gru_lower.passes.fuse_gru.writing.empty_guard import refuse_old_opset, with_guard
from gru_lower.passes.fuse_gru.writing.gru_node import write_gru
from gru_lower.passes.fuse_gru.writing.gru_outputs import GruOutputs, write_side_by_side, write_value
from gru_lower.passes.fuse_gru.writing.initial_h import write_initial_h
from gru_lower.passes.fuse_gru.writing.input_x import runs_backwards, write_x
from gru_lower.passes.fuse_gru.writing.masked_outputs import MaskedGru
from gru_lower.passes.fuse_gru.writing.node_writer import NodeWriter
from gru_lower.passes.fuse_gru.writing.sequence_lens import write_sequence_lens
from gru_lower.passes.fuse_gru.writing.squeeze_cleanup import without_needless_squeezes
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.names import Names
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.recognition.find_recurrences import ScopeRecurrences
    from gru_lower.passes.fuse_gru.recognition.recurrence import Recurrence
    from gru_lower.passes.fuse_gru.recognition.recurrence_inputs import RecurrenceInputs
    from gru_lower.passes.fuse_gru.recognition.replacement_plan import ReplacementPlan
    from gru_lower.passes.fuse_gru.recognition.states_in_values import StateSelection
    from gru_lower.passes.fuse_gru.writing.batch_axes import BatchAxis


@dataclass
class WrittenScope:
    """The GRUs of a scope that have been written.

    Attributes:
        edit: What goes and what comes.
        recurrences: The numbers of the recurrences that were written.
        sites: Their entries in the report.
        plan: Which values come from them.
        batches: The axes of values that are each recurrence's batch.

    """

    edit: splice.Edit
    recurrences: list[int]
    sites: list[Site]
    plan: ReplacementPlan
    batches: dict[int, list[BatchAxis]]

    def served(self, number: int) -> list[str]:
        """Return the values that come from a recurrence, alone or with others."""
        return [
            name
            for name, selections in self.plan.served.items()
            if any(selection.recurrence == number for selection in selections)
        ]


def write_scope(
    interpreter: Interpreter,
    names: Names,
    facts: Facts,
    found: ScopeRecurrences,
    *,
    guard: bool = False,
    runs: bool = True,
) -> WrittenScope | None:
    """Write the GRUs that were found; what cannot be written is dropped, with the reason.

    Args:
        interpreter: The scope.
        names: The model's names.
        facts: Types and shapes.
        found: The recurrences.
        guard: Whether to put an If around a GRU that may get empty sequences or batches.
        runs: Whether what is written is run: then matrices in a file that are transposed are read.

    Returns:
        ``None`` if there is nothing to write.

    """
    if not interpreter.scope.opset:
        for number in (number for number, inputs in enumerate(found.inputs) if inputs is not None):
            found.drop(number, "GL802", "a GRU, but no opset of ONNX's own domain is imported here")
        return None
    while True:
        plan = found.plan()
        if not plan.recurrences or not plan.removed:
            return None
        made: dict[int, GruOutputs] = {}
        number = next(iter(plan.recurrences))
        try:
            for number in _in_reading_order(plan, found):
                inputs = found.inputs[number]
                assert inputs is not None
                if guard and preconditions(interpreter, found.grus[number]):
                    refuse_old_opset(interpreter.scope.opset)
                made[number] = _write_recurrence(interpreter, names, facts, found.grus[number], inputs, made, runs=runs)
            for name, selections in plan.served.items():
                number = selections[-1].recurrence
                _write_served(interpreter, name, selections, made)
        except CannotWriteError as error:
            found.drop(number, "GL802", f"a GRU, but {error}")
            continue
        return _collected(interpreter, names, found, plan, made, guard=guard)


def _in_reading_order(plan: ReplacementPlan, found: ScopeRecurrences) -> list[int]:
    """Put recurrences after those they read."""
    done: list[int] = []
    pending = sorted(plan.recurrences)
    while pending:
        inputs = ((number, found.inputs[number]) for number in pending)
        ready = (n for n, read in inputs if read is not None and all(other in done for other in read.recurrences))
        number = next(ready, pending[-1])
        pending.remove(number)
        done.append(number)
    return done


def _write_recurrence(
    interpreter: Interpreter,
    names: Names,
    facts: Facts,
    recurrence: Recurrence,
    inputs: RecurrenceInputs,
    made: dict[int, GruOutputs],
    *,
    runs: bool,
) -> GruOutputs:
    """Write one GRU with its inputs.

    Raises:
        CannotWriteError: It takes more than the graph has.

    """
    elem_type = _elem_type(interpreter, recurrence, facts)
    writer = NodeWriter(interpreter, names, names.prefix(f"{recurrence.name}/GRU"), elem_type, runs=runs)
    batched = bool(writer.algebra.rank_of(recurrence.state))
    reverse = runs_backwards(inputs, made)
    x = write_x(writer, inputs, made, reverse=reverse)
    cell = with_chosen_alpha(writer.algebra, recurrence.last_cell)
    initial_h = write_initial_h(writer, recurrence.initial, x, batched=batched)
    lens, mask = "", ""
    if inputs.sequence_lens is not None:
        lens, mask = write_sequence_lens(
            writer, inputs.sequence_lens, x, recurrence.steps, reverse=reverse, batched=batched
        )
    y, y_h = write_gru(writer, cell, x, initial_h, reverse=reverse, sequence_lens=lens)

    def write_repeated_initial(name: str) -> str | None:
        known = interpreter.value(name) if name else None
        if not name or is_zeros(known):
            return None
        axis = known.axes.index(FEATURES) if isinstance(known, PolyTensor) else len(interpreter.dims(name)) - 1
        initial = InitialState(name, 0, writer.algebra.width_of(recurrence.state), axis)
        return write_initial_h(writer, initial, x, batched=batched)

    masked = MaskedGru(lens, mask, initial_h, write_repeated_initial) if lens else None
    return GruOutputs(writer, y, y_h, recurrence.steps, reverse=reverse, masked=masked)


def _elem_type(interpreter: Interpreter, recurrence: Recurrence, facts: Facts) -> int:
    matrix = recurrence.last_cell.z.state[0].matrix
    if matrix.array is not None:
        return int(helper.np_dtype_to_tensor_dtype(matrix.array.dtype))
    name = interpreter.name_of(whole_source(matrix.source))
    known = facts.elem_type(interpreter.scope, name) if name is not None else 0
    if not known:
        raise CannotWriteError("its element type is not known")
    return known


def _write_served(
    interpreter: Interpreter, name: str, selections: tuple[StateSelection, ...], made: dict[int, GruOutputs]
) -> None:
    """Write a value that GRUs serve."""
    value = interpreter.values[name]
    assert isinstance(value, PolyTensor)
    writer = made[selections[-1].recurrence].writer
    parts = [made[selection.recurrence].write_states(selection) for selection in selections]
    current = [
        made[selection.recurrence].writer.current(part) for selection, part in zip(selections, parts, strict=True)
    ]
    if len(selections) > len(value.pieces):
        write_side_by_side(writer, name, current, value)
    else:
        write_value(writer, name, current, value, stacked=selections[0].stacked)


def _collected(
    interpreter: Interpreter,
    names: Names,
    found: ScopeRecurrences,
    plan: ReplacementPlan,
    made: dict[int, GruOutputs],
    *,
    guard: bool,
) -> WrittenScope:
    """Collect what was written into one edit."""
    nodes: list[NodeProto] = []
    initializers: list[TensorProto] = []
    sites = []
    for outputs in made.values():
        nodes += outputs.writer.nodes
        initializers += outputs.writer.initializers
    nodes, initializers = without_needless_squeezes(nodes, initializers, {*plan.served, *plan.aliases.values()})
    _leave_out_unread_outputs(nodes, plan)
    for number, outputs in made.items():
        sites.append(_site(interpreter, found.grus[number], outputs))
        sites[-1].preconditions = preconditions(interpreter, found.grus[number])
        if guard and sites[-1].preconditions:
            sites[-1].preconditions = ()
            nodes = with_guard(nodes, sites[-1].node, outputs.writer)
    nodes += [helper.make_node("Identity", [given], [name], names.node(name)) for name, given in plan.aliases.items()]
    for site in sites:
        site.nodes_before, site.nodes_after = len(plan.removed), len(nodes)
    edit = splice.Edit(interpreter.scope, sorted(plan.removed), nodes, initializers)
    batches = {number: outputs.writer.batches for number, outputs in made.items()}
    return WrittenScope(edit, list(made), sites, plan, batches)


def _leave_out_unread_outputs(nodes: list[NodeProto], plan: ReplacementPlan) -> None:
    """Leave out the outputs of GRUs that nothing reads."""
    used = {name for node in nodes for name in node.input} | {*plan.served, *plan.aliases.values()}
    for node in nodes:
        if node.op_type == "GRU":
            kept = [name if name in used else "" for name in node.output]
            del node.output[:]
            node.output.extend(kept if kept[-1] else kept[:-1])


def _site(interpreter: Interpreter, recurrence: Recurrence, outputs: GruOutputs) -> Site:
    """Return the report's entry of a GRU."""
    scope, writer = interpreter.scope, outputs.writer
    cell = with_chosen_alpha(interpreter.algebra, recurrence.last_cell)
    node = next(node for node in writer.nodes if node.op_type == "GRU")
    keys = ("X", "W", "R", "B", "sequence_lens", "initial_h")
    version = max((number for number in VERSIONS if number <= scope.opset), default=VERSIONS[-1])
    spec = GruSpec(
        version=version,
        elem_type=writer.elem_type,
        hidden_size=writer.algebra.width_of(recurrence.state),
        input_size=sum(writer.algebra.widths[atom] for atom in cell.x),
        seq_length=_static(recurrence.steps),
        batch_size=batch_size(interpreter, recurrence),
        directions=(Direction(0, reverse=outputs.reverse, f=cell.f, g=cell.g),),
        linear_before_reset=bool(cell.linear_before_reset),
        layout=0,
        clip=cell.clip,
        inputs={key: name for key, name in zip(keys, node.input, strict=False) if name},
        Y=node.output[0],
        Y_h=node.output[1] if len(node.output) > 1 else "",
    )
    how = "unrolled" if recurrence.loop is None else scope.nodes[recurrence.loop.index].op_type
    message = f"{how}, {recurrence.steps if isinstance(recurrence.steps, int) else 'any number of'} steps"
    return Site(scope.site(scope.producers[recurrence.name]), scope.path, node.name, spec, "fused", message=message)


def _static(count: Count) -> int | None:
    return count if isinstance(count, int) else None
