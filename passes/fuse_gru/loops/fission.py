"""Loops whose bodies compute more than states: what comes of the states is computed in a loop of its own behind them.

    h, y = Scan(h0, X) {Ht = step(Ht_1, Xt); yt = f(Ht, Ht_1, Xt)}

    h, H = Scan(h0, X) {Ht = step(Ht_1, Xt)}
    y = Scan(H, Concat(h0, H without its last), X) {yt = f(Ht, Ht_1, Xt)}

The first is then a GRU, if step is one's; the second carries nothing from step to step. Loops are split alike if they
are counted; their bodies read H by the number of the step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import NodeProto, ValueInfoProto, helper, numpy_helper

from gru_lower.graph.names import Names
from gru_lower.graph.scopes import node_uses, subgraphs
from gru_lower.passes.fuse_gru.loops.body_edits import (
    Loop,
    body_of,
    copied,
    copied_info,
    only,
    read,
    replace,
    scopes,
    type_of,
)

if TYPE_CHECKING:
    from gru_lower.graph.model import Model


def split(model: Model) -> bool:
    """Split every loop of a model that computes more than its states.

    Args:
        model: Edited in place.

    Returns:
        Whether there was one.

    """
    names = Names(model.proto)
    changed = False
    for scope in reversed(list(scopes(model.proto))):  # bodies before the loops they are in
        nodes: list[NodeProto] = []
        for node in scope.nodes:
            found = _moved(node)
            nodes += [node] if found is None else _split(*found, names)
            changed = changed or found is not None
        replace(scope, nodes)
    return changed


def _moved(node: NodeProto) -> tuple[Loop, list[int]] | None:
    """Return which outputs of a loop need not be computed in it, ``None`` for no such loop."""
    loop = read(node)
    if loop is None or not loop.states:
        return None
    needed = {id(each) for each in loop.behind(loop.results, ())}
    stays = {*loop.inner, *loop.results}
    moved = []
    for place, value in enumerate(loop.outputs):
        maker = loop.producers.get(loop.resolved(value.name))
        if loop.resolved(value.name) not in stays and maker is not None and id(maker) not in needed:
            moved.append(place)
    made = loop.behind([loop.outputs[place].name for place in moved], loop.results)
    used = {name for each in made for name in node_uses(each)}
    return (loop, moved) if used & stays else None


def _split(loop: Loop, moved: list[int], names: Names) -> list[NodeProto]:
    made = loop.behind([loop.outputs[place].name for place in moved], loop.results)
    used = {name for each in made for name in node_uses(each)}
    after = [place for place, name in enumerate(loop.results) if name in used]
    before = [place for place, name in enumerate(loop.inner) if name in used]
    sequences = {place: names.value(f"{loop.results[place]}/all") for place in sorted({*after, *before})}
    nodes = [_states(loop, moved, sequences, names)]
    reads = {loop.results[place]: sequences[place] for place in after}
    for place in before:
        shifted, extra = _shifted(loop.initial[place], sequences[place], names)
        reads[loop.inner[place]] = shifted
        nodes += extra
    return [*nodes, (_mapped_scan if loop.is_scan else _mapped_loop)(loop, moved, made, reads, names)]


def _states(loop: Loop, moved: list[int], sequences: dict[int, str], names: Names) -> NodeProto:
    """Return the loop without some outputs, but with states of all steps."""
    node = copied(loop.node)
    body = next(graph for _, graph in subgraphs(node))
    first = len(node.output) - len(loop.outputs)
    kept = [place for place in range(len(loop.outputs)) if place not in moved]
    outputs = [copied_info(loop.outputs[place]) for place in kept]
    for place in sequences:
        local = names.value(f"{loop.results[place]}/kept")
        body.node.append(helper.make_node("Identity", [loop.results[place]], [local], names.node(local)))
        outputs.append(ValueInfoProto(name=local, type=type_of(loop, place)))
    only(body, body.output[: -len(loop.outputs)], outputs)
    outside = [*node.output[:first], *(node.output[first + place] for place in kept), *sequences.values()]
    del node.output[:]
    node.output.extend(outside)
    for attribute in node.attribute:
        if attribute.name == "scan_output_directions":
            ways = list(attribute.ints)
            del attribute.ints[:]
            attribute.ints.extend([*(ways[place] for place in kept), *(0 for _ in sequences)])
        elif attribute.name == "scan_output_axes":
            del attribute.ints[:]
            attribute.ints.extend([0] * len(outputs))
    return node


def _mapped_scan(loop: Loop, moved: list[int], made: list[NodeProto], reads: dict[str, str], names: Names) -> NodeProto:
    used = {name for node in made for name in node_uses(node)}
    directions = {a.name: list(a.ints) for a in loop.node.attribute}
    scanned = list(zip(loop.node.input[loop.states :], loop.body.input[loop.states :], strict=True))
    ways = directions.get("scan_input_directions") or [0] * len(scanned)
    inputs = [
        (outer, copied_info(value), way)
        for (outer, value), way in zip(scanned, ways, strict=True)
        if value.name in used
    ]
    types = dict(
        zip([*loop.results, *loop.inner], [type_of(loop, place) for place in range(loop.states)] * 2, strict=True)
    )
    inputs += [(outer, ValueInfoProto(name=inner, type=types[inner]), 0) for inner, outer in reads.items()]
    body = body_of(loop, made, [value for _, value, _ in inputs], [copied_info(loop.outputs[place]) for place in moved])
    attributes: dict[str, Any] = {"num_scan_inputs": len(inputs), "scan_input_directions": [way for *_, way in inputs]}
    if "scan_output_directions" in directions:
        attributes["scan_output_directions"] = [directions["scan_output_directions"][place] for place in moved]
    outputs = [loop.node.output[loop.states + place] for place in moved]
    name = names.node(f"{loop.node.name or outputs[0]}/outputs")
    return helper.make_node("Scan", [outer for outer, *_ in inputs], outputs, name, body=body, **attributes)


def _mapped_loop(loop: Loop, moved: list[int], made: list[NodeProto], reads: dict[str, str], names: Names) -> NodeProto:
    step, cond = loop.body.input[0], loop.body.input[1]
    gathers = [
        helper.make_node("Gather", [outer, step.name], [inner], names.node(inner), axis=0)
        for inner, outer in reads.items()
    ]
    goes_on = names.value(f"{cond.name}/still")
    nodes = [*gathers, *made, helper.make_node("Identity", [cond.name], [goes_on], names.node(goes_on))]
    results = [helper.make_tensor_value_info(goes_on, cond.type.tensor_type.elem_type or 9, [])]
    results += [copied_info(loop.outputs[place]) for place in moved]
    body = body_of(loop, nodes, [copied_info(step), copied_info(cond)], results)
    outputs = [loop.node.output[loop.states + place] for place in moved]
    name = names.node(f"{loop.node.name or outputs[0]}/outputs")
    return helper.make_node("Loop", list(loop.node.input[:2]), outputs, name, body=body)


def _shifted(initial: str, sequence: str, names: Names) -> tuple[str, list[NodeProto]]:
    """Return the states before all steps."""

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
