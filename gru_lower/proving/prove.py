"""Prove that lowered GRUs compute what the operator says: over the reals, for all inputs.

A GRU node of one model and the nodes that make its outputs in another are compared in the algebra of fusing. The
operator's own step, :func:`gru_lower.gru.step_equations.step`, is written in polynomials with the node's weights; the
values that are there are interpreted as polynomials; equal ones are the same object.

    unrolled   Y[t] is the step's state after t steps from initial_h, for every t
    loops      by induction: what is read off the loop's states begins as initial_h, and a step of the body makes of it
               what the operator's step makes; Y and Y_h are what it is after each step, and after the last

With sequence_lens, the state after a step is that where the step is of the sequence, and the state before where not;
Y is 0 there. Everything else in the two models has to be the same, node by node. What cannot be shown is no difference:
it is left to running.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.gru.parse_node import parse
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT, FEATURES, FreeAxis
from gru_lower.passes.fuse_gru.algebra.errors import READING_FAILS, NotUnderstoodError, TooLargeError
from gru_lower.passes.fuse_gru.algebra.sources import NamedValue
from gru_lower.passes.fuse_gru.interpreter.interpret_model import interpret_scopes
from gru_lower.passes.fuse_gru.tensors.indexing import take_index
from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor
from gru_lower.proving import prove_loops, prove_unrolled
from gru_lower.proving.equal_lengths import as_text, equal_lengths
from gru_lower.proving.errors import NotShownError
from gru_lower.proving.filled_rows import FilledRowsInterpreter, PackedFilledRowsInterpreter
from gru_lower.proving.gru_node import GruNode
from gru_lower.proving.masked_algebra import MaskedAlgebra, MaskedPackedAlgebra
from gru_lower.proving.operator_step import Operator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter


@dataclass(frozen=True)
class Proof:
    """The outcome of the proof for one GRU.

    Attributes:
        site: Its id in the model that has it.
        proved: Whether the other model computes the same.
        reason: Why that could not be shown, ``""`` where it was.
        preconditions: What the proof takes for granted of the inputs' sizes.

    """

    site: str
    proved: bool
    reason: str = ""
    preconditions: tuple[str, ...] = ()


def prove(original: Model, rewritten: Model, *, zero_length_state: str = "zero") -> list[Proof]:
    """Compare every GRU node of a model with what makes its outputs in another.

    Args:
        original: The model with GRU nodes.
        rewritten: The one in which they may have been lowered; scopes and the names of outputs are the same.
        zero_length_state: What Y_h of a sequence of length 0 is: ``"zero"``, as in onnxruntime, or ``"initial"``.

    Returns:
        One entry for each GRU node that is not there any more.

    """
    zero = zero_length_state == "zero"
    facts, held = Facts(original), _Rewritten(rewritten, original)
    others = {scope.path: scope for scope in walk(rewritten.proto)}
    found = []
    for scope in walk(original.proto):
        other = others.get(scope.path)
        for index, node in enumerate(scope.nodes):
            if not is_onnx(node, "GRU") or (other is not None and _has_node(other, node)):
                continue
            spec = parse(scope, index, facts).spec
            reason = ""
            if spec is None or other is None:
                reason = "its scope is not there any more" if other is None else "the GRU is not understood"
            else:
                try:
                    _prove_site(original, scope, spec, facts, held, empty_is_zero=zero)
                except NotShownError as error:
                    reason = str(error)
            granted = () if spec is None else (*_nonempty(scope, spec, facts), *as_text(held.lengths))
            found.append(Proof(scope.site(index), proved=not reason, reason=reason, preconditions=granted))
    return found


def _nonempty(scope: Scope, spec: GruSpec, facts: Facts) -> Iterator[str]:
    """Yield that there is a step and a sequence, where X may have any number of them: no length is taken to be 0."""
    dims = facts.shape(scope, spec.inputs["X"]) or (None, None)
    for what, dim in zip("BT" if spec.layout else "TB", dims, strict=False):
        if not isinstance(dim, int):
            yield f"{dim or what} >= 1"


def _given(model: Model) -> frozenset[tuple[str, str]]:
    """Return X, sequence_lens and initial_h of a model's GRUs, by the path of their scope and their name."""
    grus = ((scope, node) for scope in walk(model.proto) for node in scope.nodes if is_onnx(node, "GRU"))
    return frozenset(
        NamedValue(scope.path, name) for scope, node in grus for name in (*node.input[:1], *node.input[4:6]) if name
    )


