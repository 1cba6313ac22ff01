"""Loops whose bodies compute more than states: what comes of the states is computed in a loop of its own behind them.

    h, y = Scan(h0, X) {Ht = step(Ht_1, Xt); yt = f(Ht, Ht_1, Xt)}

    h, H = Scan(h0, X) {Ht = step(Ht_1, Xt)}
    y = Scan(H, Concat(h0, H without its last), X) {yt = f(Ht, Ht_1, Xt)}

The first is then a GRU, if step is one's; the second carries nothing from step to step. Loops are split alike if they
are counted; their bodies read H by the number of the step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import GraphProto, NodeProto, TypeProto, ValueInfoProto, helper, numpy_helper

from gru_lower.graph import splice
from gru_lower.graph.scopes import Scope, is_onnx, node_uses, subgraphs, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from onnx import ModelProto

OLDEST = 13
"""The first opset whose Unsqueeze and Slice are written here."""


def divisible(model: ModelProto) -> bool:
    """Whether a loop of a model computes more than its states, so that :func:`split` would do something."""
    return any(_moved(node) is not None for scope in _scopes(model) for node in scope.nodes)


def split(model: ModelProto) -> None:
    """Split every loop of a model that computes more than its states.

    Args:
        model: Edited in place.

    """
    names = splice.Names(model)
    for scope in reversed(list(_scopes(model))):  # bodies before the loops they are in
        nodes: list[NodeProto] = []
        for node in scope.nodes:
            found = _moved(node)
            nodes += [node] if found is None else _split(*found, names)
        if len(nodes) != len(scope.nodes):
            copies = [_copy(node) for node in nodes]
            del scope.proto.node[:]
            scope.proto.node.extend(copies)


def _scopes(model: ModelProto) -> Iterator[Scope]:
    yield from (scope for scope in walk(model) if isinstance(scope.proto, GraphProto) and scope.opset >= OLDEST)


@dataclass
class _Loop:
    """The parts of a Scan or Loop: places count from the first state, or the first output that is none."""

    node: NodeProto
    body: GraphProto
    heads: int
    """How many inputs of the body stand before the states."""
    states: int
    producers: dict[str, NodeProto] = field(init=False)

    def __post_init__(self) -> None:
        self.producers = {name: node for node in self.body.node for name in node.output if name}

    @property
    def is_scan(self) -> bool:
        return self.node.op_type == "Scan"

    @property
    def inner(self) -> list[str]:
        return [value.name for value in self.body.input[self.heads : self.heads + self.states]]

    @property
    def results(self) -> list[str]:
        first = 0 if self.is_scan else 1
        return [value.name for value in self.body.output[first : first + self.states]]

    @property
    def outputs(self) -> list[ValueInfoProto]:
        return list(self.body.output[(0 if self.is_scan else 1) + self.states :])

    @property
    def initial(self) -> list[str]:
        first = 0 if self.is_scan else 2
        return list(self.node.input[first : first + self.states])

    def resolved(self, name: str) -> str:
        node = self.producers.get(name)
        while node is not None and node.op_type == "Identity" and is_onnx(node):
            name = node.input[0]
            node = self.producers.get(name)
        return name

    def behind(self, wanted: Iterable[str], stop: Iterable[str]) -> list[NodeProto]:
        """Return the nodes of the body that values hang on, in order; `stop` are given."""
        given, found, pending = set(stop), set[int](), list(wanted)
        while pending:
            name = pending.pop()
            node = None if name in given else self.producers.get(name)
            if node is not None and id(node) not in found:
                found.add(id(node))
                pending += node_uses(node)
        return [node for node in self.body.node if id(node) in found]


def _moved(node: NodeProto) -> tuple[_Loop, list[int]] | None:
    """Return which outputs of a loop need not be computed in it, ``None`` for no such loop."""
    loop = _read(node) if is_onnx(node) and node.op_type in ("Scan", "Loop") else None
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


def _split(loop: _Loop, moved: list[int], names: splice.Names) -> list[NodeProto]:
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


def _read(node: NodeProto) -> _Loop | None:
    """Look at a loop; ``None`` for one that scans another axis than the first, or that is not counted."""
    body = next(graph for _, graph in subgraphs(node))
    if node.op_type == "Scan":
        given = {a.name: a for a in node.attribute}
        if any(any(given[name].ints) for name in ("scan_input_axes", "scan_output_axes") if name in given):
            return None
        return _Loop(node, body, 0, len(node.input) - given["num_scan_inputs"].i)
    loop = _Loop(node, body, 2, len(node.input) - 2)
    goes_on = loop.resolved(body.output[0].name)
    return loop if node.input[0] and goes_on == body.input[1].name else None


def _states(loop: _Loop, moved: list[int], sequences: dict[int, str], names: splice.Names) -> NodeProto:
    """Return the loop without some outputs, but with states of all steps."""
    node = _copy(loop.node)
    body = next(graph for _, graph in subgraphs(node))
    first = len(node.output) - len(loop.outputs)
    kept = [place for place in range(len(loop.outputs)) if place not in moved]
    outputs = [_copy_info(loop.outputs[place]) for place in kept]
    for place in sequences:
        local = names.value(f"{loop.results[place]}/kept")
        body.node.append(helper.make_node("Identity", [loop.results[place]], [local], names.node(local)))
        outputs.append(ValueInfoProto(name=local, type=_type(loop, place)))
    _only(body, body.output[: -len(loop.outputs)], outputs)
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


def _mapped_scan(
    loop: _Loop, moved: list[int], made: list[NodeProto], reads: dict[str, str], names: splice.Names
) -> NodeProto:
    used = {name for node in made for name in node_uses(node)}
    directions = {a.name: list(a.ints) for a in loop.node.attribute}
    scanned = list(zip(loop.node.input[loop.states :], loop.body.input[loop.states :], strict=True))
    ways = directions.get("scan_input_directions") or [0] * len(scanned)
    inputs = [
        (outer, _copy_info(value), way) for (outer, value), way in zip(scanned, ways, strict=True) if value.name in used
    ]
    types = dict(
        zip([*loop.results, *loop.inner], [_type(loop, place) for place in range(loop.states)] * 2, strict=True)
    )
    inputs += [(outer, ValueInfoProto(name=inner, type=types[inner]), 0) for inner, outer in reads.items()]
    body = _body(loop, made, [value for _, value, _ in inputs], [_copy_info(loop.outputs[place]) for place in moved])
    attributes: dict[str, Any] = {"num_scan_inputs": len(inputs), "scan_input_directions": [way for *_, way in inputs]}
    if "scan_output_directions" in directions:
        attributes["scan_output_directions"] = [directions["scan_output_directions"][place] for place in moved]
    outputs = [loop.node.output[loop.states + place] for place in moved]
    name = names.node(f"{loop.node.name or outputs[0]}/outputs")
    return helper.make_node("Scan", [outer for outer, *_ in inputs], outputs, name, body=body, **attributes)


def _mapped_loop(
    loop: _Loop, moved: list[int], made: list[NodeProto], reads: dict[str, str], names: splice.Names
) -> NodeProto:
    step, cond = loop.body.input[0], loop.body.input[1]
    gathers = [
        helper.make_node("Gather", [outer, step.name], [inner], names.node(inner), axis=0)
        for inner, outer in reads.items()
    ]
    goes_on = names.value(f"{cond.name}/still")
    nodes = [*gathers, *made, helper.make_node("Identity", [cond.name], [goes_on], names.node(goes_on))]
    results = [helper.make_tensor_value_info(goes_on, cond.type.tensor_type.elem_type or 9, [])]
    results += [_copy_info(loop.outputs[place]) for place in moved]
    body = _body(loop, nodes, [_copy_info(step), _copy_info(cond)], results)
    outputs = [loop.node.output[loop.states + place] for place in moved]
    name = names.node(f"{loop.node.name or outputs[0]}/outputs")
    return helper.make_node("Loop", list(loop.node.input[:2]), outputs, name, body=body)


def _shifted(initial: str, sequence: str, names: splice.Names) -> tuple[str, list[NodeProto]]:
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


def _body(
    loop: _Loop, nodes: Iterable[NodeProto], inputs: list[ValueInfoProto], outputs: list[ValueInfoProto]
) -> GraphProto:
    body = GraphProto(name=f"{loop.body.name}/outputs")
    body.node.extend(nodes)
    body.input.extend(inputs)
    body.initializer.extend(loop.body.initializer)
    _only(body, [], outputs)
    return body


def _only(body: GraphProto, first: Iterable[ValueInfoProto], rest: Iterable[ValueInfoProto]) -> None:
    """Give a body other outputs, and leave out what they do not hang on."""
    outputs = [_copy_info(value) for value in (*first, *rest)]
    del body.output[:]
    body.output.extend(outputs)
    producers = {name: node for node in body.node for name in node.output if name}
    found, pending = set[int](), [value.name for value in outputs]
    while pending:
        node = producers.get(pending.pop())
        if node is not None and id(node) not in found:
            found.add(id(node))
            pending += node_uses(node)
    kept = [_copy(node) for node in body.node if id(node) in found]
    del body.node[:]
    body.node.extend(kept)
    used = {name for node in kept for name in node_uses(node)} | {value.name for value in outputs}
    tensors = [tensor for tensor in body.initializer if tensor.name in used]
    del body.initializer[:]
    body.initializer.extend(tensors)


def _type(loop: _Loop, place: int) -> TypeProto:
    """Return a state's type without its shape, which bodies need not say."""
    kind = loop.body.input[loop.heads + place].type.tensor_type.elem_type
    return TypeProto(tensor_type=TypeProto.Tensor(elem_type=kind))


def _copy(node: NodeProto) -> NodeProto:
    copy = NodeProto()
    copy.CopyFrom(node)
    return copy


def _copy_info(value: ValueInfoProto) -> ValueInfoProto:
    copy = ValueInfoProto()
    copy.CopyFrom(value)
    return copy
