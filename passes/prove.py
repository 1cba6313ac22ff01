"""Proof that lowered GRUs compute what the operator says: over the reals, for all inputs.

A GRU node of one model and the nodes that make its outputs in another are compared in the algebra of fusing. The
operator's own step, :func:`gru_lower.gru.cell.step`, is written in polynomials with the node's weights; the values
that are there are interpreted as polynomials; equal ones are the same object.

    unrolled   Y[t] is the step's state after t steps from initial_h, for every t
    loops      what the body hands on is one step from what it is handed, with X at the body's step, and it begins with
               initial_h; Y is what the body stacks, Y_h what it ends with

Everything else in the two models has to be the same, node by node. What cannot be shown is no difference: it is left to running.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import NodeProto

from gru_lower.graph import external
from gru_lower.graph.facts import Facts
from gru_lower.graph.known import is_zero
from gru_lower.graph.scopes import is_onnx, node_uses, walk
from gru_lower.gru import cell
from gru_lower.gru.parse import parse
from gru_lower.passes.fuse import views
from gru_lower.passes.fuse.after import Left
from gru_lower.passes.fuse.algebra import Leaf, Stack, TooLargeError
from gru_lower.passes.fuse.fuse_gru import interpreted
from gru_lower.passes.fuse.values import Const, F, NotUnderstoodError, Value, refeature

if TYPE_CHECKING:
    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.activations import Activation
    from gru_lower.gru.spec import Direction, GruSpec
    from gru_lower.passes.fuse.algebra import Algebra, Poly
    from gru_lower.passes.fuse.carriers import Carrier
    from gru_lower.passes.fuse.interpret import Interpreter

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Proof:
    """What came of one GRU.

    Attributes:
        site: Its id in the model that has it.
        proved: Whether the other model computes the same.
        reason: Why that could not be shown, ``""`` where it was.

    """

    site: str
    proved: bool
    reason: str = ""


class NotShownError(Exception):
    """A step of a proof does not hold, or is beyond the algebra."""


def prove(original: Model, rewritten: Model) -> list[Proof]:
    """Compare every GRU node of a model with what makes its outputs in another.

    Args:
        original: The model with GRU nodes.
        rewritten: The one in which they may have been lowered; scopes and the names of outputs are the same.

    Returns:
        One entry for each GRU node that is not there any more.

    """
    facts = Facts(original)
    others = {interpreter.scope.path: interpreter for interpreter in interpreted(rewritten, Facts(rewritten))}
    found = []
    for scope in walk(original.proto):
        for index, node in enumerate(scope.nodes):
            other = others.get(scope.path)
            if not is_onnx(node, "GRU") or (other is not None and _is_there(other.scope, node)):
                continue
            try:
                if other is None:
                    raise NotShownError("its scope is not there any more")
                _prove_site(original, scope, index, facts, other)
            except NotShownError as error:
                found.append(Proof(scope.site(index), proved=False, reason=str(error)))
            except (NotUnderstoodError, TooLargeError):
                found.append(Proof(scope.site(index), proved=False, reason="a value is beyond the algebra"))
            else:
                found.append(Proof(scope.site(index), proved=True))
    return found


def rest_is_the_same(original: Model, rewritten: Model) -> bool:
    """Whether all that is no GRU stands in both models alike: nodes, the constants they read, inputs and outputs.

    Args:
        original: The model with GRU nodes.
        rewritten: The one in which they may have been lowered.

    """
    others = {scope.path: scope for scope in walk(rewritten.proto)}
    for scope in walk(original.proto):
        other = others.get(scope.path)
        if other is None or list(scope.inputs) != list(other.inputs) or scope.outputs != other.outputs:
            return False
        needed = _needed_besides(scope)
        for index, node in enumerate(scope.nodes):
            if is_onnx(node, "GRU"):
                continue
            twin = other.producers.get(next(filter(None, node.output), ""))
            if twin is None and index not in needed:
                continue  # it served the GRU alone, as a state of zeros does, and went with it
            if twin is None or _without_bodies(other.nodes[twin]) != _without_bodies(node):
                return False
            for name in node.input:
                there, here = other.initializers.get(name), scope.initializers.get(name)
                if here is not None and there != here:
                    return False
    return True


def _needed_besides(scope: Scope) -> set[int]:
    """Return the nodes that a scope's outputs hang on by other ways than through a GRU."""
    found: set[int] = set()
    pending = list(scope.outputs)
    while pending:
        index = scope.producers.get(pending.pop())
        if index is None or index in found or is_onnx(scope.nodes[index], "GRU"):
            continue
        found.add(index)
        pending += node_uses(scope.nodes[index])
    return found