def _made_without_grus(model: Model) -> frozenset[NamedValue]:
    """Return what a model's other nodes make: where they are the same in both models, so are the sizes they take."""
    nodes = ((scope, node) for scope in walk(model.proto) for node in scope.nodes if not is_onnx(node, "GRU"))
    return frozenset(NamedValue(scope.path, name) for scope, node in nodes for name in node.output if name)


def _has_node(scope: Scope, node: Any) -> bool:  # noqa: ANN401 - a NodeProto
    return any(each == node for each in scope.nodes)


class _Rewritten:
    """The values of the rewritten model: as they are, and multiplied out for each H."""

    def __init__(self, model: Model, original: Model) -> None:
        self.model, self.facts, self.given = model, Facts(model), _given(original)
        self.lengths = equal_lengths(original, model, self.facts)
        self._shared = _made_without_grus(original)
        self._found: dict[int, dict[str, Interpreter]] = {}

    def scopes(self, block: int) -> dict[str, Interpreter]:
        """Return the interpreted scopes by path; multiplied out in parts of ``block`` features, 0 for not at all."""
        if block not in self._found:
            algebra, kind = (
                (MaskedPackedAlgebra(block, self.given), PackedFilledRowsInterpreter)
                if block
                else (MaskedAlgebra(self.given), FilledRowsInterpreter)
            )
            algebra.same_lengths.update(self.lengths)
            algebra.shared_values.update(self._shared)
            made = interpret_scopes(self.facts, algebra, kind)
            self._found[block] = {interpreter.scope.path: interpreter for interpreter in made}
        return self._found[block]


def _prove_site(
    model: Model, scope: Scope, spec: GruSpec, facts: Facts, rewritten: _Rewritten, *, empty_is_zero: bool
) -> None:
    """Show that a site's outputs are the operator's: as unrolled steps, or else as a loop.

    Raises:
        NotShownError: They are not, for all that could be shown.

    """
    reasons = []
    for block in (0, spec.hidden_size):
        try:
            other = rewritten.scopes(block)[scope.path]
            node = GruNode(model, scope, spec, facts, other, empty_is_zero=empty_is_zero)
            for direction in spec.directions:
                operator = Operator(node, direction)
                y, y_h = (_output(operator, name) for name in ("Y", "Y_h"))
                if block:
                    prove_loops.prove(operator, other, y, y_h)
                else:
                    prove_unrolled.prove(operator, y, y_h)
        except (NotUnderstoodError, TooLargeError, *READING_FAILS):
            reasons.append("a value is beyond the algebra")
        except NotShownError as error:
            reasons.append(str(error))
        else:
            return
    unrolled = not rewritten.scopes(0)[scope.path].loops
    raise NotShownError(reasons[0] if unrolled else reasons[-1])


def _output(operator: Operator, which: str) -> Poly | None:
    """Return the polynomial of one direction of an output, whose axes then are time, batch and features.

    Raises:
        NotShownError: It has none, or its axes lie otherwise.

    """
    spec, other = operator.spec, operator.node.other
    name = spec.Y if which == "Y" else spec.Y_h
    if not name or not operator.node.asks_for(name):
        return None
    known = other.output(name) if isinstance(other, FilledRowsInterpreter) else other.values.get(name)
    if not isinstance(known, PolyTensor):
        raise NotShownError(f"{name} is not understood")
    axis = (2 if spec.layout else 1) if which == "Y" else (1 if spec.layout else 0)
    value = take_index(operator.algebra, known, axis, operator.direction.index)
    if value.poly is None:
        raise NotShownError(f"{name} is made of several parts")
    others = [axis for axis in value.axes if axis not in (CONSTANT, FEATURES)]
    labels = [axis.label for axis in others if isinstance(axis, FreeAxis)]
    if len(labels) != len(others):
        raise NotShownError(f"{name} has its axes in another order")
    if labels != sorted(labels, reverse=bool(spec.layout) and len(labels) > 1) or value.axes[-1] is not FEATURES:
        raise NotShownError(f"{name} has its axes in another order")
    x = operator.node.tensor("X").dims[:2]
    wanted = x if which == "Y" else x[:1] if spec.layout else x[1:]
    for axis, (found, length) in enumerate(zip(value.dims[:-1], wanted, strict=True)):
        if found != length:
            raise NotShownError(f"axis {axis} of {name} is {found} long, and that of X {length}")
    return value.poly
