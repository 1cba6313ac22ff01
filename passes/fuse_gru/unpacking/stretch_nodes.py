"""Write the nodes of a loop's body stretch by stretch: what is packed side by side becomes values of their own.

A product with a matrix becomes products with its blocks: a block of zeros is left out, one that is an identity gives
the stretch itself. What turns out to be one number is that number; what is computed twice is one value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from gru_lower.graph.scopes import is_onnx, node_uses
from gru_lower.passes.fuse_gru.algebra.axes import FEATURES
from gru_lower.passes.fuse_gru.loops.body_edits import copied
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor, feature_pieces, full_array
from gru_lower.passes.fuse_gru.tensors.value_roles import MICROSOFT

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from gru_lower.graph.names import Names
    from gru_lower.passes.fuse_gru.algebra.matrices import Array
    from gru_lower.passes.fuse_gru.tensors.scope_values import ScopeValues

DType = np.dtype[Any]
Stretch = str | float
"""A stretch of a value's features: the name of a value, or the one number that all of it is."""
END = 2**31 - 1

ELEMENTWISE = frozenset({
    *("Abs", "Add", "Celu", "Clip", "Div", "Elu", "Erf", "Exp", "Greater", "GreaterOrEqual", "HardSigmoid"),
    *("HardSwish", "Identity", "LeakyRelu", "Less", "LessOrEqual", "Log", "Max", "Min", "Mul", "Neg", "Pow"),
    *("Reciprocal", "Relu", "Selu", "Sigmoid", "Softplus", "Softsign", "Sqrt", "Sub", "Sum", "Tanh"),
    *("ThresholdedRelu", "Where"),
})  # fmt: skip
"""Operators that make each feature of the same feature of their inputs."""
VANISHING = frozenset({"Abs", "Elu", "LeakyRelu", "Neg", "Relu", "Selu", "Softsign", "Sqrt", "Tanh"})
"""Functions that are 0 at 0."""
FOLDED: dict[str, Callable[..., Any]] = {
    "Add": np.add,
    "Clip": np.clip,
    "Exp": np.exp,
    "Max": np.maximum,
    "Min": np.minimum,
    "Mul": np.multiply,
    "Sub": np.subtract,
}
"""Functions of numbers that are computed here."""


