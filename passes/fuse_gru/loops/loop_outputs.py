"""What a loop leaves behind: its outputs as values of the scope around it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gru_lower.passes.fuse_gru.algebra.axes import FreeAxis, MergedAxes, relabelled, whole_axes
from gru_lower.passes.fuse_gru.algebra.polynomials import Leaf
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine
from gru_lower.passes.fuse_gru.tensors.constant_arithmetic import POSITION, vector
from gru_lower.passes.fuse_gru.tensors.tensor import UNKNOWN, Const, Sequence_, Value

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from gru_lower.passes.fuse_gru.algebra.axes import TensorAxis
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter, Known
    from gru_lower.passes.fuse_gru.loops.read_loop import Carrier


class Left(NamedTuple):
    """What a leaf that a loop leaves behind is: the source of that leaf.

    Attributes:
        path: The loop's body.
        name: What was computed in the body.
        piece: Which stretch of its features.
        stacked: Whether it is the values of all steps, or the last.
        turned: Whether the last step comes first.
        of_state: Where it is what the body computes of the states alone: ``after`` each step, or ``all``, the first
            states included.

    """

    path: str
    name: str
    piece: int
    stacked: bool
    turned: bool
    of_state: str = ""


def after(interpreter: Interpreter, carrier: Carrier) -> Iterator[tuple[str, Known]]:
    """Yield the loop's outputs with what is known of them.

    Args:
        interpreter: The scope the loop stands in.
        carrier: The loop.

    """
    for place, carried in enumerate(carrier.states):
        alias = carried.kind == "same"
        state = replace(carrier.states[carried.same], outer=carried.outer) if alias else carried
        initial = interpreter.value(state.initial) if state.initial else None
        if state.kind == "invariant":
            yield state.outer, initial
        elif state.kind == "counter":
            yield state.outer, _end(carrier, carrier.body.values[state.inner])
        elif state.kind == "collects":
            assert state.collects is not None
            known, axis, turned = state.collects
            stacked = _stacked(interpreter, carrier, state.result, known, axis, turned=turned)
            sequence = isinstance(initial, Sequence_)
            yield state.outer, Sequence_(tensor=stacked, axis=0, keepdims=False) if sequence and stacked else stacked
        else:
            given = carrier.leaves.get(carried.same if alias else place)
            yield state.outer, _last(interpreter, carrier, state.result, given)
    for output in carrier.outputs:
        known = carrier.body.value(output.result)
        counted = _counted(carrier, known, turned=output.turned)
        if counted is not None:
            yield output.outer, counted
            continue
        yield output.outer, _stacked(interpreter, carrier, output.result, known, output.axis, turned=output.turned)


def _end(carrier: Carrier, known: Known) -> Known:
    """Return a counter after the last step."""
    if not isinstance(known, Const) or not isinstance(carrier.trips, int):
        return None
    entry = known.array.reshape(-1)[0]
    name = carrier.counter.terms[0][0]
    rest: Any = entry - carrier.counter * entry.factor(name) if hasattr(entry, "factor") else entry
    total = rest + (entry.factor(name) * carrier.trips if hasattr(entry, "factor") else 0)
    made = vector([total])
    return Const(made.array.reshape((1,) * len(known.dims)), known.dims)


def _counted(carrier: Carrier, known: Known, *, turned: bool) -> Const | None:
    """Return the numbers that a loop counts, one behind the other."""
    if not isinstance(known, Const) or known.array.size != 1 or known.array.dtype != object or turned:
        return None
    entry = known.array.reshape(-1)[0]
    if not isinstance(entry, Affine) or not isinstance(carrier.trips, (int, Affine)):
        return None
    factor = entry.factor(carrier.counter.terms[0][0])
    first = entry - carrier.counter * factor
    if isinstance(carrier.trips, int):
        made = vector([first + factor * step for step in range(carrier.trips)])
        return Const(made.array.reshape((carrier.trips, *known.dims)), (carrier.trips, *known.dims))
    array = np.empty((1,) * (len(known.dims) + 1), object)
    array.reshape(-1)[:] = [first + POSITION * factor]
    return Const(array, (carrier.trips, *known.dims))


def _last(interpreter: Interpreter, carrier: Carrier, name: str, given: Value | None) -> Known:
    known = carrier.body.value(name)
    if not isinstance(known, Value) or given is None or known.width == UNKNOWN:
        return None
    ended = _seen(interpreter, carrier, name, known, known.axes, known.dims, stacked=False, turned=False)
    left: Known = interpreter.algebra.left(given, ended)
    return left


def _stacked(
    interpreter: Interpreter, carrier: Carrier, name: str, known: Known, axis: int, *, turned: bool
) -> Value | None:
    if not isinstance(known, Value) or known.width == UNKNOWN:
        return None
    axis %= len(known.axes) + 1
    if any(isinstance(kind, MergedAxes) for kind in known.axes):
        return None
    raised = [relabelled(kind, lambda label: label + 1) for kind in known.axes]
    axes = (*raised[:axis], FreeAxis(0), *raised[axis:])
    dims = (*known.dims[:axis], carrier.trips, *known.dims[axis:])
    return _seen(interpreter, carrier, name, known, axes, dims, stacked=True, turned=turned)


def _seen(
    interpreter: Interpreter,
    carrier: Carrier,
    name: str,
    known: Value,
    axes: tuple[TensorAxis, ...],
    dims: tuple[Count, ...],
    *,
    stacked: bool,
    turned: bool,
) -> Value:
    """Make a leaf for every stretch of features: its free axes in the order of their labels, then the features."""
    algebra = interpreter.algebra
    algebra.trips[carrier.body.scope.path] = carrier.trips
    pieces = []
    for piece, (width, poly) in enumerate(known.pieces):
        free = (1 if stacked else 0) + algebra.free_of(poly)
        source: Hashable = Left(carrier.body.scope.path, name, piece, stacked, turned)
        entries = whole_axes(free)
        made = algebra.atom(Leaf(source, entries, 0, width))
        algebra.defined[source] = made
        algebra.computed[source] = poly
        pieces.append((width, made))
    return Value(axes, dims, tuple(pieces))
