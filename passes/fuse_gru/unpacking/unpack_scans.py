"""Unpacking: a Scan whose state is put together of stretches becomes one whose states are the stretches.

    [h | h]' = Scan([h | h], X) {step with [Rz 0; 0 Rr], [0 Rh; 0 Rh], ...}

    h' = Scan(h, X) {step with Rz, Rr, Rh}

It is what lowering packs for the smallest sizes: h twice, in three parts that are added up, both directions side by
side. Blocks of zeros are left out, stretches that are equal in every step are one state, those that stay 0 are none.
What a Scan computes is the same over the reals; whether it is a GRU is asked as of any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from onnx import GraphProto, NodeProto, TypeProto, ValueInfoProto, helper, numpy_helper

from gru_lower.graph.facts import Facts
from gru_lower.graph.names import Names
from gru_lower.graph.scopes import is_onnx, node_uses, subgraphs, walk
from gru_lower.passes.fuse_gru.algebra.errors import READING_FAILS
from gru_lower.passes.fuse_gru.interpreter.interpret_model import interpret_scopes
from gru_lower.passes.fuse_gru.loops.body_edits import copied, set_nodes, set_outputs, state_type, tensor_type
from gru_lower.passes.fuse_gru.loops.equal_stretches import ZEROS
from gru_lower.passes.fuse_gru.loops.loop_parts import LoopParts
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor
from gru_lower.passes.fuse_gru.unpacking.stretch_width import PARTS, stretch_widths
from gru_lower.passes.fuse_gru.unpacking.unpacked_states import UnpackedStates

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Sequence

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.fuse_gru.algebra.matrices import Array
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.loops.interpreted_loop import InterpretedLoop
    from gru_lower.passes.fuse_gru.unpacking.stretch_nodes import StretchWriter

MOST_WIDTHS = len(PARTS)
"""How many widths of stretches are attempted at most."""
OLDEST = 10
"""The first opset whose Slice is written."""


def has_scans(model: Model) -> bool:
    """Whether there is a Scan that can be unpacked, if it is packed."""
    return any(_scans(scope) for scope in walk(model.proto))


def _scans(scope: Scope) -> set[str]:
    """Return the ids of the Scans of a scope that can be unpacked."""
    nodes = enumerate(scope.nodes) if _is_editable(scope) else ()
    return {scope.site(index) for index, node in nodes if is_onnx(node, "Scan")}


def _is_editable(scope: Scope) -> bool:
    return isinstance(scope.proto, GraphProto) and scope.opset >= OLDEST


def unpack_scans(model: Model, sites: Collection[str], attempt: int = 0) -> dict[str, frozenset[str]]:
    """Unpack the Scans of a model that are packed.

    Args:
        model: Edited in place.
        sites: Those that are looked at, by the ids of their nodes.
        attempt: Which of the widths that stretches may have is taken, the likeliest being the first.

    Returns:
        What the Scans put out that come in place of these, by the ids.

    """
    done: dict[str, frozenset[str]] = {}
    new: list[tuple[GraphProto, list[NodeProto]]] = []
    if not any(_scans(scope) & set(sites) for scope in walk(model.proto)):
        return done
    names = Names(model.proto)
    for interpreter in interpret_scopes(Facts(model)):
        scope, wanted = interpreter.scope, _scans(interpreter.scope) & set(sites)
        replaced: dict[int, list[NodeProto]] = {}
        for index, loop in interpreter.loops.items():
            if scope.site(index) in wanted:
                made = _unpacked(interpreter, loop, names, attempt)
                if made is not None:
                    replaced[index] = made
                    scan = next(node for node in made if node.op_type == "Scan")
                    done[scope.site(index)] = frozenset(filter(None, scan.output))
        if replaced and isinstance(scope.proto, GraphProto):
            new.append((scope.proto, [each for i, node in enumerate(scope.nodes) for each in replaced.get(i, [node])]))
    for graph, nodes in reversed(new):  # bodies before the graphs they are in
        set_nodes(graph, nodes)
    return done


def _unpacked(outside: Interpreter, loop: InterpretedLoop, names: Names, attempt: int) -> list[NodeProto] | None:
    """Return the nodes in place of a Scan, ``None`` if it is not packed."""
    widths = stretch_widths(loop)
    if attempt >= len(widths):
        return None
    width = widths[attempt]
    node = outside.scope.nodes[loop.index]
    scans = next(a.i for a in node.attribute if a.name == "num_scan_inputs")
    parts = LoopParts(node, next(graph for _, graph in subgraphs(node)), 0, len(node.input) - scans)
    states = UnpackedStates(outside, loop, parts, width, names)
    try:
        writer = states.written_body() if states.is_packed else None
    except READING_FAILS:  # what is odd in it was said when it was read
        return None
    return None if writer is None else _UnpackedScan(states, writer).nodes()


class _Carried(NamedTuple):
    """What the new Scan carries.

    Attributes:
        key: The class of stretches, or the place of a state that is carried whole.
        inner: Its name in the body, before a step.
        after: Its name in the body, after a step.
        initial: Its name outside, before the first step.
        type: Its type.
        before: The nodes that make what it is before the first step.

    """

    key: Hashable
    inner: str
    after: str
    initial: str
    type: TypeProto
    before: list[NodeProto]


class _UnpackedScan:
    """Writes the Scan of the stretches that are asked for, with what leads to it and puts them together again."""

    def __init__(self, states: UnpackedStates, writer: StretchWriter) -> None:
        self.states, self.writer, self.names = states, writer, states.names
        self.loop, self.scope = states.loop, states.outside.scope

    def nodes(self) -> list[NodeProto]:
        """Return the nodes."""
        used, outer = {*self.scope.outputs, *self.scope.uses}, self.loop.node.output
        asked = [place for place in range(self.loop.states) if outer[place] in used - {""}]
        stacked = [self.writer.joined(value.name) for value in self.loop.outputs]
        carried = [*self._stretches(), *self._whole_states()]
        keys = [key for place in asked for key in self._keys_of(place)]
        needed = _needed(keys, stacked, carried, self.writer.nodes)
        kept = [each for each in carried if each.key in needed]
        ends = {each.key: self.names.value(f"{each.inner}/last") for each in kept}
        nodes = [node for each in kept for node in each.before]
        nodes.append(self._scan(kept, ends.values(), stacked))
        for place in asked:
            nodes += self._put_together(place, ends)
        return nodes

    def _keys_of(self, place: int) -> list[Hashable]:
        if place not in self.states.at_first:
            return [place]
        count = len(self.states.at_first[place])
        return [of for stretch in range(count) if (of := self.states.classes[place, stretch]) != ZEROS]

    def _stretches(self) -> Iterable[_Carried]:
        for place in self.states.at_first:
            for stretch, part in enumerate(self.states.results(self.writer, place)):
                inner = self.states.inner((place, stretch))
                if self.states.classes[place, stretch] == (place, stretch) and isinstance(inner, str):
                    first, before = self._initial(place, stretch)
                    after = self.writer.copy(self.writer.whole(part), f"{inner}/after")
                    yield _Carried((place, stretch), inner, after, first, state_type(self.loop, place), before)

    def _whole_states(self) -> Iterable[_Carried]:
        for place, (inner, result) in enumerate(zip(self.loop.inner, self.loop.results, strict=True)):
            if place not in self.states.at_first:
                after = self.writer.copy(self.writer.joined(result), f"{inner}/after")
                yield _Carried(place, inner, after, self.loop.initial[place], state_type(self.loop, place), [])

    def _scan(self, kept: Sequence[_Carried], ends: Iterable[str], stacked: Iterable[str]) -> NodeProto:
        node, count = copied(self.loop.node), self.loop.states
        body = next(graph for _, graph in subgraphs(node))
        steps, given, outer = list(self.loop.body.input[count:]), node.input[count:], node.output[count:]
        del node.input[:], node.output[:], body.input[:], body.value_info[:]
        node.input.extend([*(each.initial for each in kept), *given])
        node.output.extend([*ends, *outer])
        body.input.extend([*(ValueInfoProto(name=each.inner, type=each.type) for each in kept), *steps])
        body.initializer.extend(self.writer.tensors.values())
        set_nodes(body, self.writer.nodes)
        types = [tensor_type(value.type.tensor_type.elem_type) for value in self.loop.outputs]
        results = [ValueInfoProto(name=each.after, type=each.type) for each in kept]
        set_outputs(body, [*results, *(ValueInfoProto(name=n, type=t) for n, t in zip(stacked, types, strict=True))])
        return node

    def _initial(self, place: int, stretch: int) -> tuple[str, list[NodeProto]]:
        """Return the name of a stretch of a state before the first step, and the nodes that make it."""
        name, first, width = self.loop.initial[place], stretch * self.states.width, self.states.width
        index = self.scope.producers.get(name)
        if index is not None and is_onnx(self.scope.nodes[index], "Concat"):
            edge: Count = 0
            for part in self.scope.nodes[index].input:
                own = self.states.outside.dims(part)[-1]
                if (edge, own) == (first, width):
                    return part, []
                if isinstance(own, int) and isinstance(edge, int) and edge <= first and first + width <= edge + own:
                    name, first = part, first - edge
                    break
                edge = edge + own
        known = self.states.outside.value(name)
        if isinstance(known, ConstTensor) and known.is_full:
            return self._constant(known.array[..., first : first + width], f"{name}/{first}")
        bounds, nodes = [], []
        for number in (first, first + width, 1):
            bound, made = self._constant(np.array([number], np.int64), f"{name}/bound")
            bounds.append(bound)
            nodes += made
        cut = self.names.value(f"{name}/{first}")
        return cut, [*nodes, helper.make_node("Slice", [name, *bounds], [cut], self.names.node(cut))]

    def _constant(self, array: Array, wanted: str) -> tuple[str, list[NodeProto]]:
        name = self.names.value(wanted)
        tensor = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name, [helper.make_node("Constant", [], [name], self.names.node(name), value=tensor)]

    def _put_together(self, place: int, ends: dict[Hashable, str]) -> list[NodeProto]:
        """Return the nodes that put the stretches of a state after the last step side by side."""
        outer, nodes = self.loop.node.output[place], []
        if place not in self.states.at_first:
            return [helper.make_node("Identity", [ends[place]], [outer], self.names.node(outer))]
        parts = []
        for stretch in range(len(self.states.at_first[place])):
            of = self.states.classes[place, stretch]
            part, more = self._initial(place, stretch) if of == ZEROS else (ends[of], [])
            parts.append(part)
            nodes += more
        return [*nodes, helper.make_node("Concat", parts, [outer], self.names.node(outer), axis=1)]


def _needed(
    keys: Iterable[Hashable], stacked: Iterable[str], carried: Sequence[_Carried], nodes: Iterable[NodeProto]
) -> set[Hashable]:
    """Return what is carried that is asked for or that others hang on, step after step."""
    producers = {name: node for node in nodes for name in node.output if name}
    by_inner, wanted = {each.inner: each for each in carried}, set(keys)
    pending, seen = [*stacked, *(each.after for each in carried if each.key in wanted)], set[str]()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in by_inner:
            wanted.add(by_inner[name].key)
            pending.append(by_inner[name].after)
        elif name in producers:
            pending += node_uses(producers[name])
    return wanted
