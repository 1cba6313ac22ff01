"""Evaluation of shape arithmetic: the values that Shape, Gather, Concat, ConstantOfShape and their like compute.

Exporters spell sizes as arithmetic on Shape. Where the dims they ask for are static, the results
are constants; a vector of dims may also be known in part, and its known entries go on being used.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper

from gru_lower.errors import FOREIGN_FAILURES
from gru_lower.graph.run_node import CannotComputeError, evaluate_node
from gru_lower.graph.scopes import is_onnx

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from onnx import NodeProto

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope

Array = np.ndarray[Any, np.dtype[Any]]

LIMIT = 1 << 18
"""A value of more elements than this is not computed: as a constant it would make the model larger."""
LARGEST = 2**63 - 1
ROOTS = {"Shape", "Size", "ConstantOfShape", "TopK"}
"""What values have to follow from to be computed: sizes, and the order of lengths that are known."""
ARITHMETIC = {
    *("Add", "Sub", "Mul", "Div", "Mod", "Neg", "Abs", "Floor", "Ceil", "Sqrt", "Pow", "Min", "Max", "CumSum"),
    *("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Not", "Where", "Cast", "Identity"),
    *("Gather", "Slice", "Split", "Concat", "Squeeze", "Unsqueeze", "Reshape", "Flatten", "Transpose"),
    *("Expand", "Tile", "Range", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum", "ScatterElements", "TopK"),
}
"""Operators through which sizes are computed."""


def shape_values(scope: Scope, facts: Facts) -> dict[str, Array]:
    """Compute every value of a scope that follows from static shapes.

    Args:
        scope: Where to look; bodies inside it have to be asked for themselves.
        facts: What is known of the model's values.

    Returns:
        Values by name: those computed from one of ROOTS, where every element is known.

    """
    return _Evaluator(scope, facts).run()


def known_values(wanted: Sequence[tuple[Scope, str]], facts: Facts) -> dict[tuple[str, str], Array]:
    """Compute values that follow from static shapes or from constants, through the scopes around as well.

    Args:
        wanted: The values, by the scope they are read in and their name.
        facts: What is known of the model's values.

    Returns:
        Those that are known, by the path of the scope they are read in and their name.

    """
    cones: dict[str, set[int]] = {}
    pending = list(wanted)
    while pending:
        scope, name = pending.pop()
        home = scope.find(name) if name else None
        index = None if home is None else home.producers.get(name)
        if home is None or index is None or index in cones.setdefault(home.path, set()):
            continue
        node = home.nodes[index]
        if is_onnx(node) and node.op_type in ARITHMETIC:
            cones[home.path].add(index)
            pending += [(home, each) for each in node.input]
    evaluators: dict[str, _Evaluator] = {}

    def evaluator(scope: Scope) -> _Evaluator:
        if scope.path not in evaluators:
            around = None if scope.parent is None else evaluator(scope.parent)
            evaluators[scope.path] = each = _Evaluator(scope, facts, around)
            each.run(cones.get(scope.path, set()))
        return evaluators[scope.path]

    values = {(scope.path, name): evaluator(scope).value(name) for scope, name in wanted}
    return {key: value for key, value in values.items() if value is not None and value.dtype != object}


class _Evaluator:
    """One walk over the nodes of a scope, in order.

    Args:
        scope: The scope.
        facts: What is known of the model's values.
        around: That of the scope around, whose values it sees; ``None`` to see none but constants.

    """

    def __init__(self, scope: Scope, facts: Facts, around: _Evaluator | None = None) -> None:
        self.scope, self.facts, self.around = scope, facts, around
        self.known: dict[str, Array] = {}
        """Values that follow from shapes; of type object, with None inside, where only a part is known."""

    def run(self, always: Collection[int] = ()) -> dict[str, Array]:
        """Compute what follows from shapes, and the nodes at the indices given also from constants alone."""
        for index, node in enumerate(self.scope.nodes):
            if not is_onnx(node) or node.op_type not in ROOTS | ARITHMETIC:
                continue
            if any(attribute.ref_attr_name for attribute in node.attribute):
                continue  # a parameter of the function around, which each call may bind to something else
            from_shapes = node.op_type in ROOTS or any(name in self.known for name in node.input)
            if not from_shapes and index not in always:
                continue
            results = self.evaluate(node)
            if results is not None:
                self.known.update((name, value) for name, value in zip(node.output, results, strict=False) if name)
        return {name: value for name, value in self.known.items() if value.dtype != object}

    def evaluate(self, node: NodeProto) -> Sequence[Array] | None:
        if node.op_type == "Shape":
            return self.shape(node)
        if node.op_type == "Size":
            dims = self.facts.shape(self.scope, node.input[0])
            fixed = [dim for dim in dims or (None,) if isinstance(dim, int)]
            whole = dims is not None and len(fixed) == len(dims) and math.prod(fixed) <= LARGEST
            return [np.asarray(np.prod(fixed, dtype=np.int64))] if whole else None
        inputs = [self.value(name) if name else None for name in node.input]
        if any(value is None for value, name in zip(inputs, node.input, strict=True) if name):
            return None
        values = [value for value in inputs if value is not None]
        if any(value.dtype == object for value in values):
            return rearrange(node, inputs)
        if sum(value.size for value in values) > LIMIT:
            return None
        try:
            return evaluate_node(node, inputs, self.scope.opsets, LIMIT)
        except CannotComputeError:
            return None  # it is left to run

    def value(self, name: str) -> Array | None:
        if name in self.known:
            return self.known[name]
        if self.around is not None and not self.scope.defines(name):
            return self.around.value(name)
        tensor = self.facts.constant(self.scope, name)
        small = tensor is not None and math.prod(tensor.dims) <= LIMIT
        return self.facts.array(self.scope, name) if small else None

    def shape(self, node: NodeProto) -> Sequence[Array] | None:
        dims = self.facts.shape(self.scope, node.input[0])
        if dims is None:
            return None
        attributes = {attribute.name: attribute.i for attribute in node.attribute}
        wanted = dims[attributes.get("start", 0) : attributes.get("end", len(dims))]
        return [_as_int64(np.array([dim if isinstance(dim, int) else None for dim in wanted], object))]


def rearrange(node: NodeProto, inputs: Sequence[Array | None]) -> Sequence[Array] | None:
    """Rearrange vectors of dims of which some entries are no numbers; any arithmetic on these is not computed.

    Args:
        node: Any node.
        inputs: Its inputs' values, of type object where an entry is no number; ``None`` where one is left out.

    Returns:
        Its outputs, or ``None`` where they are not known.

    """
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute if not a.ref_attr_name}
    moved: Sequence[Array | None] | None
    try:
        if node.op_type == "Split":
            moved = _split(attributes, len(node.output), *inputs)
        else:
            function = _ON_PARTLY_KNOWN.get(node.op_type)
            moved = None if function is None else [function(attributes, *inputs)]
    except FOREIGN_FAILURES:  # indices beyond the end, and the like
        return None
    whole = [_as_int64(value) for value in moved or () if value is not None]
    return whole if moved is not None and len(whole) == len(moved) else None


def _as_int64(value: Array) -> Array:
    """Return a vector of dims as int64 if all of it is known."""
    return value.astype(np.int64) if all(isinstance(entry, (int, np.integer)) for entry in value.flat) else value


def _split(
    attributes: dict[str, Any], outputs: int, data: Array | None, lengths: Array | None = None
) -> Sequence[Array] | None:
    if data is None:
        return None
    given = attributes.get("split") if lengths is None else lengths
    parts = [-(-len(data) // outputs)] * outputs if given is None else [int(each) for each in given]
    if data.ndim != 1 or len(parts) != outputs or (given is None and len(data) % outputs):
        return None
    return np.split(data, np.cumsum(parts)[:-1])


def _gather(attributes: dict[str, Any], data: Array, indices: Array) -> Array | None:
    if indices.dtype == object:
        return None
    return np.asarray(np.take(data, indices, axis=attributes.get("axis", 0)), object)


def _slice(
    attributes: dict[str, Any],
    data: Array,
    starts: Array | None = None,
    ends: Array | None = None,
    _axes: Array | None = None,
    steps: Array | None = None,
) -> Array | None:
    if data.ndim != 1:
        return None
    if "starts" in attributes:
        return data[attributes["starts"][0] : attributes["ends"][0]]
    if starts is None or ends is None or object in (starts.dtype, ends.dtype):
        return None
    step = None if steps is None else int(steps.flat[0])
    return data[int(starts.flat[0]) : int(ends.flat[0]) : step]


def _concat(_attributes: dict[str, Any], *parts: Array) -> Array | None:
    return np.concatenate([part.astype(object) for part in parts]) if all(part.ndim == 1 for part in parts) else None


def _to_scalar(_attributes: dict[str, Any], data: Array, *_axes: Array | None) -> Array | None:
    return data.reshape(()) if data.size == 1 else None


def _to_vector(_attributes: dict[str, Any], data: Array, *_axes: Array | None) -> Array | None:
    return data.reshape(1) if data.ndim == 0 else None


def _identity(_attributes: dict[str, Any], data: Array) -> Array | None:
    return data


def _cast(attributes: dict[str, Any], data: Array) -> Array | None:
    return data if attributes.get("to") in (TensorProto.INT32, TensorProto.INT64) else None


def _reshape(_attributes: dict[str, Any], data: Array, shape: Array) -> Array | None:
    return data.reshape([int(dim) for dim in shape])


_ON_PARTLY_KNOWN: dict[str, Callable[..., Array | None]] = {
    "Gather": _gather,
    "Slice": _slice,
    "Concat": _concat,
    "Squeeze": _to_scalar,
    "Unsqueeze": _to_vector,
    "Identity": _identity,
    "Cast": _cast,
    "Reshape": _reshape,
}
