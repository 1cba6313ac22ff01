"""The pass ``join-directions``: find a forward and a reverse GRU that become one bidirectional GRU, and join them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph import splice
from gru_lower.graph.equal_values import value_key
from gru_lower.graph.facts import Facts
from gru_lower.graph.names import Names
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.gru.parse_node import parse
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.base import Context, Pass, PassResult
from gru_lower.passes.join_directions.output_axes import Y_AXES, Y_H_AXES, MovedOutput, trace_to_gru
from gru_lower.passes.join_directions.write_bidirectional import BidirectionalWriter, Join

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec

OLDEST = 7
"""The first opset whose GRU is understood."""


@dataclass(frozen=True)
class JoinOptions:
    """Options of ``join-directions``: there are none."""


class JoinDirections(Pass):
    """Make one bidirectional GRU of a forward and a reverse one over the same X whose outputs are concatenated.

        Concat(Y_forward, Y_reverse) on the features = Reshape(Transpose(Y)),   Y [T,2,B,H]
        Concat(Y_forward, Y_reverse) on an axis of directions = Transpose(Y)

    Rules:
        1. X and sequence_lens are the same values, or are computed alike; hidden_size, clip, linear_before_reset and
           element type are equal; both have an initial_h or neither has. Activations may differ.
        2. A Concat of Y, or of Y_h, on the features or on directions is there, forward first. Other uses of the four
           outputs keep their names and are split off.
        3. It is done only where no more nodes come than go.
    """

    name = "join-directions"
    Options = JoinOptions

    def run(self, model: Model, ctx: Context) -> PassResult:
        """Join in every scope."""
        del ctx
        result = PassResult(modified=False)
        names, facts = Names(model.proto), Facts(model)
        edits = [edit for scope in walk(model.proto) for edit in _Scope(scope, facts, names).edits()]
        result.modified = splice.apply(model, edits)
        return result


class _Scope:
    """One scope, in which pairs of GRUs are joined."""

    def __init__(self, scope: Scope, facts: Facts, names: Names) -> None:
        self.scope, self.facts, self.names = scope, facts, names

    def edits(self) -> Iterator[splice.Edit]:
        """Yield the edit that joins each pair."""
        specs: dict[int, GruSpec] = {}
        for index, node in enumerate(self.scope.nodes):
            spec = parse(self.scope, index, self.facts).spec if is_onnx(node, "GRU") else None
            if spec is not None and len(spec.directions) == 1 and not spec.layout and self.scope.opset >= OLDEST:
                specs[index] = spec
        done: set[int] = set()
        for (forward, reverse), joins in self._joins_by_pair(specs).items():
            if done & {forward, reverse} or not self._can_join(specs[forward], specs[reverse]):
                continue
            edit = self._joined((forward, reverse), specs, joins)
            if edit is not None:
                done |= {forward, reverse}
                yield edit

    def _joins_by_pair(self, specs: dict[int, GruSpec]) -> dict[tuple[int, int], list[Join]]:
        """Return the Concats of the outputs of a forward and a reverse GRU."""
        found: dict[tuple[int, int], list[Join]] = {}
        for index, node in enumerate(self.scope.nodes):
            if not is_onnx(node, "Concat") or len(node.input) != 2:
                continue
            first, second = (trace_to_gru(self.scope, self.facts, name) for name in node.input)
            if first is None or second is None or not {first.gru, second.gru} <= specs.keys():
                continue
            reverse = [specs[one.gru].directions[0].reverse for one in (first, second)]
            join = self._join_at(index, first, second)
            if join is not None and reverse == [False, True]:
                found.setdefault((first.gru, second.gru), []).append(join)
        return found

    def _join_at(self, index: int, first: MovedOutput, second: MovedOutput) -> Join | None:
        """Return what a Concat of two outputs makes, with a Transpose of it if that is all that reads it."""
        node = self.scope.nodes[index]
        axis = next(a.i for a in node.attribute if a.name == "axis")
        same = (first.output, first.axes) == (second.output, second.axes) and not first.flipped and not second.flipped
        if not same or not -len(first.axes) <= axis < len(first.axes):
            return None
        if first.axes[axis] != ("D" if "D" in first.axes else "H"):
            return None
        axes, name, gone = first.axes, node.output[0], {index}
        readers = [i for i, other in enumerate(self.scope.nodes) if name in other.input]
        if len(readers) == 1 and self.scope.uses[name] == 1 and is_onnx(self.scope.nodes[readers[0]], "Transpose"):
            other = self.scope.nodes[readers[0]]
            perm = next((list(a.ints) for a in other.attribute if a.name == "perm"), list(reversed(range(len(axes)))))
            if sorted(perm) == list(range(len(axes))):
                axes, name = tuple(axes[place] for place in perm), other.output[0]
                gone.add(readers[0])
        return Join(first.output, axes, name, frozenset(gone))

    def _can_join(self, one: GruSpec, other: GruSpec) -> bool:
        def alike(what: str) -> bool:
            first, second = (value_key(self.scope, self.facts, spec.inputs.get(what, "")) for spec in (one, other))
            return bool(first == second)

        equal = all(
            getattr(one, field) == getattr(other, field)
            for field in ("hidden_size", "clip", "linear_before_reset", "elem_type", "version")
        )
        return (
            equal
            and alike("X")
            and alike("sequence_lens")
            and ("initial_h" in one.inputs) == ("initial_h" in other.inputs)
        )

    def _joined(self, pair: tuple[int, int], specs: dict[int, GruSpec], joins: list[Join]) -> splice.Edit | None:
        """Return the edit that joins a pair, ``None`` where more nodes would come than go."""
        old = [self.scope.nodes[index] for index in pair]
        writer = BidirectionalWriter(self.scope, self.facts, self.names, old, [specs[index] for index in pair])
        gone = {*pair, *(index for join in joins for index in join.gone)}
        dead = self._dead(gone)
        outputs: list[str] = []
        for place, axes in ((0, Y_AXES), (1, Y_H_AXES)):
            here = [join for join in joins if join.output == place]
            separate = [node.output[place] if len(node.output) > place else "" for node in old]
            kept = [name for name in separate if name and self._is_used(name, dead)]
            itself = next((join for join in here if join.axes == axes), None)
            made = itself.name if itself else writer.fresh(("Y", "Y_h")[place]) if here or kept else ""
            outputs.append(made)
            for join in here:
                if join is not itself:
                    writer.write_join(made, axes, join)
            if kept:
                parts = [name if name in kept else writer.fresh("unused") for name in separate]
                writer.write_split(outputs[place], 1 - place, parts)
        writer.write_gru(outputs)
        new = {name for node in writer.nodes for name in node.input}
        if len(writer.nodes) > len(self._dead(gone, new)):
            return None
        return splice.Edit(self.scope, sorted(gone), writer.nodes, writer.initializers)

    def _dead(self, gone: set[int], used: Container[str] = ()) -> set[int]:
        """Return the nodes nothing reads once some are gone, though others come that use some values."""
        dead = set(gone)
        pending = [name for index in gone for name in self.scope.nodes[index].input if name]
        while pending:
            index = self.scope.producers.get(pending.pop())
            if index is None or index in dead:
                continue
            made = [name for name in self.scope.nodes[index].output if name]
            if any(name in used or self._is_used(name, dead) for name in made):
                continue
            dead.add(index)
            pending += [given for given in self.scope.nodes[index].input if given]
        return dead

    def _is_used(self, name: str, dead: set[int]) -> bool:
        """Whether a value is read by a node that stays."""
        inside = sum(list(self.scope.nodes[index].input).count(name) for index in dead)
        return bool(self.scope.uses[name] > inside)
