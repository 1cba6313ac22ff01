"""Find what a model uses an input for, as far as that limits its values: indices, lengths, weights, trip counts.

Values are followed forwards from each input, through operators that keep them, into bodies and local functions.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Literal

import onnx

from gru_lower.graph.external_data import is_external
from gru_lower.graph.scopes import subgraphs
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gru_lower.verification.inputs.model_inputs import Dim, Input

# fmt: off
_KEEP_VALUES = {
    "Cast", "Identity", "Unsqueeze", "Reshape", "Squeeze", "Transpose", "Flatten", "Expand", "Split", "Slice",
}
_KEEP_AXES = {
    "Identity", "Cast", "Dropout", "Relu", "LeakyRelu", "Elu", "Selu", "Gelu", "PRelu", "Tanh", "Sigmoid",
    "HardSigmoid", "Softmax", "LogSoftmax", "Clip", "Neg", "Exp", "Log", "Sqrt", "Abs", "LayerNormalization",
    "BatchNormalization", "Add", "Sub", "Mul", "Div", "Where", "MatMul", "Gemm", "QuantizeLinear", "DequantizeLinear",
    "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Equal", "And", "Or", "Not", "IsNaN", "IsInf", "Min", "Max",
    "Mod",
}
# fmt: on
_RECURRENT = {"GRU", "LSTM", "RNN"}
_X, _WEIGHTS, _LENS, _INITIAL_H = 0, (1, 2), 4, 5


@dataclass(frozen=True)
class Role:
    """What an input is used for.

    Attributes:
        kind: "index" into an axis, sequence "lengths" along it, a recurrent "weight", or a loop's "trips".
        bound: The size of that axis; None if it cannot be told.

    """

    kind: Literal["index", "lengths", "weight", "trips"]
    bound: Dim | None = None


@dataclass
class _Scope:
    """The main graph with its bodies, or one local function with its own."""

    users: dict[str, list[tuple[onnx.NodeProto, int]]] = field(default_factory=dict)
    makers: dict[str, tuple[onnx.NodeProto, int]] = field(default_factory=dict)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)


class Roles:
    """The uses of a model's inputs."""

    def __init__(self, model: onnx.ModelProto, inputs: Mapping[str, Input]) -> None:
        """Index who makes and who uses which value; names are unique across a graph and its bodies."""
        self._inputs = inputs
        self._functions = {(f.domain, f.name): f for f in model.functions}
        self._scopes: dict[tuple[str, str] | None, _Scope] = {None: _Scope()}
        self._scopes[None].constants |= {tensor.name: tensor for tensor in model.graph.initializer}
        _index(self._scopes[None], model.graph.node)
        for key, function in self._functions.items():
            _index(self._scopes.setdefault(key, _Scope()), function.node)

    def of(self, name: str) -> Iterator[Role]:
        """Yield every role that the input plays."""
        pending: list[tuple[tuple[str, str] | None, str]] = [(None, name)]
        seen = set(pending)
        while pending:
            key, value = pending.pop()
            for node, position in self._scopes[key].users.get(value, ()):
                yield from self._role(self._scopes[key], node, position)
                function = self._functions.get((node.domain, node.op_type))
                after = [(key, inner) for inner in _followed(node, position)]
                if function is not None and position < len(function.input):
                    after.append(((node.domain, node.op_type), function.input[position]))
                pending += [step for step in after if step not in seen]
                seen.update(after)

    def equal_dims(self) -> Iterator[tuple[Dim, Dim]]:
        """Yield pairs of input dims that a recurrent node of the graph makes equal: the batch of X, lens and h0."""
        scope = self._scopes[None]
        nodes = {id(node): node for users in scope.users.values() for node, _ in users if node.op_type in _RECURRENT}
        for node in nodes.values():
            batch_axis = 0 if _int(node, "layout") else 1
            batch = self._dim(scope, node.input[_X], batch_axis)
            for position, axis in ((_LENS, 0), (_INITIAL_H, batch_axis)):
                if len(node.input) > position and node.input[position]:
                    other = self._dim(scope, node.input[position], axis)
                    if batch is not None and other is not None:
                        yield batch, other

    def _role(self, scope: _Scope, node: onnx.NodeProto, position: int) -> Iterator[Role]:
        if node.op_type in {"Gather", "GatherElements"} and position == 1:
            yield Role("index", self._dim(scope, node.input[0], _int(node, "axis")))
        elif node.op_type in _RECURRENT and position == _LENS:
            yield Role("lengths", self._dim(scope, node.input[_X], 1 if _int(node, "layout") else 0))
        elif node.op_type == "ReverseSequence" and position == 1:
            yield Role("lengths", self._dim(scope, node.input[0], _int(node, "time_axis")))
        elif node.op_type in _RECURRENT and position in _WEIGHTS:
            yield Role("weight")
        elif node.op_type == "Loop" and position == 0:
            yield Role("trips")

    def _dim(self, scope: _Scope, value: str, axis: int) -> Dim | None:
        """Follow an axis back to the size of a constant or an input; None if an operator on the way is not known."""
        for _ in range(len(scope.makers) + 1):
            dims: tuple[Dim, ...] | None = None
            if value in scope.constants:
                dims = tuple(scope.constants[value].dims)
            elif value in self._inputs and scope is self._scopes[None]:
                dims = self._inputs[value].dims or ()
            if dims is not None:
                return dims[axis] if -len(dims) <= axis < len(dims) else None
            if value not in scope.makers:
                return None
            step = _back(scope, *scope.makers[value], axis)
            if step is None:
                return None
            value, axis = step
        return None


