"""Loops whose steps make something of their input that no matrix does: that is computed in a loop of its own in front.

    h = Scan(h0, X) {ut = g(Xt); Ht = step(Ht_1, ut)}        g: an embedding, a rectified layer, a normalisation

    U = Scan(X) {ut = g(Xt)}
    h = Scan(h0, U) {Ht = step(Ht_1, ut)}

The second is then a GRU, if step is one's. What is linear stays: it goes into the GRU's weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import NodeProto, TypeProto, ValueInfoProto, helper

from gru_lower.graph.facts import Facts
from gru_lower.graph.names import Names
from gru_lower.graph.scopes import is_onnx, node_uses, subgraphs, walk
from gru_lower.passes.fuse_gru.loops.body_edits import Loop, body_of, copied, copied_info, only, read, replace, takes

if TYPE_CHECKING:
    from gru_lower.graph.model import Model

LINEAR = frozenset({
    *("Add", "Cast", "Concat", "Constant", "Div", "Expand", "Flatten", "Gather", "Gemm", "Identity", "MatMul", "Mul"),
    *("Neg", "Reshape", "Shape", "Slice", "Split", "Squeeze", "Sub", "Sum", "Tile", "Transpose", "Unsqueeze"),
})  # fmt: skip
"""What the algebra reads of an input, with constants; Gather of rows by a step's input is none of it."""


def hoist(model: Model) -> bool:
    """Compute in front of loops what their steps make of their input alone, where that is not linear.

    Args:
        model: Edited in place.

    Returns:
        Whether there was anything.

    """
    names, facts = Names(model.proto), Facts(model)
    changed = False
    there = list(walk(model.proto))
    bodies = {id(scope.proto): scope for scope in there}
    for scope in reversed([scope for scope in there if takes(scope)]):  # bodies before the loops they are in
        nodes: list[NodeProto] = []
        for node in scope.nodes:
            loop = read(node)
            cut = _cut(loop) if loop is not None and loop.states else []
            types = [facts.elem_type(bodies[id(loop.body)], name) for name in cut] if loop is not None else []
            if loop is None or not cut or not all(types):
                nodes.append(node)
                continue
            changed = True
            nodes += _hoisted(loop, dict(zip(cut, types, strict=True)), names)
        replace(scope, nodes)
    return changed


def _cut(loop: Loop) -> list[str]:
    """Return the last values on the way to the states that hang on a step's input alone and are not linear in it."""
    moving = {value.name for value in loop.body.input} - set(loop.inner)
    if not loop.is_scan:
        moving.discard(loop.body.input[1].name)
    stateful = set(loop.inner)
    steps = set() if loop.is_scan else {loop.body.input[0].name}
    kinds: dict[int, bool] = {}
    for node in loop.body.node:
        uses = set(node_uses(node))
        if uses & stateful:
            stateful.update(node.output)
        elif uses & moving:
            moving.update(node.output)
            kinds[id(node)] = not is_onnx(node) or node.op_type not in LINEAR or _looks_up(node, moving - steps)
    wanted = loop.behind(loop.results, ())
    ahead = [node for node in wanted if kinds.get(id(node))]
    front = {id(node) for node in loop.behind([name for node in ahead for name in node.output], ())}
    used = {name for node in wanted if id(node) not in front for name in node_uses(node)} | set(loop.results)
    made = [name for node in wanted if id(node) in front for name in node.output if name]
    return [name for name in made if name in used and name in moving]


def _looks_up(node: NodeProto, moving: set[str]) -> bool:
    """Whether a node picks rows of a table by a step's input, not the step itself by its number."""
    return node.op_type == "Gather" and node.input[1] in moving and node.input[0] not in moving


def _hoisted(loop: Loop, cut: dict[str, int], names: Names) -> list[NodeProto]:
    """Return the loop in front and the loop that is left."""
    sequences = {name: names.value(f"{name}/all") for name in cut}
    infos = [
        ValueInfoProto(name=name, type=TypeProto(tensor_type=TypeProto.Tensor(elem_type=kind)))
        for name, kind in cut.items()
    ]
    made = loop.behind(cut, ())
    used = {name for node in made for name in node_uses(node)}
    rest = copied(loop.node)
    body = next(graph for _, graph in subgraphs(rest))
    name = names.node(f"{loop.node.name or loop.node.output[0]}/inputs")
    if loop.is_scan:
        scanned = list(zip(loop.node.input[loop.states :], loop.body.input[loop.states :], strict=True))
        ways = next(
            (list(a.ints) for a in loop.node.attribute if a.name == "scan_input_directions"), [0] * len(scanned)
        )
        read_here = [
            (outer, copied_info(v), way) for (outer, v), way in zip(scanned, ways, strict=True) if v.name in used
        ]
        front = helper.make_node(
            "Scan", [outer for outer, *_ in read_here], list(sequences.values()), name,
            body=body_of(loop, made, [v for _, v, _ in read_here], infos),
            num_scan_inputs=len(read_here), scan_input_directions=[way for *_, way in read_here],
        )  # fmt: skip
        rest.input.extend(sequences.values())
        body.input.extend(copied_info(info) for info in infos)
        for attribute in rest.attribute:
            if attribute.name == "num_scan_inputs":
                attribute.i += len(cut)
            elif attribute.name in ("scan_input_directions", "scan_input_axes"):
                attribute.ints.extend([0] * len(cut))
        kept = [node for node in body.node if not set(node.output) & cut.keys()]
    else:
        step, cond = loop.body.input[0], loop.body.input[1]
        still = names.value(f"{cond.name}/still")
        goes_on = helper.make_node("Identity", [cond.name], [still], names.node(still))
        results = [helper.make_tensor_value_info(still, cond.type.tensor_type.elem_type or 9, []), *infos]
        given = [copied_info(step), copied_info(cond)]
        front = helper.make_node(
            "Loop", list(loop.node.input[:2]), list(sequences.values()), name,
            body=body_of(loop, [*made, goes_on], given, results),
        )  # fmt: skip
        gathers = [
            helper.make_node("Gather", [outer, step.name], [inner], names.node(inner), axis=0)
            for inner, outer in sequences.items()
        ]
        kept = [*gathers, *(node for node in body.node if not set(node.output) & cut.keys())]
    nodes = [copied(node) for node in kept]
    del body.node[:]
    body.node.extend(nodes)
    only(body, list(body.output), [])
    return [front, rest]