def _without_bodies(node: NodeProto) -> NodeProto:
    """Leave out what is compared as a scope of its own, and what has no meaning."""
    copy = NodeProto()
    copy.CopyFrom(node)
    copy.ClearField("doc_string")
    copy.ClearField("metadata_props")
    for attribute in copy.attribute:
        attribute.ClearField("g")
        attribute.ClearField("graphs")
    return copy


def _is_there(scope: Scope, node: Any) -> bool:  # noqa: ANN401 - a NodeProto
    return any(each == node for each in scope.nodes)


def _prove_site(model: Model, scope: Scope, index: int, facts: Facts, other: Interpreter) -> None:
    spec = parse(scope, index, facts).spec
    if spec is None:
        raise NotShownError("the GRU is not understood")
    if "sequence_lens" in spec.inputs:
        raise NotShownError("sequence_lens decide step by step")
    constants = {}
    for key in ("W", "R", "B"):
        if key in spec.inputs:
            tensor = facts.constant(scope, spec.inputs[key])
            if tensor is None:
                raise NotShownError(f"{key} is not constant")
            constants[key] = external.to_array(tensor, model.base_dir)
    zeros = "initial_h" not in spec.inputs or is_zero(facts, scope, spec.inputs["initial_h"])
    for direction in spec.directions:
        _Direction(spec, direction, constants, other, zeros=zeros).prove()


