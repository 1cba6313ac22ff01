"""Loop and Scan: what a body does in step t, for every t at once.

The body is interpreted with its counter t as an unknown number, its scan inputs as the outer
tensors at t, and its states as leaves; again and again, until nothing more turns out:

    a state that comes out as it went in    is what it was at the beginning
    a whole number that grows by a step     is its beginning + step · t
    two states that go in and out alike     are one
    a state that only collects              is the values of all steps, stacked

What remains are the states of a recurrence. The number of steps follows from the trip count and
from the conditions the counter meets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.graph.scopes import subgraphs
from gru_lower.passes.fuse_gru.algebra.axes import FEATURES
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine, Counter, is_negative, symbol
from gru_lower.passes.fuse_gru.interpreter.smaller_length import Least
from gru_lower.passes.fuse_gru.loops.collected_steps import collected
from gru_lower.passes.fuse_gru.tensors.constant_arithmetic import Condition
from gru_lower.passes.fuse_gru.tensors.tensor import Const, NotUnderstoodError, Value, leaf, refeature
from gru_lower.passes.fuse_gru.tensors.views import FAR, take

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter, Known

ROUNDS = 8


@dataclass
class State:
    """One value a loop carries.

    Attributes:
        inner: Its name in the body, going in.
        result: Its name in the body, coming out.
        initial: Its name outside, before the first step.
        outer: Its name outside, after the last; ``""`` where nobody asks.
        kind: ``state``, ``invariant``, ``counter``, ``same`` or ``collects``.
        same: The place of the state it is one with.
        collects: The value that is collected, the axis, and whether the last comes first.

    """

    inner: str
    result: str
    initial: str
    outer: str
    kind: str = "state"
    same: int = -1
    collects: tuple[Known, int, bool] | None = None


@dataclass
class Output:
    """One value that is stacked over the steps.

    Attributes:
        result: Its name in the body.
        outer: Its name outside.
        axis: The axis that is made.
        turned: Whether the last step comes first.

    """

    result: str
    outer: str
    axis: int = 0
    turned: bool = False


@dataclass
class Carrier:
    """A Loop or Scan that is understood.

    Attributes:
        index: The node's place in its scope.
        body: The body, interpreted for step t.
        states: What it carries.
        outputs: What it stacks.
        trips: The number of steps.
        counter: t.
        trips_name: The value that is the number of steps, ``""`` for none.

    """

    index: int
    body: Interpreter
    states: list[State]
    outputs: list[Output]
    trips: Count
    counter: Affine
    trips_name: str = ""
    leaves: dict[int, Value] = field(default_factory=dict)
    """What each state is in the body, by its place."""


def understand(interpreter: Interpreter, node: NodeProto, index: int) -> Carrier:
    """Interpret a Loop or Scan.

    Raises:
        NotUnderstoodError: The number of its steps is not known, or a body's part is missing.

    """
    return interpreter.reader(interpreter, node, index).read()


class Reader:
    """Reads one Loop or Scan; see the module.

    Attributes:
        settled: Whether all that was taken for granted has turned out to be so.

    """

    settled = True

    def __init__(self, interpreter: Interpreter, node: NodeProto, index: int) -> None:
        self.outside, self.node, self.index = interpreter, node, index
        self.body = next(graph for _, graph in subgraphs(node))
        self.scope = interpreter.scopes[id(self.body)]
        self.attributes = {a.name: a for a in node.attribute}
        self.scans: list[tuple[str, str, int, bool]] = []
        self.states: list[State] = []
        self.outputs: list[Output] = []
        self.bound: dict[int, Known] = {}
        self.trips: Count | None = None
        self.trips_name = ""
        self.counter = symbol(Counter(self.scope.path, None))

    def read(self) -> Carrier:
        """Interpret the body until nothing more turns out."""
        if self.node.op_type == "Loop":
            self._loop()
        else:
            self._scan()
        rounds = 1
        body, leaves = self._interpreted()
        while self.learnt(body, leaves) and rounds < ROUNDS:
            body, leaves = self._interpreted()
            rounds += 1
        if self.trips is None or not self.settled:
            raise NotUnderstoodError
        for place, state in enumerate(self.states):
            if place not in self.bound:
                state.collects = collected(
                    body, state.inner, state.result, self.counter, self.trips, self.initial(state)
                )
                state.kind = "collects" if state.collects is not None else "state"
        return Carrier(self.index, body, self.states, self.outputs, self.trips, self.counter, self.trips_name, leaves)

    # -- the two kinds -------------------------------------------------------------------------------

    def _loop(self) -> None:
        names = [value.name for value in self.body.input]
        results = [value.name for value in self.body.output]
        initial = list(self.node.input[2:])
        outer = [*self.node.output, *[""] * len(results)]
        for place, name in enumerate(initial):
            self.states.append(State(names[2 + place], results[1 + place], name, outer[place]))
        for place, result in enumerate(results[1 + len(initial) :]):
            self.outputs.append(Output(result, outer[len(initial) + place]))

    def _scan(self) -> None:
        if self.scope.opset < 9:
            raise NotUnderstoodError
        count = self.attributes["num_scan_inputs"].i
        names = [value.name for value in self.body.input]
        results = [value.name for value in self.body.output]
        carried = len(names) - count
        outer = [*self.node.output, *[""] * len(results)]
        axes, directions = self._ints("scan_input_axes", count), self._ints("scan_input_directions", count)
        for place in range(carried):
            self.states.append(State(names[place], results[place], self.node.input[place], outer[place]))
        for place in range(count):
            given = self.outside.value(self.node.input[carried + place])
            if not isinstance(given, (Value, Const)):
                raise NotUnderstoodError
            axis = axes[place] % len(given.dims)
            self.scans.append((names[carried + place], self.node.input[carried + place], axis, bool(directions[place])))
            length = given.dims[axis]
            if self.trips is None or isinstance(length, int):
                self.trips = length
        self.counter = symbol(Counter(self.scope.path, self.trips))
        made = len(results) - carried
        axes, directions = self._ints("scan_output_axes", made), self._ints("scan_output_directions", made)
        for place, result in enumerate(results[carried:]):
            self.outputs.append(Output(result, outer[carried + place], axes[place], bool(directions[place])))

    def _ints(self, name: str, count: int) -> list[int]:
        return list(self.attributes[name].ints) if name in self.attributes else [0] * count

    # -- one round -------------------------------------------------------------------------------------

    def _interpreted(self) -> tuple[Interpreter, dict[int, Value]]:
        body = self.outside.inside(self.scope)
        leaves: dict[int, Value] = {}
        if self.node.op_type == "Loop":
            number, condition = (value.name for value in self.body.input[:2])
            body.values[number] = Const(_object(self.counter), ())
            body.values[condition] = Const(np.ones((), bool), ())
        for name, outer, axis, turned in self.scans:
            given = self.outside.value(outer)
            assert isinstance(given, (Value, Const))
            at = (self.trips or 0) - 1 - self.counter if turned else self.counter
            body.values[name] = _read(body, given, axis, at)
        for place, state in enumerate(self.states):
            if place in self.bound:
                body.values[state.inner] = self.bound[place]
                continue
            body.values[state.inner] = known = self.leaf_of(state, place)
            if isinstance(known, Value):
                leaves[place] = known
        body.run()
        return body, leaves

    def initial(self, state: State) -> Known:
        """Return what a state is before the first step."""
        return self.outside.value(state.initial) if state.initial else None

    def leaf_of(self, state: State, place: int) -> Known:
        """Return what a state is in the body."""
        initial = self.initial(state)
        if isinstance(initial, Const) and _is_count(initial):
            return Const(_object(symbol(("carried", self.scope.path, place)), initial.dims), initial.dims)
        if not isinstance(initial, (Value, Const)):
            return None
        # What is empty at first has grown by step t.
        dims = [
            symbol(("carried", self.scope.path, place, i)) if dim == 0 else dim for i, dim in enumerate(initial.dims)
        ]
        made = leaf(self.outside.algebra, (self.scope.path, state.inner), dims)
        self.outside.algebra.data.add((self.scope.path, state.inner))
        if isinstance(initial, Value) and FEATURES in initial.axes and initial.width > 0:
            try:
                return refeature(self.outside.algebra, made, initial.axes.index(FEATURES), initial.width)
            except NotUnderstoodError:
                return made
        return made

    def learnt(self, body: Interpreter, leaves: dict[int, Value]) -> bool:
        """Bind what has turned out; tell whether anything has."""
        before = len(self.bound), self.trips
        for place, state in enumerate(self.states):
            if place in self.bound:
                continue
            coming = body.value(state.result)
            initial = self.initial(state)
            given = body.values[state.inner]
            if state.result == state.inner or _alike(coming, given):
                self.bound[place], state.kind = initial, "invariant"
            elif isinstance(coming, Const) and isinstance(given, Const) and isinstance(initial, Const):
                self._count(place, given, coming, initial)
        if self.node.op_type == "Loop":
            self._number_of_steps(body)
        for place in leaves:
            self._alike(place, body)
        return (len(self.bound), self.trips) != before

    def _count(self, place: int, given: Const, coming: Const, initial: Const) -> None:
        if coming.array.size != 1 or given.array.size != 1 or not _is_count(initial):
            return
        step = coming.array.reshape(-1)[0] - given.array.reshape(-1)[0]
        if isinstance(step, (int, np.integer)):
            entry = self.counter * int(step) + _entry(initial) if step else _entry(initial)
            self.bound[place] = Const(_object(entry, initial.dims), initial.dims)
            self.states[place].kind = "counter"

    def _alike(self, place: int, body: Interpreter) -> None:
        """Find a state before this one that begins and goes on in the same way."""
        for other in range(place):
            if other in self.bound or place in self.bound:
                continue
            one, two = self.states[other], self.states[place]
            same_start = one.initial == two.initial or _alike(self.initial(one), self.initial(two))
            goes_on = body.value(one.result)
            if same_start and isinstance(goes_on, Value) and _alike(goes_on, body.value(two.result)):
                self.bound[place] = body.values[one.inner]
                two.kind, two.same = "same", other

    # -- the number of steps -----------------------------------------------------------------------------

    def _number_of_steps(self, body: Interpreter) -> None:
        if self.trips is not None:
            return
        most: list[tuple[Count, str]] = []
        if self.node.input[0]:
            given = self.outside.value(self.node.input[0])
            if isinstance(given, Const) and given.array.size == 1:
                most.append((_entry(given), self.node.input[0]))
            elif isinstance(given, Value):
                most.append((symbol(("trips", self.node.input[0])), self.node.input[0]))
            else:
                return
        going_on = body.value(self.body.output[0].name)
        if not isinstance(going_on, Const) or going_on.array.size != 1:
            return
        entry = going_on.array.reshape(-1)[0]
        if isinstance(entry, (bool, np.bool_)):
            conditions: tuple[Condition, ...] = ()
            if not entry:
                return
        else:
            conditions = (entry,) if isinstance(entry, Condition) else entry if isinstance(entry, tuple) else ()
            if not conditions:
                return
        for condition in conditions:
            steps = self._steps_of(condition)
            if steps is None:
                return
            most.append((steps, ""))
        finite = [(count, name) for count, name in most if not isinstance(count, int) or count < FAR]
        counts = list(dict.fromkeys(count for count, _ in finite))
        # The conditions bind together: the fewest steps that any of them lets through.
        fewest = [one for one in counts if all(is_negative(other - one) is False for other in counts)]
        if not fewest or not self._starts():
            return
        self.trips = fewest[0]
        self.trips_name = next((name for count, name in finite if name and count == self.trips), "") or self._named()
        self.counter = symbol(Counter(self.scope.path, self.trips))
        for place, state in enumerate(self.states):
            if state.kind == "counter":  # counts by the counter that knows its end now
                del self.bound[place]
                state.kind = "state"

    def _named(self) -> str:
        """Return the value that the number of steps is, if it is one of the scope around."""
        name = self.trips.terms[0][0] if isinstance(self.trips, Affine) and self.trips.terms else None
        if not isinstance(name, Least) or self.trips != symbol(name) or name.path != self.outside.scope.path:
            return ""
        return name.value

    def _starts(self) -> bool:
        """Whether the first step is taken, as long as there is any."""
        if len(self.node.input) < 2 or not self.node.input[1]:
            return True
        given = self.outside.value(self.node.input[1])
        if not isinstance(given, Const) or given.array.size != 1:
            return False
        entry = given.array.reshape(-1)[0]
        if isinstance(entry, (bool, np.bool_)):
            return bool(entry)
        return isinstance(entry, tuple)

    def _steps_of(self, condition: Condition) -> Count | None:
        op, left, right = condition
        if op in ("Greater", "GreaterOrEqual"):
            op, left, right = {"Greater": "Less", "GreaterOrEqual": "LessOrEqual"}[op], right, left
        if op not in ("Less", "LessOrEqual"):
            return None
        gap = right - left  # goes on while gap > 0
        name = self.counter.terms[0][0]
        if not isinstance(gap, Affine) or gap.factor(name) != -1:
            return None
        return gap + self.counter + (2 if op == "LessOrEqual" else 1)


def _read(body: Interpreter, given: Value | Const, axis: int, at: Count) -> Known:
    if isinstance(given, Value):
        try:
            return take(body.algebra, given, axis, at)
        except NotUnderstoodError:
            return None
    if given.array.shape[axis] == 1 and given.array.dtype != object:
        return Const(np.take(given.array, 0, axis), (*given.dims[:axis], *given.dims[axis + 1 :]))
    return None


def _is_count(const: Const) -> bool:
    return const.array.size == 1 and (const.array.dtype == object or const.array.dtype.kind in "iu")


def _entry(const: Const) -> Any:  # noqa: ANN401 - a Count
    entry = const.array.reshape(-1)[0]
    return entry if isinstance(entry, Affine) else int(entry)


def _object(entry: Any, dims: tuple[Any, ...] = ()) -> np.ndarray[Any, np.dtype[Any]]:  # noqa: ANN401 - a Count
    array = np.empty((1,) * len(dims), object)
    array.reshape(-1)[:] = [entry]
    return array


def _alike(one: Known, other: Known) -> bool:
    """Whether two values are the same for all that is known."""
    if isinstance(one, Const) and isinstance(other, Const):
        return (
            one.dims == other.dims and one.array.dtype == other.array.dtype and np.array_equal(one.array, other.array)
        )
    return isinstance(one, Value) and one == other


__all__ = ["Carrier", "Output", "Reader", "State", "understand"]
