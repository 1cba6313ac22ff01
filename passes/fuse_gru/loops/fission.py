"""Loop fission: what a body computes of its states moves to a loop of its own, behind the states.

    h, y = Scan(h0, X) {Ht = step(Ht_1, Xt); yt = f(Ht, Ht_1, Xt)}

    h, H = Scan(h0, X) {Ht = step(Ht_1, Xt)}
    y = Scan(H, Concat(h0, H without its last), X) {yt = f(Ht, Ht_1, Xt)}

The first is then a GRU, if step is one's; the second carries nothing from step to step. A Loop is split alike if it
counts its steps; the second body reads H by the number of the step. What both would draw at random stays in one: an
output that needs the noise that went into a state is not moved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import NodeProto, ValueInfoProto, helper, numpy_helper

from gru_lower.graph.facts import Facts
from gru_lower.graph.names import Names
from gru_lower.graph.random_nodes import RandomNodes
from gru_lower.graph.scopes import node_uses, subgraphs
from gru_lower.passes.fuse_gru.loops.body_edits import copied, replace_nodes, set_outputs, state_type
from gru_lower.passes.fuse_gru.loops.loop_parts import LoopParts, editable_scopes, loop_parts
from gru_lower.passes.fuse_gru.loops.stateless_loops import (
    ScanInput,
    StackedOutputs,
    gathers,
    scan_directions,
    stateless_loop,
    stateless_scan,
)

if TYPE_CHECKING:
    from gru_lower.graph.model import Model


def split_loops(model: Model) -> bool:
    """Split every loop of a model that computes more than its states.

    Args:
        model: Edited in place.

    Returns:
        Whether there was one.

    """
    names, facts, random = Names(model.proto), Facts(model), RandomNodes(model.proto)
    changed = False
    for scope in reversed(list(editable_scopes(model.proto))):  # bodies before the loops they are in
        nodes: list[NodeProto] = []
        for node in scope.nodes:
            loop = loop_parts(node, scope, facts)
            found = None if loop is None else _movable_outputs(loop, random)
            nodes += [node] if found is None else _split(*found, names)
            changed = changed or found is not None
        replace_nodes(scope, nodes)
    return changed


def _movable_outputs(loop: LoopParts, random: RandomNodes) -> tuple[LoopParts, list[int]] | None:
    """Return a loop and which of its outputs need not be computed in it; ``None`` if there are no such outputs."""
    if not loop.states:
        return None
    needed = {id(each) for each in loop.needed_for(loop.results)}
    states = {*loop.inner, *loop.results}
    moved = []
    for place, value in enumerate(loop.outputs):
        maker = loop.producers.get(loop.resolved(value.name))
        if loop.resolved(value.name) not in states and maker is not None and id(maker) not in needed:
            moved.append(place)
    moved = _without_shared_noise(loop, moved, random)
    made = loop.needed_for([loop.outputs[place].name for place in moved], loop.results)
    used = {name for each in made for name in node_uses(each)}
    return (loop, moved) if used & states else None


def _without_shared_noise(loop: LoopParts, moved: list[int], random: RandomNodes) -> list[int]:
    """Return those outputs that need no random numbers that what stays needs, too."""
    while moved:
        kept = [value.name for place, value in enumerate(loop.outputs) if place not in moved]
        drawn = {id(each) for each in loop.needed_for([*loop.results, *kept]) if random.draws(each)}
        apart = [
            place
            for place in moved
            if all(id(each) not in drawn for each in loop.needed_for([loop.outputs[place].name], loop.results))
        ]
        if apart == moved:
            break
        moved = apart
    return moved


def _split(loop: LoopParts, moved: list[int], names: Names) -> list[NodeProto]:
    """Return the loop of the states and the loop of the outputs that are moved."""
    made = loop.needed_for([loop.outputs[place].name for place in moved], loop.results)
    used = {name for each in made for name in node_uses(each)}
    after = [place for place, name in enumerate(loop.results) if name in used]
    before = [place for place, name in enumerate(loop.inner) if name in used]
    sequences = {place: names.value(f"{loop.results[place]}/all") for place in sorted({*after, *before})}
    nodes = [_loop_of_states(loop, moved, sequences, names)]
    reads = {loop.results[place]: sequences[place] for place in after}
    for place in before:
        shifted, extra = _states_before_steps(loop.initial[place], sequences[place], names)
        reads[loop.inner[place]] = shifted
        nodes += extra
    outer = [loop.node.output[loop.states + place] for place in moved]
    outputs = StackedOutputs([loop.outputs[place] for place in moved], outer, f"{loop.node.name or outer[0]}/outputs")
    if not loop.is_scan:
        return [*nodes, stateless_loop(loop, [*gathers(loop, reads, names), *made], outputs, names)]
    states = [state_type(loop, place) for place in range(loop.states)] * 2
    types = dict(zip([*loop.results, *loop.inner], states, strict=True))
    inputs = [ScanInput(outer, ValueInfoProto(name=inner, type=types[inner]), 0) for inner, outer in reads.items()]
    directions = scan_directions(loop, "scan_output_directions")
    moved_directions = None if directions is None else [directions[place] for place in moved]
    return [*nodes, stateless_scan(loop, made, inputs, outputs, names, moved_directions)]


def _loop_of_states(loop: LoopParts, moved: list[int], sequences: dict[int, str], names: Names) -> NodeProto:
    """Return the loop without some outputs, but with states of all steps."""
    node = copied(loop.node)
    body = next(graph for _, graph in subgraphs(node))
    first = len(node.output) - len(loop.outputs)
    kept = [place for place in range(len(loop.outputs)) if place not in moved]
    outputs = [loop.outputs[place] for place in kept]
    for place in sequences:
        local = names.value(f"{loop.results[place]}/kept")
        body.node.append(helper.make_node("Identity", [loop.results[place]], [local], names.node(local)))
        outputs.append(ValueInfoProto(name=local, type=state_type(loop, place)))
    set_outputs(body, [*body.output[: -len(loop.outputs)], *outputs])
    outside = [*node.output[:first], *(node.output[first + place] for place in kept), *sequences.values()]
    del node.output[:]
    node.output.extend(outside)
    for attribute in node.attribute:
        if attribute.name == "scan_output_directions":
            directions = list(attribute.ints)
            del attribute.ints[:]
            attribute.ints.extend([*(directions[place] for place in kept), *(0 for _ in sequences)])
        elif attribute.name == "scan_output_axes":
            del attribute.ints[:]
            attribute.ints.extend([0] * len(outputs))
    return node


def _states_before_steps(initial: str, sequence: str, names: Names) -> tuple[str, list[NodeProto]]:
    """Return the name of a state before every step, given it after every step, and the nodes that compute it."""

    def constant(values: list[int], local: str) -> tuple[str, NodeProto]:
        name = names.value(f"{sequence}/{local}")
        tensor = numpy_helper.from_array(np.array(values, np.int64), name)
        return name, helper.make_node("Constant", [], [name], names.node(name), value=tensor)

    (zero, a), (end, b) = constant([0], "first"), constant([-1], "end")
    first, rest, whole = (names.value(f"{sequence}/{local}") for local in ("initial", "but_last", "before"))
    return whole, [
        a,
        b,
        helper.make_node("Unsqueeze", [initial, zero], [first], names.node(first)),
        helper.make_node("Slice", [sequence, zero, end, zero], [rest], names.node(rest)),
        helper.make_node("Concat", [first, rest], [whole], names.node(whole), axis=0),
    ]
