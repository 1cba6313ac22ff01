"""Reading a Loop or Scan: what its body computes in step t, for every t at once.

The body is interpreted with its counter t as an unknown number, its scan inputs as the outer tensors at t, and its
states as leaves; again and again, as long as a state turns out to be no recurrence (:mod:`carried_values`) or the
number of steps turns out (:mod:`trip_count`). What remains are the states of a recurrence, and buffers that collect
what the steps make (:mod:`step_buffers`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gru_lower.graph.scopes import subgraphs
from gru_lower.passes.fuse_gru.algebra.axes import FEATURES
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.sources import NamedValue
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import CarriedInteger, CarriedLength, Counter, symbol
from gru_lower.passes.fuse_gru.loops.carried_values import CarriedValues
from gru_lower.passes.fuse_gru.loops.interpreted_loop import InterpretedLoop, LoopState, ScanOutput, StateKind
from gru_lower.passes.fuse_gru.loops.step_buffers import read_step_buffer
from gru_lower.passes.fuse_gru.loops.trip_count import loop_trip_count, scan_trip_count
from gru_lower.passes.fuse_gru.tensors.feature_axis import with_feature_axis
from gru_lower.passes.fuse_gru.tensors.indexing import take_index
from gru_lower.passes.fuse_gru.tensors.stretches import in_stretches
from gru_lower.passes.fuse_gru.tensors.symbolic_constants import count_constant, is_count
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor, leaf_tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnx import NodeProto

    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known, ScopeValues
    from gru_lower.passes.fuse_gru.tensors.tensor import Tensor

ROUNDS = 8
"""How often a body is interpreted at most."""


class ScannedTensor(NamedTuple):
    """A tensor that a Scan reads step by step.

    Attributes:
        inner: Its name in the body.
        tensor: The tensor outside.
        axis: The axis along which it is read.
        reverse: Whether it is read from the end.

    """

    inner: str
    tensor: Tensor
    axis: int
    reverse: bool


class LoopReader:
    """Reads one Loop or Scan.

    Args:
        outside: The scope it stands in.
        node: The node.
        index: Its index in the scope.
        interpret: Interprets a body, given what is known of its inputs.

    Attributes:
        settled: Whether all that was assumed of the states has turned out to be so.
        stretches: How wide the parts are that lie side by side in a state, by its place; none for one part.

    """

    settled = True

    def __init__(
        self,
        outside: ScopeValues,
        node: NodeProto,
        index: int,
        interpret: Callable[[Scope, dict[str, Known]], ScopeValues],
    ) -> None:
        self.outside, self.node, self.index, self._interpret = outside, node, index, interpret
        self.body = next(graph for _, graph in subgraphs(node))
        self.scope = outside.scopes[id(self.body)]
        self.attributes = {a.name: a for a in node.attribute}
        self.carried = CarriedValues(outside)
        self.scan_inputs: list[ScannedTensor] = []
        self.outputs: list[ScanOutput] = []
        self.trips: Count | None = None
        self.trips_name = ""
        self.stretches: dict[int, tuple[int, ...]] = {}
        self.counter = symbol(Counter(self.scope.path, None))

    def read(self) -> InterpretedLoop:
        """Interpret the body until nothing more turns out.

        Raises:
            NotUnderstoodError: The number of steps is not known, or something of the node is not read.

        """
        if self.node.op_type == "Loop":
            self._read_loop_node()
        else:
            self._read_scan_node()
        rounds = 1
        body, leaves = self._interpreted()
        while self.learnt(body, leaves) and rounds < ROUNDS:
            body, leaves = self._interpreted()
            rounds += 1
        if self.trips is None or not self.settled:
            raise NotUnderstoodError
        for place, state in enumerate(self.carried.states):
            if place not in self.carried.bound:
                state.buffer = read_step_buffer(body, state, self.counter, self.trips, self.carried.initial(state))
                state.kind = StateKind.RECURRENT if state.buffer is None else StateKind.BUFFER
        return InterpretedLoop(
            self.index, body, self.carried.states, self.outputs, self.trips, self.counter, self.trips_name, leaves
        )

    # -- the node --------------------------------------------------------------------------------------

    def _read_loop_node(self) -> None:
        names = [value.name for value in self.body.input]
        results = [value.name for value in self.body.output]
        initial = list(self.node.input[2:])
        outer = [*self.node.output, *[""] * len(results)]
        for place, name in enumerate(initial):
            self.carried.states.append(LoopState(names[2 + place], results[1 + place], name, outer[place]))
        for place, result in enumerate(results[1 + len(initial) :]):
            self.outputs.append(ScanOutput(result, outer[len(initial) + place]))

    def _read_scan_node(self) -> None:
        if self.scope.opset < 9:
            raise NotUnderstoodError
        count = self.attributes["num_scan_inputs"].i
        names = [value.name for value in self.body.input]
        results = [value.name for value in self.body.output]
        carried = len(names) - count
        outer = [*self.node.output, *[""] * len(results)]
        axes, directions = self._ints("scan_input_axes", count), self._ints("scan_input_directions", count)
        for place in range(carried):
            self.carried.states.append(LoopState(names[place], results[place], self.node.input[place], outer[place]))
        for place in range(count):
            given = self.outside.value(self.node.input[carried + place])
            if not isinstance(given, (PolyTensor, ConstTensor)):
                raise NotUnderstoodError
            axis = axes[place] % len(given.dims)
            self.scan_inputs.append(ScannedTensor(names[carried + place], given, axis, bool(directions[place])))
        self.trips = scan_trip_count(each.tensor.dims[each.axis] for each in self.scan_inputs)
        self.counter = symbol(Counter(self.scope.path, self.trips))
        made = len(results) - carried
        axes, directions = self._ints("scan_output_axes", made), self._ints("scan_output_directions", made)
        for place, result in enumerate(results[carried:]):
            self.outputs.append(ScanOutput(result, outer[carried + place], axes[place], bool(directions[place])))

    def _ints(self, name: str, count: int) -> list[int]:
        return list(self.attributes[name].ints) if name in self.attributes else [0] * count

    # -- one round -------------------------------------------------------------------------------------

    def _interpreted(self) -> tuple[ScopeValues, dict[int, PolyTensor]]:
        """Interpret the body for what is known so far; return it with the leaves of its states."""
        given: dict[str, Known] = {}
        leaves: dict[int, PolyTensor] = {}
        if self.node.op_type == "Loop":
            number, condition = (value.name for value in self.body.input[:2])
            given[number] = count_constant(self.counter)
            given[condition] = ConstTensor(np.ones((), bool), ())
        for each in self.scan_inputs:
            at = (self.trips or 0) - 1 - self.counter if each.reverse else self.counter
            given[each.inner] = _slice(self.outside.algebra, each.tensor, each.axis, at)
        for place, state in enumerate(self.carried.states):
            if place in self.carried.bound:
                given[state.inner] = self.carried.bound[place]
                continue
            given[state.inner] = known = self.leaf_of(state, place)
            if isinstance(known, PolyTensor):
                leaves[place] = known
                given[state.inner] = in_stretches(self.outside.algebra, known, self.stretches.get(place, ()))
        return self._interpret(self.scope, given), leaves

    def leaf_of(self, state: LoopState, place: int) -> Known:
        """Return what a state is in the body."""
        initial = self.carried.initial(state)
        if isinstance(initial, ConstTensor) and is_count(initial):
            return count_constant(symbol(CarriedInteger(self.scope.path, place)), initial.dims)
        if not isinstance(initial, (PolyTensor, ConstTensor)):
            return None
        # What is empty at first has grown by step t.
        dims = [
            symbol(CarriedLength(self.scope.path, place, i)) if dim == 0 else dim for i, dim in enumerate(initial.dims)
        ]
        made = leaf_tensor(self.outside.algebra, NamedValue(self.scope.path, state.inner), dims)
        self.outside.algebra.non_matrices.add(NamedValue(self.scope.path, state.inner))
        self.outside.algebra.loop_states.add(NamedValue(self.scope.path, state.inner))
        if isinstance(initial, PolyTensor) and FEATURES in initial.axes and initial.width > 0:
            try:
                return with_feature_axis(self.outside.algebra, made, initial.axes.index(FEATURES), initial.width)
            except NotUnderstoodError:
                return made
        return made

    def learnt(self, body: ScopeValues, leaves: dict[int, PolyTensor]) -> bool:
        """Bind the states that have turned out to be no recurrence; tell whether anything has turned out."""
        before = len(self.carried.bound), self.trips
        self.carried.bind_invariants_and_counters(body, self.counter)
        if self.node.op_type == "Loop" and self.trips is None:
            self._learn_trip_count(body)
        for place in leaves:
            self.carried.bind_duplicate(place, body)
        return self._learn_stretches(body, leaves) or (len(self.carried.bound), self.trips) != before

    def _learn_stretches(self, body: ScopeValues, leaves: dict[int, PolyTensor]) -> bool:
        """Carry side by side what the steps make side by side: both directions of a GRU, say."""
        found = {}
        for place, leaf in leaves.items():
            made = body.value(self.carried.states[place].result)
            if place in self.stretches or not isinstance(made, PolyTensor) or len(made.pieces) < 2:
                continue
            if made.axes == leaf.axes and made.width == leaf.width:
                found[place] = tuple(width for width, _ in made.pieces)
        self.stretches |= found
        return bool(found)

    def _learn_trip_count(self, body: ScopeValues) -> None:
        found = loop_trip_count(self.outside, self.node, body, self.counter)
        if found is not None:
            self.trips, self.trips_name = found
            self.counter = symbol(Counter(self.scope.path, self.trips))
            self.carried.release_counters()


def _slice(algebra: Algebra, tensor: Tensor, axis: int, at: Count) -> Known:
    if isinstance(tensor, PolyTensor):
        try:
            return take_index(algebra, tensor, axis, at)
        except NotUnderstoodError:
            return None
    if tensor.array.dtype != object and tensor.array.shape[axis]:
        first = np.take(tensor.array, [0], axis)
        if np.array_equal(tensor.array, np.broadcast_to(first, tensor.array.shape)):  # the same in every step
            return ConstTensor(np.take(first, 0, axis), (*tensor.dims[:axis], *tensor.dims[axis + 1 :]))
    return None
