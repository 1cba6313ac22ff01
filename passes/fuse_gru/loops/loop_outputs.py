"""The outputs of a Loop or Scan, as values of the scope around it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.axes import FreeAxis, MergedAxes, relabelled, whole_axes
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine
from gru_lower.passes.fuse_gru.loops.interpreted_loop import StateKind
from gru_lower.passes.fuse_gru.tensors.constant_size import check_entries
from gru_lower.passes.fuse_gru.tensors.integer_vectors import POSITION, int_vector
from gru_lower.passes.fuse_gru.tensors.stretches import in_stretches
from gru_lower.passes.fuse_gru.tensors.symbolic_constants import count_constant
from gru_lower.passes.fuse_gru.tensors.tensor import UNKNOWN, ConstTensor, PolyTensor, TensorSequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.passes.fuse_gru.algebra.axes import TensorAxis
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.loops.interpreted_loop import InterpretedLoop
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known, ScopeValues

StatesOf = Literal["", "after", "all"]
"""Which states a value is computed of: those ``after`` each step, ``all`` with the first, or ``""`` where it is not."""


class LoopOutput(NamedTuple):
    """The source of a leaf that is an output of a loop.

    Attributes:
        path: The loop's body.
        name: The value of the body that it is.
        piece: Which stretch of its features.
        stacked: Whether it is the value in all steps, or in the last.
        reverse: Whether the last step comes first.
        of_state: Where it is what the body computes of the states alone: of which states.

    """

    path: str
    name: str
    piece: int
    stacked: bool
    reverse: bool
    of_state: StatesOf = ""


def output_values(outside: ScopeValues, loop: InterpretedLoop) -> Iterator[tuple[str, Known]]:
    """Yield the names of a loop's outputs with what is known of them.

    Args:
        outside: The scope the loop stands in.
        loop: The loop.

    """
    for place, carried in enumerate(loop.states):
        duplicate = carried.kind is StateKind.DUPLICATE
        state = replace(loop.states[carried.same], outer=carried.outer) if duplicate else carried
        initial = outside.value(state.initial) if state.initial else None
        if state.kind is StateKind.INVARIANT:
            yield state.outer, initial
        elif state.kind is StateKind.COUNTER:
            yield state.outer, _counter_after_last_step(loop, loop.body.values[state.inner])
        elif state.kind is StateKind.BUFFER:
            assert state.buffer is not None
            known, axis, reverse = state.buffer
            stacked = _stacked(outside, loop, state.result, known, axis, reverse=reverse)
            sequence = isinstance(initial, TensorSequence)
            yield (
                state.outer,
                TensorSequence(tensor=stacked, axis=0, keepdims=False) if sequence and stacked else stacked,
            )
        else:
            before = loop.leaves.get(carried.same if duplicate else place)
            yield state.outer, _last(outside, loop, state.result, before)
    for output in loop.outputs:
        known = loop.body.value(output.result)
        counted = _stacked_counter(loop, known, reverse=output.reverse)
        if counted is not None:
            yield output.outer, counted
            continue
        yield output.outer, _stacked(outside, loop, output.result, known, output.axis, reverse=output.reverse)


def _counter_after_last_step(loop: InterpretedLoop, known: Known) -> Known:
    if not isinstance(known, ConstTensor) or not isinstance(loop.trips, int):
        return None
    entry = known.array.reshape(-1)[0]
    factor = entry.factor(loop.counter.terms[0][0]) if isinstance(entry, Affine) else 0
    made = int_vector([entry - loop.counter * factor + factor * loop.trips])
    return ConstTensor(made.array.reshape((1,) * len(known.dims)), known.dims)


def _stacked_counter(loop: InterpretedLoop, known: Known, *, reverse: bool) -> ConstTensor | None:
    """Return the whole numbers that a loop counts, stacked; ``None`` if a value of the body is no such number."""
    if not isinstance(known, ConstTensor) or known.array.size != 1 or known.array.dtype != object or reverse:
        return None
    entry = known.array.reshape(-1)[0]
    if not isinstance(entry, Affine) or not isinstance(loop.trips, (int, Affine)):
        return None
    factor = entry.factor(loop.counter.terms[0][0])
    first = entry - loop.counter * factor
    dims = (loop.trips, *known.dims)
    if isinstance(loop.trips, int):
        check_entries(loop.trips)
        made = int_vector([first + factor * step for step in range(loop.trips)])
        return ConstTensor(made.array.reshape((loop.trips, *known.dims)), dims)
    return count_constant(first + POSITION * factor, dims)


def _last(outside: ScopeValues, loop: InterpretedLoop, name: str, before: PolyTensor | None) -> Known:
    """Return a state after the last step."""
    known = loop.body.value(name)
    if not isinstance(known, PolyTensor) or before is None or known.width == UNKNOWN:
        return None
    last = _leaves(outside, loop, name, known, known.axes, known.dims, stacked=False, reverse=False)
    widths = [width for width, _ in last.pieces]
    found: Known = outside.algebra.record_final_state(in_stretches(outside.algebra, before, widths), last)
    return found


def _stacked(
    outside: ScopeValues, loop: InterpretedLoop, name: str, known: Known, axis: int, *, reverse: bool
) -> PolyTensor | None:
    """Return a value of the body in all steps, stacked along a new axis."""
    if not isinstance(known, PolyTensor) or known.width == UNKNOWN:
        return None
    axis %= len(known.axes) + 1
    if any(isinstance(kind, MergedAxes) for kind in known.axes):
        return None
    raised = [relabelled(kind, lambda label: label + 1) for kind in known.axes]
    axes = (*raised[:axis], FreeAxis(0), *raised[axis:])
    dims = (*known.dims[:axis], loop.trips, *known.dims[axis:])
    return _leaves(outside, loop, name, known, axes, dims, stacked=True, reverse=reverse)


def _leaves(
    outside: ScopeValues,
    loop: InterpretedLoop,
    name: str,
    known: PolyTensor,
    axes: tuple[TensorAxis, ...],
    dims: tuple[Count, ...],
    *,
    stacked: bool,
    reverse: bool,
) -> PolyTensor:
    """Make a leaf for every stretch of features: its free axes in the order of their labels, then the features."""
    algebra = outside.algebra
    algebra.trip_counts[loop.body.scope.path] = loop.trips
    pieces = []
    for piece, (width, poly) in enumerate(known.pieces):
        free = (1 if stacked else 0) + algebra.rank_of(poly)
        source = LoopOutput(loop.body.scope.path, name, piece, stacked, reverse)
        made = algebra.poly_of_atom(Leaf(source, whole_axes(free), 0, width))
        algebra.definitions[source] = made
        algebra.body_values[source] = poly
        pieces.append((width, made))
    return PolyTensor(axes, dims, tuple(pieces))
