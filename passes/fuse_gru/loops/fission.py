"""Loop fission: what a body computes of its states moves to a loop of its own, behind the states.

    h, y = Scan(h0, X) {Ht = step(Ht_1, Xt); yt = f(Ht, Ht_1, Xt)}

    h, H = Scan(h0, X) {Ht = step(Ht_1, Xt)}
    y = Scan(H, Concat(h0, H without its last), X) {yt = f(Ht, Ht_1, Xt)}

The first is then a GRU, if step is one's; the second carries nothing from step to step, but for sequences and sums
that collect what it computes. A Loop is split alike if it counts its steps; the second body reads H by the number of
the step. What both would draw at random stays in one: an output that needs the noise that went into a state is not
moved.
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
from gru_lower.passes.fuse_gru.loops.loop_parts import editable_scopes, loop_parts
from gru_lower.passes.fuse_gru.loops.movable_values import movable_values
from gru_lower.passes.fuse_gru.loops.rest_loops import (
    ScanInput,
    StackedOutputs,
    gathers,
    loop_of_nodes,
    scan_directions,
    scan_of_nodes,
)

if TYPE_CHECKING:
    from gru_lower.graph.model import Model
    from gru_lower.passes.fuse_gru.loops.loop_parts import LoopParts
    from gru_lower.passes.fuse_gru.loops.movable_values import MovedValues


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
            moved = None if loop is None or not loop.states else movable_values(loop, random)
            nodes += [node] if loop is None or moved is None else _split(loop, moved, names)
            changed = changed or moved is not None
        replace_nodes(scope, nodes)
    return changed


def _split(loop: LoopParts, moved: MovedValues, names: Names) -> list[NodeProto]:
    """Return the loop of the states that stay, and the loop of what is moved."""
    made = moved.nodes(loop)
    used = {name for each in made for name in node_uses(each)} | set(moved.names(loop))
    after = [place for place in moved.kept(loop) if loop.results[place] in used]
    before = [place for place in moved.kept(loop) if loop.inner[place] in used]
    sequences = {place: names.value(f"{loop.results[place]}/all") for place in sorted({*after, *before})}
    nodes = [_loop_of_states(loop, moved, sequences, names)]
    reads = {loop.results[place]: sequences[place] for place in after}
    for place in before:
        shifted, extra = _states_before_steps(loop.initial[place], sequences[place], names)
        reads[loop.inner[place]] = shifted
        nodes += extra
    outer = [loop.node.output[loop.states + place] for place in moved.outputs]
    name = f"{loop.node.name or next(filter(None, loop.node.output))}/outputs"
    outputs = StackedOutputs([loop.outputs[place] for place in moved.outputs], outer, name, moved.states)
    if not loop.is_scan:
        return [*nodes, loop_of_nodes(loop, [*gathers(loop, reads, names), *made], outputs, names)]
    states = [state_type(loop, place) for place in range(loop.states)] * 2
    types = dict(zip([*loop.results, *loop.inner], states, strict=True))
    inputs = [ScanInput(outer, ValueInfoProto(name=inner, type=types[inner]), 0) for inner, outer in reads.items()]
    directions = scan_directions(loop, "scan_output_directions")
    moved_directions = None if directions is None else [directions[place] for place in moved.outputs]
    return [*nodes, scan_of_nodes(loop, made, inputs, outputs, names, moved_directions)]


def _loop_of_states(loop: LoopParts, moved: MovedValues, sequences: dict[int, str], names: Names) -> NodeProto:
    """Return the loop without what is moved, but with states of all steps."""
    node = copied(loop.node)
    body = next(graph for _, graph in subgraphs(node))
    first, heads = len(loop.node.output) - len(loop.outputs), 0 if loop.is_scan else 1
    kept = [place for place in range(len(loop.outputs)) if place not in moved.outputs]
    outputs = [loop.outputs[place] for place in kept]
    for place in sequences:
        local = names.value(f"{loop.results[place]}/kept")
        body.node.append(helper.make_node("Identity", [loop.results[place]], [local], names.node(local)))
        outputs.append(ValueInfoProto(name=local, type=state_type(loop, place)))
    results = [body.output[heads + place] for place in moved.kept(loop)]
    set_outputs(body, [*body.output[:heads], *results, *outputs])
    states = [loop.node.output[place] for place in moved.kept(loop)]
    outside = [*states, *(node.output[first + place] for place in kept), *sequences.values()]
    del node.output[:]
    node.output.extend(outside)
    for place in reversed(moved.states):
        del node.input[heads * 2 + place]
        del body.input[loop.heads + place]
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
