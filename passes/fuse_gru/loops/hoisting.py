"""Hoisting: what a body computes of its input alone moves to a loop of its own in front, if it is not linear.

    h = Scan(h0, X) {ut = g(Xt); Ht = step(Ht_1, ut)}        g: an embedding, a rectified layer, a normalisation

    U = Scan(X) {ut = g(Xt)}
    h = Scan(h0, U) {Ht = step(Ht_1, ut)}

The second is then a GRU, if step is one's. What is linear in the input stays: it goes into the GRU's weights.
A loop stays whole where both would draw the same random numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import NodeProto, ValueInfoProto

from gru_lower.graph.facts import Facts
from gru_lower.graph.names import Names
from gru_lower.graph.random_nodes import RandomNodes
from gru_lower.graph.scopes import is_onnx, node_uses, subgraphs, walk
from gru_lower.passes.fuse_gru.loops.body_edits import copied, replace_nodes, set_nodes, set_outputs, tensor_type
from gru_lower.passes.fuse_gru.loops.loop_parts import LoopParts, is_editable, loop_parts
from gru_lower.passes.fuse_gru.loops.rest_loops import StackedOutputs, gathers, loop_of_nodes, scan_of_nodes

if TYPE_CHECKING:
    from gru_lower.graph.model import Model

LINEAR = frozenset({
    *("Add", "Cast", "CastLike", "Concat", "Constant", "Div", "Expand", "Flatten", "Gather", "Gemm", "Identity"),
    *("MatMul", "Mul", "Neg", "Reshape", "SequenceAt", "Shape", "Slice", "Split", "SplitToSequence", "Squeeze", "Sub"),
    *("Sum", "Tile", "Transpose", "Unsqueeze"),
})  # fmt: skip
"""Operators that are linear in a step's input, with constants; but for a Gather of rows by it."""


def hoist_inputs(model: Model) -> bool:
    """Move out of the loops of a model what their steps compute of the input alone and is not linear in it.

    Args:
        model: Edited in place.

    Returns:
        Whether there was anything.

    """
    names, facts, random = Names(model.proto), Facts(model), RandomNodes(model.proto)
    changed = False
    scopes = list(walk(model.proto))
    bodies = {id(scope.proto): scope for scope in scopes}
    for scope in reversed([scope for scope in scopes if is_editable(scope)]):  # bodies before the loops they are in
        nodes: list[NodeProto] = []
        for node in scope.nodes:
            loop = loop_parts(node, scope, facts)
            cut = [] if loop is None or not any(map(loop.multiplies, range(loop.states))) else _last_hoistable(loop)
            types = [facts.elem_type(bodies[id(loop.body)], name) for name in cut] if loop is not None else []
            if loop is None or not cut or not all(types) or _draws_twice(loop, cut, random):
                nodes.append(node)
                continue
            changed = True
            nodes += _hoisted(loop, dict(zip(cut, types, strict=True)), names)
        replace_nodes(scope, nodes)
    return changed


def _last_hoistable(loop: LoopParts) -> list[str]:
    """Return the last values on the way to the states that depend on a step's input alone and are not linear in it."""
    moving = {value.name for value in loop.body.input} - set(loop.inner)
    if not loop.is_scan:
        moving.discard(loop.body.input[1].name)
    stateful = set(loop.inner)
    steps = set() if loop.is_scan else {loop.body.input[0].name}
    not_linear: dict[int, bool] = {}
    for node in loop.body.node:
        uses = set(node_uses(node))
        if uses & stateful:
            stateful.update(node.output)
        elif uses & moving:
            moving.update(node.output)
            not_linear[id(node)] = not is_onnx(node) or node.op_type not in LINEAR or _looks_up(node, moving - steps)
    wanted = loop.needed_for(loop.results)
    hoisted = [node for node in wanted if not_linear.get(id(node))]
    front = {id(node) for node in loop.needed_for([name for node in hoisted for name in node.output])}
    used = {name for node in wanted if id(node) not in front for name in node_uses(node)} | set(loop.results)
    made = [name for node in wanted if id(node) in front for name in node.output if name]
    return [name for name in made if name in used and name in moving]


def _draws_twice(loop: LoopParts, cut: list[str], random: RandomNodes) -> bool:
    """Whether the loop in front and the one that is left would both draw the same random numbers."""
    front = {id(node) for node in loop.needed_for(cut)}
    rest = loop.needed_for([value.name for value in loop.body.output], cut)
    return any(id(node) in front and random.draws(node) for node in rest)


def _looks_up(node: NodeProto, moving: set[str]) -> bool:
    """Whether a node picks rows of a table by a step's input, not the step itself by its number."""
    return node.op_type == "Gather" and node.input[1] in moving and node.input[0] not in moving


def _hoisted(loop: LoopParts, cut: dict[str, int], names: Names) -> list[NodeProto]:
    """Return the loop in front and the loop that is left.

    Args:
        loop: The loop.
        cut: The values that the one makes for the other, with their element types.
        names: The names that are taken.

    """
    sequences = {name: names.value(f"{name}/all") for name in cut}
    infos = [ValueInfoProto(name=name, type=tensor_type(elem_type)) for name, elem_type in cut.items()]
    made = loop.needed_for(cut)
    outputs = StackedOutputs(infos, list(sequences.values()), f"{loop.node.name or loop.node.output[0]}/inputs")
    rest = copied(loop.node)
    body = next(graph for _, graph in subgraphs(rest))
    kept = [node for node in body.node if not set(node.output) & cut.keys()]
    if loop.is_scan:
        front = scan_of_nodes(loop, made, [], outputs, names)
        rest.input.extend(sequences.values())
        body.input.extend(infos)
        for attribute in rest.attribute:
            if attribute.name == "num_scan_inputs":
                attribute.i += len(cut)
            elif attribute.name in ("scan_input_directions", "scan_input_axes"):
                attribute.ints.extend([0] * len(cut))
    else:
        front = loop_of_nodes(loop, made, outputs, names)
        kept = [*gathers(loop, sequences, names), *kept]
    set_nodes(body, kept)
    set_outputs(body, list(body.output))
    return [front, rest]