class StretchWriter:
    """Writes the nodes of one body.

    Args:
        body: The body, interpreted.
        width: How many features a stretch has.
        dtype: The type of its numbers.
        states: The stretches of the states that are split, by the state's name in the body.
        names: The names that are taken.

    Attributes:
        nodes: What is written.
        tensors: The constants that the nodes read.

    """

    def __init__(
        self, body: ScopeValues, width: int, dtype: DType, states: dict[str, list[Stretch]], names: Names
    ) -> None:
        """Start with the states."""
        self.body, self.width, self._names, self._dtype = body, width, names, dtype
        self.values: dict[str, list[Stretch]] = dict(states)
        self.nodes: list[NodeProto] = []
        self.tensors: dict[Hashable, TensorProto] = {}
        self._made: dict[Hashable, str] = {}
        self._flat: set[str] = set()
        """Values that need not have all the axes of a state: constants, and what is made of them alone."""
        self._joined: dict[str, str] = {}
        self._some_state = next((part for parts in states.values() for part in parts if isinstance(part, str)), "")

    def write(self, node: NodeProto) -> None:
        """Write a node: stretch by stretch where it is read so, else as it is."""
        known = is_onnx(node) and len(node.output) == 1
        made = None
        if (known and node.op_type in ("Gemm", "MatMul")) or is_fused_gemm(node):
            made = self._product(node)
        elif known and node.op_type in ELEMENTWISE and any(name in self.values for name in node.input):
            made = self._elementwise(node)
        if made is not None:
            self.values[node.output[0]] = made
            return
        for name in node_uses(node):
            if name in self.values:
                self.joined(name)
        self.nodes.append(copied(node))

    def stretches(self, name: str, count: int) -> list[Stretch] | None:
        """Return the stretches of a value, if there are so many, ``None`` if there are not."""
        if name in self.values:
            return self.values[name] if len(self.values[name]) == count else None
        known = self.body.value(name)
        if isinstance(known, ConstTensor):
            return self._of_constant(name, known, count)
        if not isinstance(known, PolyTensor) or not known.dims:
            return None
        if known.dims[-1] == 1:
            self._flat.add(name)
            return [*[name] * count]
        if known.axes[-1] is not FEATURES or known.width != count * self.width:
            return None
        return [self._slice(name, known, place * self.width) for place in range(count)]

    def parts(self, name: str, count: int) -> list[Stretch]:
        """Return the stretches of a value that has so many."""
        found = self.stretches(name, count)
        return [self._cut(name, place * self.width) for place in range(count)] if found is None else found

    def whole(self, stretch: Stretch) -> str:
        """Return a value with all the axes of a state that a stretch is."""
        if isinstance(stretch, str) and stretch not in self._flat:
            return stretch
        nothing = self._node("Sub", [self._some_state, self._some_state])
        return nothing if stretch == 0.0 else self._node("Add", [nothing, stretch])

    def joined(self, name: str) -> str:
        """Return a value of the body under its own name, its stretches put together."""
        if name in self.values and name not in self._joined:
            self._joined[name] = name
            parts = [self.whole(part) for part in self.values[name]]
            self.nodes.append(helper.make_node("Concat", parts, [name], self._names.node(f"{name}/joined"), axis=-1))
        return name

    def copy(self, name: str, wanted: str) -> str:
        """Return a copy of a value, under a name of its own."""
        made = self._names.value(wanted)
        self.nodes.append(helper.make_node("Identity", [name], [made], self._names.node(made)))
        return made

    # -- operators -------------------------------------------------------------------------------------

    def _product(self, node: NodeProto) -> list[Stretch] | None:
        attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        function, options = _text(attributes.pop("activation", "")), []
        for name, value in (
            ("alpha", attributes.pop("activation_alpha", None)),
            ("beta", attributes.pop("activation_beta", None)),
        ):
            options += [] if value is None else [helper.make_attribute(name, value)]
        a, b, *rest = node.input
        if attributes.pop("transA", 0) or any(attributes.get(name, 1.0) != 1.0 for name in ("alpha", "beta")):
            return None
        if b in self.values and self._is_one(a) and not attributes.get("transB"):
            made: list[Stretch] | None = self.values[b]
        else:
            made = self._blocks(a, b, transposed=bool(attributes.get("transB")))
        if made is not None and rest and rest[0]:
            added = self.stretches(rest[0], len(made))
            made = None if added is None else [self._apply("Add", [*each]) for each in zip(made, added, strict=True)]
        if made is None or not function:
            return made
        applied = NodeProto(op_type=function, output=node.output, attribute=options)
        return [self._apply(function, [each], applied) for each in made]

    def _is_one(self, name: str) -> bool:
        known = self.body.value(name)
        return isinstance(known, ConstTensor) and known.dims == (1, 1) and bool(known.array.item() == 1)

    def _blocks(self, a: str, b: str, *, transposed: bool) -> list[Stretch] | None:
        given, known = self.values.get(a), self.body.value(b)
        if given is None or not isinstance(known, ConstTensor) or len(known.dims) != 2 or not known.is_full:
            return None
        matrix = full_array(known).T if transposed else full_array(known)
        rows, columns = matrix.shape
        if rows != len(given) * self.width or columns % self.width or _has_numbers(given):
            return None
        made = []
        for column in range(0, columns, self.width):
            alike: dict[bytes, tuple[Array, list[Stretch]]] = {}  # what equal blocks multiply is one sum
            for place, part in enumerate(given):
                block = matrix[place * self.width : (place + 1) * self.width, column : column + self.width]
                alike.setdefault(block.tobytes(), (block, []))[1].append(part)
            made.append(self._sum([self._times(self._sum(parts), block) for block, parts in alike.values()]))
        return made

    def _times(self, part: Stretch, block: Array) -> Stretch:
        if part == 0.0 or not block.any():
            return 0.0
        if np.array_equal(block, np.eye(self.width)):
            return part
        return self._node("MatMul", [part, self._tensor(np.ascontiguousarray(block), "block")])

    def _sum(self, terms: Sequence[Stretch]) -> Stretch:
        total: Stretch = 0.0
        for term in terms:
            total = self._apply("Add", [total, term])
        return total

    def _elementwise(self, node: NodeProto) -> list[Stretch] | None:
        counts = {len(self.values[name]) for name in node.input if name in self.values}
        if len(counts) != 1:
            return None
        (count,) = counts
        operands = [self.stretches(name, count) if name else [""] * count for name in node.input]
        if any(each is None for each in operands):
            return None
        by_place = list(zip(*(each for each in operands if each is not None), strict=True))
        return [self._apply(node.op_type, list(each), node) for each in by_place]

    def _apply(self, op: str, operands: list[Stretch], node: NodeProto | None = None) -> Stretch:
        if op == "Identity":
            return operands[0]
        numbers = [each for each in operands if isinstance(each, float)]
        if op == "Mul" and 0.0 in numbers:
            return 0.0
        if op in VANISHING and operands == [0.0]:
            return 0.0
        if op == "Clip" and node is not None and node.attribute:  # as until opset 10
            bounds = {each.name: each.f for each in node.attribute}
            numbers += [bounds.get("min", -np.inf), bounds.get("max", np.inf)] if numbers else []
        if len(numbers) >= len(operands) and op in FOLDED:
            return float(np.asarray(FOLDED[op](*numbers), self._dtype))
        if len(operands) == 2 and operands[1] == 0.0 and op in ("Add", "Sub") and operands[0] not in self._flat:
            return operands[0]
        if op == "Add" and operands[0] == 0.0 and operands[1] not in self._flat:
            return operands[1]
        if op == "Sub" and operands[0] == 0.0:
            return self._node("Neg", operands[1:])
        return self._node(op, operands, node)

    # -- nodes and constants ---------------------------------------------------------------------------

    def _node(self, op: str, operands: Sequence[Stretch], node: NodeProto | None = None) -> str:
        """Return the value of an operator, with the attributes of a node."""
        given = [each if isinstance(each, str) else self._tensor(np.array(each, self._dtype), op) for each in operands]
        attributes = list(node.attribute) if node is not None else []
        key = (
            op,
            tuple(sorted(given) if op in ("Add", "Mul") else given),
            tuple(a.SerializeToString() for a in attributes),
        )
        if key not in self._made:
            local = node.output[0] if node is not None else next((each for each in given if each), op)
            made = self._made[key] = self._names.value(f"{local}/{op}")
            new = helper.make_node(op, given, [made], self._names.node(made))
            new.attribute.extend(attributes)
            self.nodes.append(new)
            if all(each in self._flat or not each for each in given):
                self._flat.add(made)
        return self._made[key]

    def _tensor(self, array: Array, local: str) -> str:
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.tensors:
            self.tensors[key] = numpy_helper.from_array(
                array, self._names.value(f"{self.body.scope.proto.name}/{local}")
            )
            self._flat.add(self.tensors[key].name)
        return self.tensors[key].name

    def _of_constant(self, name: str, known: ConstTensor, count: int) -> list[Stretch] | None:
        if known.array.dtype == object or not known.is_full:
            return None
        array = full_array(known)
        if array.size == 1:
            if array.dtype == self._dtype:
                return [*[float(array.item())] * count]
            self._flat.add(name)
            return [*[name] * count]
        if array.dtype.kind not in "fV" or array.shape[-1] != count * self.width or array.size != array.shape[-1]:
            return None
        parts = np.split(array, count, axis=-1)
        return [self._tensor(np.ascontiguousarray(part), "part") if part.any() else 0.0 for part in parts]

    def _slice(self, name: str, known: PolyTensor, first: int) -> Stretch:
        pieces = feature_pieces(self.body.algebra, known, first, first + self.width)
        if not any(poly.terms for _, poly in pieces):
            return 0.0
        key = (pieces, known.axes, known.dims[:-1])
        if key not in self._made:
            self._made[key] = self._cut(name, first)
        return self._made[key]

    def _cut(self, name: str, first: int) -> str:
        """Return a stretch of a value that is not written stretch by stretch."""
        bounds = [self._tensor(np.array([each], np.int64), "bound") for each in (first, first + self.width, -1)]
        return self._node("Slice", [name, *bounds])


def is_fused_gemm(node: NodeProto) -> bool:
    """Whether a node is onnxruntime's Gemm with a function behind it."""
    return bool(node.op_type == "FusedGemm" and node.domain == MICROSOFT)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _has_numbers(parts: Sequence[Stretch]) -> bool:
    """Whether a stretch is a number other than 0."""
    return any(isinstance(part, float) and part != 0.0 for part in parts)
