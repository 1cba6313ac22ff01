"""Leave out of a model what makes no difference to how it streams: functions of single elements, one behind another.

They keep the time of what they read, and hold no states. The first one stays, as what it reads may be padded with any
number, and the first that makes more than zeros of zeros.
What several nodes read stays: each value that comes late is kept in a state of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import NodeProto, TensorProto

from gru_lower.graph.scopes import captures, is_onnx, subgraphs
from gru_lower.passes.stream.input_dims import InputDims
from gru_lower.passes.stream.sized_nodes import sized_nodes
from gru_lower.passes.stream.sizes import Sizes

if TYPE_CHECKING:
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope

ZERO_OF_ZERO = {"Abs", "Elu", "LeakyRelu", "Neg", "Relu", "Selu", "Softsign", "Tanh"}
OTHERS = {"HardSigmoid", "Sigmoid", "Softplus"}
WITH_A_NUMBER = {"Add", "Mul", "Sub"}
FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16}
FEWEST_LEFT_OUT = 4
"""Where not one node in so many can be left out, it is not worth it."""


def shortened(scope: Scope, facts: Facts) -> list[NodeProto] | None:
    """Return copies of a main graph's nodes without those that make no difference, ``None`` where they are few.

    Args:
        scope: The main graph.
        facts: What is known of it.

    """
    chains = _Chains(scope, facts)
    kept = [node for node in scope.nodes if not chains.leaves_out(node)]
    if len(scope.nodes) - len(kept) < len(scope.nodes) / FEWEST_LEFT_OUT:
        return None
    used = chains.ends.union(*(node.input for node in kept))
    return [chains.copied(node) for node in kept if node.op_type != "Constant" or not used.isdisjoint(node.output)]


class _Chains:
    def __init__(self, scope: Scope, facts: Facts) -> None:
        self.sizes = Sizes(scope, facts, InputDims(scope).shapes({}, 0, {}))
        self.of_data = {name for name in scope.inputs if self._is_float(name) and name not in scope.initializers}
        self.ends = {*scope.outputs, *scope.annotations}
        bodies = (body for node in scope.nodes if node.attribute for _, body in subgraphs(node))
        self.ends.update(name for body in bodies for name in captures(body))
        self.instead: dict[str, str] = {}
        self.not_zero: set[str] = set()
        self.of_elements = set(self.of_data)
        self.uses = scope.uses
        constants = sized_nodes(scope, facts)
        self.numbers = {
            name for name, shape in constants.shapes.items() if shape in ((), (1,)) and name not in scope.inputs
        }

    def _is_float(self, name: str) -> bool:
        return self.sizes.types.get(name, 0) in FLOATS and name not in self.sizes.values

    def leaves_out(self, node: NodeProto) -> bool:
        """Whether a node makes no difference; the nodes are asked in order."""
        source = self._source(node)
        if source is None:
            if not self.of_data.isdisjoint(node.input):
                self.of_data.update(name for name in node.output if self._is_float(name))
            return False
        name, op_type = node.output[0], node.op_type
        self.of_data.add(name)
        differs = source not in self.of_elements or (op_type not in ZERO_OF_ZERO and source not in self.not_zero)
        self.of_elements.add(name)
        if op_type not in ZERO_OF_ZERO or source in self.not_zero:
            self.not_zero.add(name)
        if differs or name in self.ends or self.uses[source] > 1:
            return False
        self.instead[name] = self.instead.get(source, source)
        return True

    def _source(self, node: NodeProto) -> str | None:
        """Return the value that a node is a function of, element by element, ``None`` for anything else."""
        op_type, inputs = node.op_type, node.input
        if op_type in WITH_A_NUMBER:
            data = [name for name in inputs if name not in self.numbers]
        elif op_type in ZERO_OF_ZERO or op_type in OTHERS:
            data = list(inputs)
        else:
            return None
        if len(data) != 1 or len(node.output) != 1 or not is_onnx(node):
            return None
        (source,), name = data, node.output[0]
        shape = self.sizes.shapes.get(source)
        same = shape is not None and bool(shape) and self.sizes.shapes.get(name) == shape and self._is_float(name)
        return source if same and source in self.of_data else None

    def copied(self, node: NodeProto) -> NodeProto:
        """Return a node that reads what is left."""
        made = NodeProto()
        made.CopyFrom(node)
        if not self.instead.keys().isdisjoint(node.input):
            made.input[:] = [self.instead.get(name, name) for name in node.input]
        return made
