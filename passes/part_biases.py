"""The pass ``part-biases``: a constant that is a bias serves nothing else."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnx import FunctionProto, NodeProto, TensorProto

from gru_lower.graph import splice
from gru_lower.graph.names import Names
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.passes.base import Context, Pass, PassResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope

Reader = tuple[int, int]
"""The index of a node and the place among its inputs."""


@dataclass(frozen=True)
class PartBiasesOptions:
    """``part-biases`` has no options."""


class PartBiases(Pass):
    """Give all that reads a bias besides a copy of it.

        Mul(r, c), Gemm(h, R, c)               →  Mul(r, c_1), Gemm(h, R, c)
        Mul(r, c), Add(MatMul(h, R), c)        →  Mul(r, c_1), Add(MatMul(h, R), c)

    OpenCV 4 makes a layer of a constant that an element-wise operator reads; a Gemm that has the same constant for its
    C, or a MatMul with the Add behind it, then has one input more than it takes, and the model is not loaded.

    Rules:
        1. Only initializers and Constant nodes of the graph whose nodes read them.
        2. Those for which a constant is a bias keep it; all others share one copy.
    """

    name = "part-biases"
    Options = PartBiasesOptions

    def run(self, model: Model, ctx: Context) -> PassResult:
        """Part every bias of every graph."""
        del ctx
        names = Names(model.proto)
        edits = [edit for scope in walk(model.proto) for edit in _edits(scope, names)]
        return PassResult(modified=splice.apply(model, edits))


def _edits(scope: Scope, names: Names) -> Iterator[splice.Edit]:
    """Yield the edits of one scope, one for each node that reads a copy from now on."""
    if isinstance(scope.proto, FunctionProto):
        return
    biases: dict[str, list[Reader]] = defaultdict(list)
    others: dict[str, list[Reader]] = defaultdict(list)
    for index, node in enumerate(scope.nodes):
        for place, name in enumerate(node.input):
            if _is_constant(scope, name):
                (biases if _is_bias(scope, node, place) else others)[name].append((index, place))
    shared = {name: names.value(name) for name in biases if others[name]}
    changed: dict[int, NodeProto] = {}
    for name, new in shared.items():
        for index, place in others[name]:
            changed.setdefault(index, _copy(scope.nodes[index])).input[place] = new
    for index in sorted(changed):
        first = [name for name, new in shared.items() if new in changed[index].input]
        tensors = [_renamed(scope.initializers[name], shared[name]) for name in first if name in scope.initializers]
        nodes = [_remade(scope, name, shared[name], names) for name in first if name not in scope.initializers]
        for name in first:
            del shared[name]
        yield splice.Edit(scope, [index], [*nodes, changed[index]], tensors, keeps_documentation=False)


def _is_constant(scope: Scope, name: str) -> bool:
    """Whether a value is an initializer that nobody can override, or a Constant node's, of this very scope."""
    if name in scope.initializers:
        return name not in scope.inputs
    return name in scope.producers and is_onnx(scope.nodes[scope.producers[name]], "Constant")


def _is_bias(scope: Scope, node: NodeProto, place: int) -> bool:
    """Whether an input is what a product is added to."""
    if is_onnx(node, "Gemm"):
        return place == 2
    other = scope.producers.get(node.input[1 - place]) if is_onnx(node, "Add") else None
    return other is not None and is_onnx(scope.nodes[other], "MatMul")


def _copy(node: NodeProto) -> NodeProto:
    copy = NodeProto()
    copy.CopyFrom(node)
    return copy


def _remade(scope: Scope, name: str, new: str, names: Names) -> NodeProto:
    """Return a Constant node again, under another name."""
    node = _copy(scope.nodes[scope.producers[name]])
    node.name, node.output[0] = names.node(node.name or new), new
    return node


def _renamed(tensor: TensorProto, name: str) -> TensorProto:
    copy = TensorProto()
    copy.CopyFrom(tensor)
    copy.name = name
    return copy