class _Direction:
    """One direction of a GRU, and where its outputs come from."""

    def __init__(
        self, spec: GruSpec, direction: Direction, constants: dict[str, Array], other: Interpreter, *, zeros: bool
    ) -> None:
        self.spec, self.direction, self.other, self.zeros = spec, direction, other, zeros
        self.algebra: Algebra = other.algebra
        d, h = direction.index, spec.hidden_size
        matrices = self.algebra.matrices
        self.W = [matrices.constant(part) for part in np.split(constants["W"][d], 3)]
        self.R = [matrices.constant(part) for part in np.split(constants["R"][d], 3)]
        b = constants["B"][d] if "B" in constants else np.zeros(6 * h, constants["W"].dtype)
        self.Wb, self.Rb = np.split(b[: 3 * h], 3), np.split(b[3 * h :], 3)

    def prove(self) -> None:
        """Show that Y and Y_h are this direction's.

        Raises:
            NotShownError: They are not, for all that could be shown.

        """
        y, y_h = self._output(self.spec.Y, 1, 2), self._output(self.spec.Y_h, 0, 1)
        made = [poly for poly in (y, y_h) if poly is not None]
        lefts = [self._left(poly) for poly in made]
        if all(left is not None for left in lefts):
            self._prove_loop(y, y_h)
        else:
            self._prove_steps(y, y_h)

    def _output(self, name: str, axis: int, axis_if_batch_first: int) -> Poly | None:
        """Return the polynomial of an output, whose axes then are time, batch and features."""
        if not name:
            return None
        known = self.other.values.get(name)
        if not isinstance(known, Value):
            raise NotShownError(f"{name} is not understood")
        value = views.take(self.algebra, known, axis_if_batch_first if self.spec.layout else axis, self.direction.index)
        if value.poly is None:
            raise NotShownError(f"{name} is made of several parts")
        labels = [kind[0] for kind in value.axes if kind and kind != F]
        wanted = sorted(labels, reverse=bool(self.spec.layout) and len(labels) > 1)
        if labels != wanted or value.axes[-1] != F:
            raise NotShownError(f"{name} has its axes in another order")
        return value.poly

    # -- the operator, in polynomials ------------------------------------------------------------------

    def _x(self, at: Any) -> Poly:  # noqa: ANN401 - an index
        known = self.other.value(self.spec.inputs["X"])
        if not isinstance(known, Value):
            raise NotShownError("X is not understood")
        value = views.take(self.algebra, known, 1 if self.spec.layout else 0, at)
        if value.poly is None:
            raise NotShownError("X is made of several parts")
        return value.poly

    def _step(self, x: Poly, state: Poly | None) -> Poly:
        algebra, spec = self.algebra, self.spec
        late = spec.linear_before_reset
        biases = [self._bias(self.Wb[0], self.Rb[0]), self._bias(self.Wb[1], self.Rb[1])]
        biases.append(self._bias(self.Wb[2]) if late else self._bias(self.Wb[2], self.Rb[2]))
        parts = [algebra.add(algebra.linear(w, x), b) for w, b in zip(self.W, biases, strict=True)]
        # The state stands in products and under matrices: a whole in both.
        before = None if state is None else algebra.poly({(algebra.cut(state) if state.atom is None else state.atom,): 1.0})
        projection = cell.Projection(*parts)
        return cell.step(_Operator(self), self.direction, projection, before, linear_before_reset=late)

    def _bias(self, *parts: Array) -> Poly:
        total = parts[0] if len(parts) == 1 else parts[0] + parts[1]
        return self.algebra.constant(self.algebra.vector(total))

    def _initial(self) -> Poly | None:
        if self.zeros:
            return None
        known = self.other.value(self.spec.inputs["initial_h"])
        if not isinstance(known, Value):
            raise NotShownError("initial_h is not understood")
        value = views.take(self.algebra, known, 1 if self.spec.layout else 0, self.direction.index)
        if value.poly is None:
            raise NotShownError("initial_h is made of several parts")
        return value.poly

    # -- unrolled --------------------------------------------------------------------------------------

    def _prove_steps(self, y: Poly | None, y_h: Poly | None) -> None:
        count = self.spec.seq_length
        if count is None:
            raise NotShownError("the number of steps is not known")
        state = self._initial()
        states: list[Poly] = [self.algebra.zero] * count
        for time in range(count):
            place = count - 1 - time if self.direction.reverse else time
            state = states[place] = self._step(self._x(place), state)
        if y_h is not None and not self._same(y_h, state):
            raise NotShownError("Y_h is not the last state")
        if y is None:
            return
        atom = None if y.atom is None else self.algebra.atoms[y.atom]
        parts = atom.parts if isinstance(atom, Stack) else (y,)
        if len(parts) != count or not all(self._same(one, two) for one, two in zip(parts, states, strict=True)):
            raise NotShownError("Y is not the states, one after the other")

    def _same(self, one: Poly, other: Poly | None) -> bool:
        if other is None:
            return False
        return self.algebra.whole.get(one, one) is self.algebra.whole.get(other, other)

    # -- loops -----------------------------------------------------------------------------------------

    def _left(self, poly: Poly) -> Left | None:
        """Return what a loop left behind that a polynomial is, seen as it is or with its steps turned around."""
        atom = None if poly.atom is None else self.algebra.atoms[poly.atom]
        if not isinstance(atom, Leaf) or not isinstance(atom.source, Left):
            return None
        whole = self.algebra.defined[atom.source]
        if poly is whole:
            return atom.source
        carrier = self._carrier(atom.source)
        if carrier is None or not atom.source.stacked:
            return None
        turned = self.algebra.along(whole, 0, carrier.trips - 1, -1, carrier.trips)
        return atom.source._replace(turned=not atom.source.turned) if poly is turned else None

    def _carrier(self, left: Left) -> Carrier | None:
        return next((c for c in self.other.carriers.values() if c.body.scope.path == left.path), None)

    def _prove_loop(self, y: Poly | None, y_h: Poly | None) -> None:
        left = self._left(y if y is not None else y_h)  # type: ignore[arg-type]
        assert left is not None
        carrier = self._carrier(left)
        if carrier is None:
            raise NotShownError("its loop is in another scope")
        reasons = []
        for place, state in enumerate(carrier.states):
            if state.kind != "state" or place not in carrier.leaves:
                continue
            try:
                self._prove_state(carrier, place, y, y_h)
            except NotShownError as error:
                reasons.append(str(error))
            else:
                return
        raise NotShownError(reasons[0] if reasons else "no state of the loop is the GRU's")

    def _prove_state(self, carrier: Carrier, place: int, y: Poly | None, y_h: Poly | None) -> None:
        state = carrier.states[place]
        result = carrier.body.value(state.result)
        if not isinstance(result, Value) or result.poly is None or F not in result.axes:
            raise NotShownError("the new state is not understood")
        before = refeature(self.algebra, carrier.leaves[place], result.axes.index(F), result.width)
        at = carrier.trips - 1 - carrier.counter if self.direction.reverse else carrier.counter
        if before.axes != result.axes or not self._same(result.poly, self._step(self._x(at), before.pieces[0][1])):
            raise NotShownError("the body's new state is not one step from the old one")
        self._begins(state.initial)
        known = self.other.value(self.spec.inputs["X"])
        length = known.dims[1 if self.spec.layout else 0] if isinstance(known, Value) else None
        if carrier.trips != length:
            raise NotShownError("the loop has another number of steps than X")
        for poly, stacked in ((y, True), (y_h, False)):
            found = None if poly is None else self._left(poly)
            if found is None:
                continue
            made = carrier.body.value(found.name)
            turned = stacked and self.direction.reverse
            if found.stacked != stacked or found.turned != turned or found.path != carrier.body.scope.path:
                raise NotShownError("an output comes in another order, or from another loop")
            if not isinstance(made, Value) or made.poly is None or not self._same(made.poly, result.poly):
                raise NotShownError("an output is not the state")

    def _begins(self, name: str) -> None:
        known = self.other.value(name)
        if isinstance(known, Const):
            given = None if self.zeros else self.other.value(self.spec.inputs["initial_h"])
            wanted = given.array.take(self.direction.index, 1 if self.spec.layout else 0) if isinstance(given, Const) else 0
            if not np.array_equal(np.broadcast_to(wanted, known.array.shape) if np.ndim(wanted) == 0 else wanted, known.array):
                raise NotShownError("the loop begins with a constant of its own")
            return
        initial = self._initial()
        if not isinstance(known, Value) or known.poly is None or initial is None or not self._same(known.poly, initial):
            raise NotShownError("the loop does not begin with initial_h")


