"""The pass ``part-constants``: a constant serves one purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import FunctionProto, NodeProto, TensorProto

from gru_lower.graph import splice
from gru_lower.graph.names import Names
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.base import Context, Pass, PassResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope

Reader = tuple[int, int]
"""The index of a node and the place among its inputs."""
Purpose = tuple[int, int, int]
"""What constants are read for: those that may share one are equal."""


@dataclass(frozen=True)
class PartConstantsOptions:
    """``part-constants`` has no options."""


class PartConstants(Pass):
    """Give a constant that serves several purposes a copy for each but the first.

        Mul(r, c), Gemm(h, R, c)               →  Mul(r, c_1), Gemm(h, R, c)
        Mul(r, c), Add(MatMul(h, R), c)        →  Mul(r, c_1), Add(MatMul(h, R), c)
        Concat(x, c), Concat(c, x)             →  Concat(x, c), Concat(c_1, x)

    OpenCV 4 makes a layer of a constant that an element-wise operator reads. A Gemm that has the same constant for its
    C, or a MatMul with the Add behind it, then has one input more than it takes; and a Concat makes a layer of it for
    itself, of which there cannot be two. Neither model is loaded.

    Rules:
        1. Only initializers and Constant nodes of the graph whose nodes read them.
        2. All that add a constant to a product share it, and so do all others but Concats.
        3. Each place among the inputs of a Concat has its own.
    """

    name = "part-constants"
    Options = PartConstantsOptions

    def run(self, model: Model, ctx: Context) -> PassResult:
        """Part the constants of every graph."""
        del ctx
        names = Names(model.proto)
        edits = [edit for scope in walk(model.proto) for edit in _edits(scope, names)]
        return PassResult(modified=splice.apply(model, edits))


def _edits(scope: Scope, names: Names) -> Iterator[splice.Edit]:
    """Yield the edits of one scope, one for each node that reads a copy from now on."""
    if isinstance(scope.proto, FunctionProto):
        return
    readers: dict[str, dict[Purpose, list[Reader]]] = {}
    for index, node in enumerate(scope.nodes):
        for place, name in enumerate(node.input):
            if _is_constant(scope, name):
                purposes = readers.setdefault(name, {})
                purposes.setdefault(_purpose(scope, index, place), []).append((index, place))
    copies = [
        (name, names.value(name), purposes[purpose])
        for name, purposes in readers.items()
        for purpose in sorted(purposes)[1:]
    ]
    changed: dict[int, NodeProto] = {}
    for _, new, places in copies:
        for index, place in places:
            changed.setdefault(index, _copy(scope.nodes[index])).input[place] = new
    first: dict[int, list[tuple[str, str]]] = {}
    for name, new, places in copies:
        first.setdefault(min(places)[0], []).append((name, new))
    for index, node in changed.items():
        made = first.get(index, [])
        tensors = [_renamed(scope.initializers[name], new) for name, new in made if name in scope.initializers]
        nodes = [_remade(scope, name, new, names) for name, new in made if name not in scope.initializers]
        yield splice.Edit(scope, [index], [*nodes, node], tensors, keeps_documentation=False)


def _is_constant(scope: Scope, name: str) -> bool:
    """Whether a value is an initializer that nobody can override, or a Constant node's, of this very scope."""
    if name in scope.initializers:
        return name not in scope.inputs
    return name in scope.producers and is_onnx(scope.nodes[scope.producers[name]], "Constant")


def _purpose(scope: Scope, index: int, place: int) -> Purpose:
    """Return what an input is for: what is added to a product first, what a Concat joins last, each for itself."""
    node = scope.nodes[index]
    if is_onnx(node, "Concat"):
        return 2, index, place
    return (0 if _is_bias(scope, node, place) else 1), 0, 0


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
