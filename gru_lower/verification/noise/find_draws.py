"""Find the nodes of a model that draw noise, and match those of two models."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import field
from typing import TYPE_CHECKING

import onnx

from gru_lower.graph import onnx_calls
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.graph.scopes import Scope

_FAMILIES = {
    "RandomNormal": "normal",
    "RandomNormalLike": "normal",
    "RandomUniform": "uniform",
    "RandomUniformLike": "uniform",
    "Bernoulli": "Bernoulli",
    "Multinomial": "Multinomial",
    "Dropout": "Dropout",
}
_TRAINING_MODE = 2  # Dropout's input from opset 12 on


@dataclass(frozen=True)
class Draw:
    """A node that draws noise.

    Attributes:
        scope: The scope it stands in.
        index: Its place there.
        node: The node.
        family: What it draws: nodes of one family may stand for each other.
        place: The kinds of the bodies around it: "main/Loop.body".
        counters: The iteration numbers of the Loops around it, from the outermost on.

    """

    scope: Scope
    index: int
    node: onnx.NodeProto
    family: str
    place: str
    counters: tuple[str, ...]

    @property
    def name(self) -> str:
        """The value it draws."""
        return str(self.node.output[0])


def find_draws(model: onnx.ModelProto) -> list[Draw]:
    """Return the nodes that draw noise which something uses, in the order of the model.

    Args:
        model: Without draws in local functions; see :func:`without_drawing_functions`.

    """
    found = []
    for scope in walk(model):
        for index, node in enumerate(scope.nodes):
            if _draws(node, scope) and any(scope.uses[name] for name in node.output):
                place, counters = _place(scope)
                found.append(Draw(scope, index, node, _FAMILIES[node.op_type], place, counters))
    return found


def without_drawing_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with its local functions written out, if one of them may draw noise; else the model itself."""
    drawing = any(
        node.op_type in _FAMILIES
        for scope in (walk(model) if model.functions else ())
        if scope.function is not None
        for node in scope.nodes
    )
    return onnx_calls.inlined(model) if drawing else model


def _draws(node: onnx.NodeProto, scope: Scope) -> bool:
    if node.op_type not in _FAMILIES or not is_onnx(node, node.op_type):
        return False
    if node.op_type != "Dropout":
        return True
    if len(node.input) <= _TRAINING_MODE or not node.input[_TRAINING_MODE]:
        return False
    training = _constant(scope, node.input[_TRAINING_MODE])
    return training is None or bool(onnx.numpy_helper.to_array(training).any())


def _constant(scope: Scope, name: str) -> onnx.TensorProto | None:
    """Return a value that no caller can change."""
    at: Scope | None = scope
    while at is not None:
        if name in at.initializers and (name not in at.inputs or at.ir_version < 4):
            return at.initializers[name]
        if name in at.producers:
            maker = at.nodes[at.producers[name]]
            value = next((each.t for each in maker.attribute if each.name == "value"), None)
            return value if maker.op_type == "Constant" else None
        at = at.parent
    return None


def _place(scope: Scope) -> tuple[str, tuple[str, ...]]:
    """Return the kinds of the bodies around a scope's nodes, and the Loops' counters among them."""
    kinds: list[str] = []
    counters: list[str] = []
    at = scope
    while at.parent is not None:
        kind, counter = _body_of(at, at.parent)
        kinds.append(kind)
        counters += [counter] if counter else []
        at = at.parent
    return "/".join(["main", *reversed(kinds)]), tuple(reversed(counters))


def _body_of(scope: Scope, parent: Scope) -> tuple[str, str]:
    for node in parent.nodes:
        for attribute in node.attribute:
            if attribute.g is scope.proto or any(body is scope.proto for body in attribute.graphs):
                counter = attribute.g.input[0].name if node.op_type == "Loop" and attribute.g.input else ""
                return f"{node.op_type}.{attribute.name}", counter
    return "?", ""


@dataclass
class Matched:
    """The draws of two models.

    Attributes:
        pairs: Draws that stand for each other.
        first_only: Draws of the first model that nothing in the second stands for.
        second_only: The other way around.
        by_order: Whether some were matched by nothing but their order among several.

    """

    pairs: list[tuple[Draw, Draw]] = field(default_factory=list)
    first_only: list[Draw] = field(default_factory=list)
    second_only: list[Draw] = field(default_factory=list)
    by_order: bool = False


def match_draws(first: list[Draw], second: list[Draw]) -> Matched:
    """Match draws by the name of what they draw, the others by their order among those of one family and place.

    Args:
        first: Of one model.
        second: Of the other.

    """
    matched = Matched()
    named = {(draw.name, draw.family, draw.place): draw for draw in second}
    left: dict[tuple[str, str], tuple[list[Draw], list[Draw]]] = defaultdict(lambda: ([], []))
    taken: set[int] = set()
    for draw in first:
        other = named.get((draw.name, draw.family, draw.place))
        if other is None:
            left[draw.family, draw.place][0].append(draw)
        else:
            matched.pairs.append((draw, other))
            taken.add(id(other))
    for draw in second:
        if id(draw) not in taken:
            left[draw.family, draw.place][1].append(draw)
    for ours, theirs in left.values():
        if len(ours) == len(theirs):
            matched.pairs += zip(ours, theirs, strict=True)
            matched.by_order |= len(ours) > 1
        else:
            matched.first_only += ours
            matched.second_only += theirs
    return matched


def described(draws: list[Draw]) -> Iterator[str]:
    """Yield each draw as messages name it: "RandomNormal 'noise' in main"."""
    for draw in draws:
        yield f"{draw.node.op_type} {draw.name!r} in {draw.scope.path}"


def elem_type_of(scope: Scope, name: str) -> int:
    """Return the element type of a value as far as the graph states it; float32 elsewhere."""
    where = scope.find(name)
    if where is None:
        return int(onnx.TensorProto.FLOAT)
    if name in where.initializers:
        return int(where.initializers[name].data_type)
    for _ in range(len(where.nodes) + 1):
        declared = [*getattr(where.proto, "value_info", ()), *filter(None, where.inputs.values())]
        stated = next((value.type.tensor_type.elem_type for value in declared if value.name == name), 0)
        if stated or name not in where.producers:
            return int(stated or onnx.TensorProto.FLOAT)
        maker = where.nodes[where.producers[name]]
        if maker.op_type == "Cast":
            return next(int(attribute.i) for attribute in maker.attribute if attribute.name == "to")
        if not maker.input or not maker.input[0]:
            break
        name = maker.input[0]
    return int(onnx.TensorProto.FLOAT)
