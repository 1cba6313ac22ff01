"""One change in a model: an operator, a constant, an attribute or an edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, numpy_helper

from gru_lower.graph.scopes import Scope, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KINDS = ("operator", "constant", "attribute", "edge")
FAMILIES = (
    ("Add", "Sub", "Mul", "Div", "Max", "Min"),
    ("Sigmoid", "Tanh", "Relu", "HardSigmoid", "Softsign", "Identity", "Neg", "Abs", "Exp"),
    ("Less", "Greater", "Equal"),
    ("And", "Or"),
)
FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE}


@dataclass(frozen=True)
class Mutant:
    """A model with one change.

    Attributes:
        kind: Of :data:`KINDS`.
        what: The change in words.
        model: The changed model.

    """

    kind: str
    what: str
    model: onnx.ModelProto


def mutated(model: onnx.ModelProto, rng: np.random.Generator, kind: str) -> Mutant | None:
    """Return the model with one random change of a kind, ``None`` where the draw cannot be made."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    scopes = list(walk(copy))
    change: Callable[[Scope, np.random.Generator], str | None] = {
        "operator": _operator,
        "constant": _constant,
        "attribute": _attribute,
        "edge": _edge,
    }[kind]
    sizes = np.array([len(scope.nodes) for scope in scopes], float)
    scope = scopes[int(rng.choice(len(scopes), p=sizes / sizes.sum()))]
    what = change(scope, rng)
    if what is None or copy.SerializeToString(deterministic=True) == model.SerializeToString(deterministic=True):
        return None
    return Mutant(kind, f"{scope.path}: {what}", copy)


def _pick(rng: np.random.Generator, options: list[Any]) -> Any:
    return options[int(rng.integers(len(options)))] if options else None


def _operator(scope: Scope, rng: np.random.Generator) -> str | None:
    found = [(node, family) for node in scope.nodes for family in FAMILIES if node.op_type in family]
    if not found:
        return None
    node, family = _pick(rng, found)
    before = node.op_type
    node.op_type = _pick(rng, [name for name in family if name != before])
    del node.attribute[:]
    return f"{before} of {node.output[0]} became {node.op_type}"


def _constant(scope: Scope, rng: np.random.Generator) -> str | None:
    tensors = [*scope.proto.initializer] if isinstance(scope.proto, onnx.GraphProto) else []
    tensors += [
        a.t for node in scope.nodes for a in node.attribute if a.type == AttributeProto.TENSOR and a.name == "value"
    ]
    tensor = _pick(rng, [each for each in tensors if np.prod(each.dims)])
    if tensor is None:
        return None
    array = numpy_helper.to_array(tensor).copy()
    name = tensor.name
    what = _floats(array, rng) if tensor.data_type in FLOATS else _whole(array, rng)
    if what is None:
        return None
    tensor.CopyFrom(numpy_helper.from_array(array, name))
    return f"{name or 'a Constant'}: {what}"


def _floats(array: np.ndarray[Any, Any], rng: np.random.Generator) -> str | None:
    size = float(np.abs(array).max()) or 1.0
    place = tuple(int(rng.integers(n)) for n in array.shape)
    kind = _pick(rng, ["add", "add a little", "zero", "negate", "scale all", "swap rows", "swap", "negate all"])
    if kind in {"swap", "swap rows"}:
        if array.size < 2 or (kind == "swap rows" and array.shape[0] < 2 and array.ndim < 2):
            return None
        flat = array.reshape(-1) if kind == "swap" else array.reshape(-1, array.shape[-1])
        if len(flat) < 2:
            return None
        i, j = rng.choice(len(flat), 2, replace=False)
        flat[[i, j]] = flat[[j, i]]
        return f"{kind} {i} and {j}"
    if kind == "add":
        array[place] += size * rng.choice([-1, 1]) * rng.uniform(0.2, 1)
    elif kind == "add a little":
        array[place] += size * rng.choice([-1, 1]) * 10.0 ** rng.uniform(-3, -1)
    elif kind == "zero":
        array[place] = 0
    elif kind == "negate":
        array[place] = -array[place]
    elif kind == "negate all":
        array[...] = -array
    else:
        array[...] = array * rng.choice([0.5, 0.9, 0.99, 1.01, 1.1, 2.0])
    return f"{kind} at {list(place)}"


def _whole(array: np.ndarray[Any, Any], rng: np.random.Generator) -> str | None:
    place = tuple(int(rng.integers(n)) for n in array.shape)
    if array.dtype == np.bool_:
        array[place] = not array[place]
        return f"flipped at {list(place)}"
    step = int(_pick(rng, [-2, -1, 1, 2]))
    info = np.iinfo(array.dtype)
    if not info.min <= int(array[place]) + step <= info.max:
        return None
    array[place] += step
    return f"{step:+d} at {list(place)}"


def _attribute(scope: Scope, rng: np.random.Generator) -> str | None:
    plain = {AttributeProto.INT, AttributeProto.INTS, AttributeProto.FLOAT}
    found = [(node, a) for node in scope.nodes for a in node.attribute if a.type in plain]
    if not found:
        return None
    node, attribute = _pick(rng, found)
    before = onnx.helper.get_attribute_value(attribute)
    if attribute.type == AttributeProto.FLOAT:
        attribute.f = float(before * _pick(rng, [0.5, 0.9, 1.1, -1])) if before else 0.5
    elif attribute.type == AttributeProto.INT:
        attribute.i = int(before) + int(_pick(rng, [-1, 1]))
    elif len(attribute.ints) > 1:
        attribute.ints[:] = [int(i) for i in rng.permutation(list(attribute.ints))]
    elif attribute.ints:
        attribute.ints[0] += int(_pick(rng, [-1, 1]))
    return f"{attribute.name} of {node.op_type} {node.output[0]} from {before}"


def _edge(scope: Scope, rng: np.random.Generator) -> str | None:
    kind = _pick(rng, ["rewire", "rewire", "rewire", "swap", "drop", "output"])
    if kind == "output":
        return _output(scope, rng)
    nodes = [(index, node) for index, node in enumerate(scope.nodes) if any(node.input)]
    if not nodes:
        return None
    index, node = _pick(rng, nodes)
    place = int(_pick(rng, [i for i, name in enumerate(node.input) if name]))
    if kind == "swap" and len(node.input) > 1:
        other = int(_pick(rng, [i for i, name in enumerate(node.input) if i != place]))
        node.input[place], node.input[other] = node.input[other], node.input[place]
        return f"inputs {place} and {other} of {node.op_type} {node.output[0]} swapped"
    before = node.input[place]
    node.input[place] = "" if kind == "drop" else _pick(rng, list(_visible(scope, index)))
    return f"input {place} of {node.op_type} {node.output[0]}: {before!r} became {node.input[place]!r}"


def _output(scope: Scope, rng: np.random.Generator) -> str | None:
    """Wire a body's output to another value. The main graph's outputs have names that matter: their makers change."""
    if scope.parent is None:
        return None
    output = _pick(rng, list(scope.proto.output))
    before, output.name = output.name, _pick(rng, list(_visible(scope, len(scope.nodes))))
    return f"output {before} became {output.name}"


def _visible(scope: Scope, index: int) -> Iterator[str]:
    yield from scope.inputs
    yield from scope.initializers
    for node in scope.nodes[:index]:
        yield from filter(None, node.output)
    if scope.parent is not None:
        holder = next(
            i
            for i, node in enumerate(scope.parent.nodes)
            if any(a.g is scope.proto or a.g == scope.proto for a in node.attribute)
        )
        yield from _visible(scope.parent, holder)
