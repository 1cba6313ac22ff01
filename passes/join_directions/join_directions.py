"""The pass ``join-directions``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper

from gru_lower.emission.edit_writer import EditWriter
from gru_lower.graph import splice
from gru_lower.graph.equal_values import value_key
from gru_lower.graph.facts import Facts
from gru_lower.graph.names import Names
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.gru.parse_node import parse
from gru_lower.passes.base import Context, Pass, PassResult
from gru_lower.passes.join_directions.output_axes import Y_AXES, Y_H_AXES, Seen, seen

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec

OLDEST = 7


@dataclass(frozen=True)
class JoinOptions:
    """Options of ``join-directions``: there are none."""


@dataclass(frozen=True)
class Joint:
    """A Concat of what two GRUs make, on the feature axis or on one of directions.

    Attributes:
        index: The Concat's place.
        output: 0 for Y, 1 for Y_h.
        axes: How the result lies, ``H`` being the features of both unless there is a ``D``.
        name: What the result is called.
        gone: The nodes that go with it.

    """

    index: int
    output: int
    axes: tuple[str, ...]
    name: str
    gone: frozenset[int]


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
    def __init__(self, scope: Scope, facts: Facts, names: Names) -> None:
        self.scope, self.facts, self.names = scope, facts, names

    def edits(self) -> Iterator[splice.Edit]:
        specs: dict[int, GruSpec] = {}
        for index, node in enumerate(self.scope.nodes):
            spec = parse(self.scope, index, self.facts).spec if is_onnx(node, "GRU") else None
            if spec is not None and len(spec.directions) == 1 and not spec.layout and self.scope.opset >= OLDEST:
                specs[index] = spec
        joints = self._joints(specs)
        done: set[int] = set()
        for (forward, reverse), found in joints.items():
            if done & {forward, reverse} or not self._fit(specs[forward], specs[reverse]):
                continue
            edit = self._joined((forward, reverse), specs, found)
            if edit is not None:
                done |= {forward, reverse}
                yield edit

    def _joints(self, specs: dict[int, GruSpec]) -> dict[tuple[int, int], list[Joint]]:
        found: dict[tuple[int, int], list[Joint]] = {}
        for index, node in enumerate(self.scope.nodes):
            if not is_onnx(node, "Concat") or len(node.input) != 2:
                continue
            first, second = (seen(self.scope, self.facts, name) for name in node.input)
            if first is None or second is None or not {first.gru, second.gru} <= specs.keys():
                continue
            ways = [specs[one.gru].directions[0].reverse for one in (first, second)]
            joint = self._joint(index, first, second)
            if joint is not None and ways == [False, True]:
                found.setdefault((first.gru, second.gru), []).append(joint)
        return found

    def _joint(self, index: int, first: Seen, second: Seen) -> Joint | None:
        node = self.scope.nodes[index]
        axis = next(a.i for a in node.attribute if a.name == "axis")
        same = (first.output, first.axes) == (second.output, second.axes) and not first.flipped and not second.flipped
        if not same or first.axes[axis] != ("D" if "D" in first.axes else "H"):
            return None
        axes, name, gone = first.axes, node.output[0], {index}
        users = self.scope.uses[name]
        after = [i for i, other in enumerate(self.scope.nodes) if name in other.input]
        if len(after) == 1 and users == 1 and is_onnx(self.scope.nodes[after[0]], "Transpose"):
            other = self.scope.nodes[after[0]]
            perm = next((list(a.ints) for a in other.attribute if a.name == "perm"), list(reversed(range(len(axes)))))
            axes, name = tuple(axes[place] for place in perm), other.output[0]
            gone.add(after[0])
        return Joint(index, first.output, axes, name, frozenset(gone))

    def _fit(self, one: GruSpec, other: GruSpec) -> bool:
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

    def _joined(self, pair: tuple[int, int], specs: dict[int, GruSpec], joints: list[Joint]) -> splice.Edit | None:
        writer = _Writer(self, pair, [specs[index] for index in pair])
        gone = {*pair, *(index for joint in joints for index in joint.gone)}
        dead = self._dead(gone)
        outputs: list[str] = []
        for place, axes in ((0, Y_AXES), (1, Y_H_AXES)):
            here = [joint for joint in joints if joint.output == place]
            olds = [
                node.output[place] if len(node.output) > place else ""
                for node in map(self.scope.nodes.__getitem__, pair)
            ]
            kept = [old for old in olds if old and self._is_used(old, dead)]
            itself = next((joint for joint in here if joint.axes == axes), None)
            made = itself.name if itself else writer.value_name(("Y", "Y_h")[place]) if here or kept else ""
            outputs.append(made)
            for joint in here:
                if joint is not itself:
                    writer.joint(made, axes, joint)
            if kept:
                parts = [old if old in kept else writer.value_name("unused") for old in olds]
                writer.split(outputs[place], [1, 1], parts, 1 - place, "Y_split", "Y_sizes")
        writer.gru(outputs)
        new = {name for node in writer.nodes for name in node.input}
        if len(writer.nodes) > len(self._dead(gone, new)):
            return None
        return splice.Edit(self.scope, sorted(gone), writer.nodes, writer.initializers)

    def _dead(self, gone: set[int], used: Container[str] = ()) -> set[int]:
        """Return the nodes nobody asks for once some are gone, though others come that use some values."""
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
        inside = sum(list(self.scope.nodes[index].input).count(name) for index in dead)
        return bool(self.scope.uses[name] > inside)


class _Writer(EditWriter):
    """Writes the nodes of one bidirectional GRU."""

    def __init__(self, scope: _Scope, pair: tuple[int, int], specs: Sequence[GruSpec]) -> None:
        self.scope, self.pair, self.specs = scope, pair, specs
        self.old = [scope.scope.nodes[index] for index in pair]
        prefix = scope.names.prefix(f"{self.old[0].name or self.old[0].output[0]}/both")
        super().__init__(scope.scope.opset, scope.names, prefix)

    def joint(self, source: str, axes: tuple[str, ...], joint: Joint) -> None:
        """Lay the directions beside each other on the features."""
        if "D" in joint.axes:
            perm = [axes.index(axis) for axis in joint.axes]
            self.node("Transpose", [source], [joint.name], "Y_joined", perm=perm)
            return
        order = [axis for wanted in joint.axes for axis in (("D", "H") if wanted == "H" else (wanted,))]
        lengths = [2 * self.specs[0].hidden_size if axis == "H" else 0 for axis in joint.axes]
        moved = source
        if order != list(axes):
            moved = self.value_name("Y_ordered")
            self.node("Transpose", [source], [moved], "Y_ordered", perm=[axes.index(axis) for axis in order])
        shape = self.constant(np.array(lengths, np.int64), "Y_shape")
        self.node("Reshape", [moved, shape], [joint.name], "Y_joined")

    def given(self, what: str) -> str:
        """Return an input of both directions, ``""`` if neither has it."""
        names = [spec.inputs.get(what, "") for spec in self.specs]
        if not any(names):
            return ""
        arrays = [self.scope.facts.array(self.scope.scope, name) if name else None for name in names]
        if what == "B" and not all(names):
            known = next((array for array in arrays if array is not None), None)
            dtype = helper.tensor_dtype_to_np_dtype(self.specs[0].elem_type)
            zeros = np.zeros((1, 6 * self.specs[0].hidden_size), dtype if known is None else known.dtype)
            arrays = [array if name else zeros for array, name in zip(arrays, names, strict=True)]
            names = [name or self.constant(zeros, "B_zeros") for name in names]
        if arrays[0] is not None and arrays[1] is not None:
            return self.constant(np.concatenate([arrays[0], arrays[1]]), what)
        made = self.value_name(what)
        self.node("Concat", names, [made], what, axis=0)
        return made

    def gru(self, outputs: Sequence[str]) -> None:
        """Write the GRU in front of all else."""
        first = self.specs[0]
        sequence_lens = first.inputs.get("sequence_lens", "")
        rest, self.nodes = self.nodes, []
        inputs = [first.inputs["X"], self.given("W"), self.given("R"), self.given("B"), sequence_lens]
        inputs.append(self.given("initial_h"))
        while not inputs[-1]:
            inputs.pop()
        kept = list(outputs) if outputs[1] else list(outputs[:1])
        attributes = {a.name: helper.get_attribute_value(a) for a in self.old[0].attribute}
        attributes |= {"direction": "bidirectional", "hidden_size": first.hidden_size}
        for name in ("activations", "activation_alpha", "activation_beta"):
            attributes.pop(name, None)
        attributes |= self._activations()
        self.node("GRU", inputs, kept, "GRU", **attributes)
        self.nodes += rest

    def _activations(self) -> dict[str, Any]:
        functions = [function for spec in self.specs for function in (spec.directions[0].f, spec.directions[0].g)]
        if [str(function) for function in functions] == ["Sigmoid", "Tanh"] * 2:
            return {}
        found: dict[str, Any] = {"activations": [function.name for function in functions]}
        for which in ("alpha", "beta"):
            values = [value for function in functions if (value := getattr(function, which)) is not None]
            if values:
                found[f"activation_{which}"] = values
        return found