def _index(scope: _Scope, nodes: Iterable[onnx.NodeProto]) -> None:
    for node in nodes:
        for position, name in enumerate(node.input):
            scope.users.setdefault(name, []).append((node, position))
        for position, name in enumerate(node.output):
            scope.makers[name] = (node, position)
        attributes = node.attribute
        if not attributes:
            continue
        if node.op_type == "Constant":
            scope.constants.update((node.output[0], each.t) for each in attributes if each.name == "value")
        for _, body in subgraphs(node):
            scope.constants.update((tensor.name, tensor) for tensor in body.initializer)
            _index(scope, body.node)


def _followed(node: onnx.NodeProto, position: int) -> list[str]:
    """Return the values to which a node passes on the value at one of its inputs unchanged."""
    if node.op_type == "Concat":
        return list(node.output)
    bodies = [attribute.g for attribute in node.attribute if attribute.name == "body"]
    if node.op_type in _KEEP_VALUES:
        return list(node.output) if position == 0 else []
    if node.op_type in {"Loop", "Scan"} and bodies and position < len(bodies[0].input):
        return [bodies[0].input[position].name] if node.op_type == "Scan" or position > 1 else []
    return []


def _back(scope: _Scope, node: onnx.NodeProto, output: int, axis: int) -> tuple[str, int] | None:
    """Return the input, and the axis there, that an axis of a node's output comes from."""
    if node.op_type == "Transpose":
        perm = next((list(attribute.ints) for attribute in node.attribute if attribute.name == "perm"), None)
        return None if perm is None or axis >= len(perm) else (node.input[0], perm[axis])
    if node.op_type in _RECURRENT and output == 0 and not _int(node, "layout"):
        return {0: (node.input[_X], 0), 2: (node.input[_X], 1)}.get(axis)
    if node.op_type == "Gather" and _int(node, "axis") == 0:
        return node.input[1], axis
    if node.op_type in {"Squeeze", "Unsqueeze"}:
        return _through_squeeze(scope, node, axis)
    if node.op_type in _KEEP_AXES:
        varying = [name for name in node.input if name and name not in scope.constants]
        return (varying[0], axis) if varying else (node.input[0], axis)
    return None


def _through_squeeze(scope: _Scope, node: onnx.NodeProto, axis: int) -> tuple[str, int] | None:
    axes = next((list(attribute.ints) for attribute in node.attribute if attribute.name == "axes"), None)
    if axes is None and len(node.input) > 1 and node.input[1] in scope.constants:
        tensor = scope.constants[node.input[1]]
        if is_external(tensor):  # where its file lies is not known here
            return None
        axes = [int(a) for a in onnx.numpy_helper.to_array(tensor).ravel()]
    if axes is None or any(a < 0 for a in axes):  # counted from the end of an unknown rank
        return None
    if node.op_type == "Unsqueeze":
        return None if axis in axes else (node.input[0], axis - sum(a < axis for a in axes))
    for gone in sorted(axes):
        axis += gone <= axis
    return node.input[0], axis


def _int(node: onnx.NodeProto, name: str) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == name), 0)
