"""The bodies of loops, taken apart and put together: for what moves nodes from one to another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from onnx import GraphProto, NodeProto, TypeProto, ValueInfoProto

from gru_lower.graph.scopes import Scope, is_onnx, node_uses, subgraphs, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from onnx import ModelProto

OLDEST = 13
"""The first opset whose Unsqueeze and Slice are written here."""


def scopes(model: ModelProto) -> Iterator[Scope]:
    """Yield the graphs of a model whose loops can be taken apart."""
    yield from filter(takes, walk(model))


def takes(scope: Scope) -> bool:
    """Whether a scope's loops can be taken apart."""
    return isinstance(scope.proto, GraphProto) and scope.opset >= OLDEST


def has_loops(model: ModelProto) -> bool:
    """Whether there is a Scan or Loop that can be taken apart."""
    return any(read(node) is not None for scope in scopes(model) for node in scope.nodes)


def replace(scope: Scope, nodes: list[NodeProto]) -> None:
    """Give a graph other nodes, if there are more of them."""
    if len(nodes) != len(scope.nodes):
        copies = [copied(node) for node in nodes]
        del scope.proto.node[:]
        scope.proto.node.extend(copies)


@dataclass
class Loop:
    """The parts of a Scan or Loop: places count from the first state, or the first output that is none.

    Args:
        node: It.
        body: Its body.
        heads: How many inputs of the body stand before the states.
        states: How many states there are.

    """

    node: NodeProto
    body: GraphProto
    heads: int
    states: int
    producers: dict[str, NodeProto] = field(init=False)

    def __post_init__(self) -> None:
        """Look up which node makes what."""
        self.producers = {name: node for node in self.body.node for name in node.output if name}

    @property
    def is_scan(self) -> bool:
        """Whether it is a Scan."""
        return self.node.op_type == "Scan"

    @property
    def inner(self) -> list[str]:
        """The states in the body, before a step."""
        return [value.name for value in self.body.input[self.heads : self.heads + self.states]]

    @property
    def results(self) -> list[str]:
        """The states in the body, after a step."""
        first = 0 if self.is_scan else 1
        return [value.name for value in self.body.output[first : first + self.states]]

    @property
    def outputs(self) -> list[ValueInfoProto]:
        """What the body gives out besides."""
        return list(self.body.output[(0 if self.is_scan else 1) + self.states :])

    @property
    def initial(self) -> list[str]:
        """The states before the first step, outside."""
        first = 0 if self.is_scan else 2
        return list(self.node.input[first : first + self.states])

    @property
    def names_all(self) -> bool:
        """Whether the node leaves out no output, not even behind its last."""
        return len(self.node.output) == self.states + len(self.outputs)

    def resolved(self, name: str) -> str:
        """Return what a value of the body is a copy of."""
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


def read(node: NodeProto) -> Loop | None:
    """Look at a loop; ``None`` for what is none, that scans another axis than the first, or that is not counted."""
    if not is_onnx(node) or node.op_type not in ("Scan", "Loop"):
        return None
    body = next(graph for _, graph in subgraphs(node))
    if node.op_type == "Scan":
        given = {a.name: a for a in node.attribute}
        if any(any(given[name].ints) for name in ("scan_input_axes", "scan_output_axes") if name in given):
            return None
        loop = Loop(node, body, 0, len(node.input) - given["num_scan_inputs"].i)
        return loop if loop.names_all else None
    loop = Loop(node, body, 2, len(node.input) - 2)
    goes_on = loop.resolved(body.output[0].name)
    return loop if loop.names_all and node.input[0] and goes_on == body.input[1].name else None


def body_of(
    loop: Loop, nodes: Iterable[NodeProto], inputs: list[ValueInfoProto], outputs: list[ValueInfoProto]
) -> GraphProto:
    """Return a body of some of a loop's nodes."""
    body = GraphProto(name=f"{loop.body.name}/outputs")
    body.node.extend(nodes)
    body.input.extend(inputs)
    body.initializer.extend(loop.body.initializer)
    only(body, [], outputs)
    return body


def only(body: GraphProto, first: Iterable[ValueInfoProto], rest: Iterable[ValueInfoProto]) -> None:
    """Give a body other outputs, and leave out what they do not hang on."""
    outputs = [copied_info(value) for value in (*first, *rest)]
    del body.output[:]
    body.output.extend(outputs)
    producers = {name: node for node in body.node for name in node.output if name}
    found, pending = set[int](), [value.name for value in outputs]
    while pending:
        node = producers.get(pending.pop())
        if node is not None and id(node) not in found:
            found.add(id(node))
            pending += node_uses(node)
    kept = [copied(node) for node in body.node if id(node) in found]
    del body.node[:]
    body.node.extend(kept)
    used = {name for node in kept for name in node_uses(node)} | {value.name for value in outputs}
    tensors = [tensor for tensor in body.initializer if tensor.name in used]
    del body.initializer[:]
    body.initializer.extend(tensors)


def type_of(loop: Loop, place: int) -> TypeProto:
    """Return a state's type without its shape, which bodies need not say."""
    kind = loop.body.input[loop.heads + place].type.tensor_type.elem_type
    return TypeProto(tensor_type=TypeProto.Tensor(elem_type=kind))


def copied(node: NodeProto) -> NodeProto:
    """Return a copy."""
    copy = NodeProto()
    copy.CopyFrom(node)
    return copy


def copied_info(value: ValueInfoProto) -> ValueInfoProto:
    """Return a copy."""
    copy = ValueInfoProto()
    copy.CopyFrom(value)
    return copy