class _Operator:
    """The operator's own step over polynomials: :class:`gru_lower.gru.cell.Algebra`."""

    def __init__(self, site: _Direction) -> None:
        self.site, self.algebra = site, site.algebra

    def recurrent(self, gate: str, state: Poly, plus: Poly) -> Poly:
        matrix = self.site.R["zrh".index(gate)]
        return self.algebra.add(plus, self.algebra.linear(matrix, self.algebra.whole.get(state, state)))

    def recurrent_candidate(self, state: Poly | None) -> Poly | None:
        bias = self.algebra.constant(self.algebra.vector(self.site.Rb[2]))
        if state is None:
            return bias if bias.terms else None
        return self.algebra.add(bias, self.algebra.linear(self.site.R[2], self.algebra.whole.get(state, state)))

    def clip(self, value: Poly) -> Poly:
        bound = self.site.spec.clip
        if bound is None:
            return value
        bound = float(np.float32(bound))
        return self.algebra.fn("Clip", value, parameters=(-bound, bound))

    def activation(self, function: Activation, value: Poly, name: str) -> Poly:
        del name
        alpha, beta = (0.0 if p is None else float(np.float32(p)) for p in (function.alpha, function.beta))
        if function.name == "Affine":
            return self.algebra.add(self.algebra.scale(value, alpha), self.algebra.constant(beta))
        if function.name == "ScaledTanh":
            return self.algebra.scale(self.algebra.fn("Tanh", self.algebra.scale(value, beta)), alpha)
        given = [float(np.float32(p)) for p in (function.alpha, function.beta) if p is not None]
        return self.algebra.fn(function.name, value, parameters=tuple(given))

    def mul(self, left: Poly, right: Poly, name: str) -> Poly:
        del name
        return self.algebra.mul(left, right)

    def add(self, left: Poly, right: Poly, name: str) -> Poly:
        del name
        return self.algebra.add(left, right)

    def blend(self, zt: Poly, ht: Poly, state: Poly | None) -> Poly:
        difference = ht if state is None else self.algebra.add(ht, self.algebra.scale(state, -1.0))
        return self.algebra.add(ht, self.algebra.scale(self.algebra.mul(zt, difference), -1.0))
