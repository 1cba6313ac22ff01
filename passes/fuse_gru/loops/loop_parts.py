"""The parts of a Scan or Loop that is taken apart: which values of its body are states, results and outputs."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from onnx import GraphProto, TensorProto, numpy_helper

from gru_lower.graph.constant_nodes import constant_of
from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import is_onnx, node_uses, subgraphs, walk
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.fuse_gru.tensors.value_roles import PRODUCTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from onnx import ModelProto, NodeProto, ValueInfoProto

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope

OLDEST = 13
"""The first opset whose Unsqueeze and Slice are written when loops are taken apart."""


@dataclass
class LoopParts:
    """The parts of a Scan or Loop: places count from the first state, or from the first output that is no state.

    Args:
        node: The node.
        body: Its body.
        heads: How many inputs of the body stand before the states: none of a Scan, two of a Loop.
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
        """The scan outputs in the body."""
        return list(self.body.output[(0 if self.is_scan else 1) + self.states :])

    @property
    def initial(self) -> list[str]:
        """The states before the first step, outside."""
        first = 0 if self.is_scan else 2
        return list(self.node.input[first : first + self.states])

    @property
    def names_all_outputs(self) -> bool:
        """Whether the node leaves out no output, not even at the end."""
        return len(self.node.output) == self.states + len(self.outputs)

    def is_tensor(self, place: int) -> bool:
        """Whether a state is a tensor, no sequence of tensors."""
        return bool(self.body.input[self.heads + place].type.tensor_type.elem_type)

    def multiplies(self, place: int) -> bool:
        """Whether a product with a matrix, or a call that may have one, lies on the way of a state through the body."""
        hanging = {self.inner[place]}
        for node in self.needed_for([self.results[place]]):
            if hanging & set(node_uses(node)):
                if node.op_type in PRODUCTS or not is_onnx(node):
                    return True
                hanging.update(node.output)
        return False

    def resolved(self, name: str) -> str:
        """Return what a value of the body is a copy of."""
        node = self.producers.get(name)
        while node is not None and node.op_type == "Identity" and is_onnx(node):
            name = node.input[0]
            node = self.producers.get(name)
        return name

    def needed_for(self, wanted: Iterable[str], given: Iterable[str] = ()) -> list[NodeProto]:
        """Return the nodes of the body that values depend on, in order, but for what is given."""
        return needed_nodes(self.body, self.producers, wanted, given)


def needed_nodes(
    body: GraphProto, producers: dict[str, NodeProto], wanted: Iterable[str], given: Iterable[str] = ()
) -> list[NodeProto]:
    """Return the nodes of a body that values depend on, in order.

    Args:
        body: The body.
        producers: Which of its nodes makes a value, by name.
        wanted: The values.
        given: Values whose nodes are not looked at.

    """
    stop, found, pending = set(given), set[int](), list(wanted)
    while pending:
        name = pending.pop()
        node = None if name in stop else producers.get(name)
        if node is not None and id(node) not in found:
            found.add(id(node))
            pending += node_uses(node)
    return [node for node in body.node if id(node) in found]


def loop_parts(node: NodeProto, scope: Scope, facts: Facts) -> LoopParts | None:
    """Return the parts of a loop; ``None`` for any other node, and for a loop that is not taken apart.

    Those are a Scan along other axes than the first, a Loop with a condition or without a trip count, and one that
    leaves out outputs.

    Args:
        node: The node.
        scope: The scope it stands in.
        facts: The model's side table.

    """
    if not is_onnx(node) or node.op_type not in ("Scan", "Loop"):
        return None
    body = next(graph for _, graph in subgraphs(node))
    if node.op_type == "Scan":
        given = {a.name: a for a in node.attribute}
        if any(any(given[name].ints) for name in ("scan_input_axes", "scan_output_axes") if name in given):
            return None
        loop = LoopParts(node, body, 0, len(node.input) - given["num_scan_inputs"].i)
        return loop if loop.names_all_outputs else None
    loop = LoopParts(node, body, 2, len(node.input) - 2)
    return loop if loop.names_all_outputs and node.input[0] and _always_goes_on(loop, scope, facts) else None


def _always_goes_on(loop: LoopParts, scope: Scope, facts: Facts) -> bool:
    """Whether a Loop takes as many steps as its trip count says: its condition stays as it is, or is a constant."""
    name = loop.resolved(loop.body.output[0].name)
    if name == loop.body.input[1].name:
        return True
    inside = loop.producers.get(name)
    tensor = next((each for each in loop.body.initializer if each.name == name), None)
    if inside is not None and is_onnx(inside, "Constant"):
        tensor = constant_of(inside)
    if inside is None and tensor is None:
        tensor = facts.constant(scope, name)
    return tensor is not None and tensor.data_type == TensorProto.BOOL and bool(numpy_helper.to_array(tensor).all())


def is_editable(scope: Scope) -> bool:
    """Whether a scope's loops can be taken apart."""
    return isinstance(scope.proto, GraphProto) and scope.opset >= OLDEST


def editable_scopes(model: ModelProto) -> Iterator[Scope]:
    """Yield the graphs of a model whose loops can be taken apart."""
    yield from filter(is_editable, walk(model))


def has_loops(model: Model) -> bool:
    """Whether there is a Scan or Loop that can be taken apart."""
    facts = Facts(model)
    return any(loop_parts(node, scope, facts) for scope in editable_scopes(model.proto) for node in scope.nodes)
