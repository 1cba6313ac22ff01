"""The pass ``respell-nodes``: operators that a target does not take become ones it does, where that is exact."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from gru_lower.emission.emitter import Emitter
from gru_lower.emission.instantiate_template import Assembly
from gru_lower.graph import splice
from gru_lower.graph.facts import Facts
from gru_lower.graph.names import Names
from gru_lower.graph.operator_set import CONSTANT_FILL
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.graph.shape_values import known_values
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.base import Context, Pass, PassResult
from gru_lower.targets.target_option import profile_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.targets.profile import Profile

RESHAPE_INPUT, CONSTANT_OF_SHAPE = 5, 9
"""The opsets from which: Reshape takes its shape as an input; ConstantOfShape is there."""
NUMBERS = (
    *(TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16),
    *(TensorProto.INT32, TensorProto.INT64),
)
"""Types of which every value times 1 is that value."""
RESET = "linear_before_reset"
LAST = (1 << 31) - 1
"""Where a Slice up to the last entry ends: what reads ends as int32, as jaxonnxruntime does, has -1 of 2⁶³ - 1."""


@dataclass(frozen=True)
class RespellOptions:
    """Options of ``respell-nodes``.

    Attributes:
        target: A profile's name or path.

    """

    target: str = ""


class RespellNodes(Pass):
    """Rewrite nodes that a target does not take as operators it does, where that is exact.

    Rules:
        1. What constants and static shapes make - by Expand, ConstantOfShape, Where and their like - is a constant.
           Where a target takes an operator, but not of constants alone, that is one, too.
        2. A Flatten whose result's shape is known is a Reshape.
        3. A Gather of one entry, known beforehand, is a Slice and, if its index has no axes, a Squeeze.
        4. An Expand that repeats nothing is a Reshape, and one of numbers that does is a product with ones.
        5. A Where that always chooses the same input is that input, expanded.
        6. Where a target reads the starts and ends of a Slice as 32-bit numbers, larger ones are the largest of those.
        7. ConstantFill, which is no operator of ONNX, is a constant or ConstantOfShape, whatever the target.
        8. A linear_before_reset that is neither 0 nor 1 is 1: runtimes ask whether it is 1 (ezkl, for one, and compute
           the other kind where it is not).
        9. Everything else, outputs of a graph that would be constants and local functions stay.
    """

    name = "respell-nodes"
    Options = RespellOptions

    def run(self, model: Model, ctx: Context) -> PassResult:
        """Rewrite every such node in every scope."""
        ctx.progress("respelling nodes", 0, 1)
        target = profile_of(self.options.target)
        facts = Facts(model, computed=target is not None and bool(target.not_of_constants))
        found = [
            (scope, index)
            for scope in walk(model.proto)
            if scope.function is None
            for index, node in enumerate(scope.nodes)
            if is_onnx(node) and len(node.output) == 1
            if not _is_taken(node, scope, target) or _is_too_long(node, scope, target, facts)
        ]
        edits = list(_odd_resets(model))
        if not found:
            return PassResult(modified=splice.apply(model, edits))
        wanted = [(scope, scope.nodes[index].output[0]) for scope, index in found]
        wanted += [
            (scope, scope.nodes[index].input[0]) for scope, index in found if scope.nodes[index].op_type == "Where"
        ]
        values = known_values(wanted, facts)
        names = Names(model.proto)
        for scope, index in found:
            output = scope.nodes[index].output[0]
            value = values.get((scope.path, output), facts.array(scope, output))
            writer = _Writer(scope, index, facts, names)
            if value is None and _is_taken(scope.nodes[index], scope, target, of_constants=False):
                long = _is_too_long(scope.nodes[index], scope, target, facts)
                edits += [writer.with_bounds_in_int32()] if long else []
                continue
            if value is None and scope.nodes[index].op_type == "Where":
                condition = scope.nodes[index].input[0]
                edit = writer.choose(values.get((scope.path, condition), facts.array(scope, condition)))
            else:
                edit = writer.edit(value)
            edits += [] if edit is None else [edit]
        return PassResult(modified=splice.apply(model, edits))


def _odd_resets(model: Model) -> Iterator[splice.Edit]:
    """Yield the edits of GRUs whose linear_before_reset is neither 0 nor 1."""
    for scope in walk(model.proto):
        for index, node in enumerate(scope.nodes):
            if scope.function is None and is_onnx(node, "GRU"):
                fresh = NodeProto()
                fresh.CopyFrom(node)
                odd = [a for a in fresh.attribute if a.name == RESET and not a.ref_attr_name and a.i not in {0, 1}]
                for attribute in odd:
                    attribute.i = 1
                if odd:
                    yield splice.Edit(scope, [index], [fresh])


def _is_taken(node: NodeProto, scope: Scope, target: Profile | None, *, of_constants: bool = True) -> bool:
    """Whether a target takes a node, even if all its inputs are constants."""
    op = node.op_type
    if op == CONSTANT_FILL:
        return False
    if target is None:
        return True
    if of_constants and op in target.not_of_constants:
        return False
    return op not in target.unwritten(scope.opset) and (not target.allow or op in target.allow)


def _is_too_long(node: NodeProto, scope: Scope, target: Profile | None, facts: Facts) -> bool:
    """Whether a node is a Slice with bounds that a target reads as other numbers."""
    if target is None or node.op_type != "Slice" or node.op_type not in target.in_int32:
        return False
    bounds = [facts.array(scope, name) for name in node.input[1:3]]
    return any(bound is not None and bool((bound != _in_int32(bound)).any()) for bound in bounds)


def _in_int32(numbers: np.ndarray[Any, np.dtype[Any]]) -> np.ndarray[Any, np.dtype[Any]]:
    """Return the nearest 32-bit numbers, of the type that was given."""
    nearest: np.ndarray[Any, np.dtype[Any]] = np.clip(numbers, -LAST - 1, LAST)
    return nearest


class _Writer:
    """Writes one node anew."""

    def __init__(self, scope: Scope, index: int, facts: Facts, names: Names) -> None:
        self._scope, self._index, self._facts, self._names = scope, index, facts, names
        self._node: NodeProto = scope.nodes[index]
        self._output = self._node.output[0]
        self._attributes = {a.name: helper.get_attribute_value(a) for a in self._node.attribute if not a.ref_attr_name}

    def edit(self, value: np.ndarray[Any, np.dtype[Any]] | None) -> splice.Edit | None:
        """Return the edit, or ``None`` where there is none that is exact.

        Args:
            value: What the node always makes, if that is known.

        """
        if self._node.op_type == CONSTANT_FILL:
            return self._constant_fill()
        if value is not None:
            return self._constant(value)
        if self._node.op_type == "Flatten":
            shape = self._flat_shape()
            return None if shape is None else self._write("Reshape", np.array(shape, np.int64), "shape")
        if self._node.op_type == "Gather":
            return self._gather()
        return self._expand(self._node.input[0]) if self._node.op_type == "Expand" else None

    def choose(self, condition: np.ndarray[Any, np.dtype[Any]] | None) -> splice.Edit | None:
        """Return the edit that makes a Where the input it always chooses, or ``None`` where it chooses among both.

        Args:
            condition: Its condition, if that is known.

        """
        if condition is None or not condition.size or condition.any() != condition.all():
            return None
        return self._expand(self._node.input[1 if condition.all() else 2])

    def with_bounds_in_int32(self) -> splice.Edit:
        """Return the edit of a Slice whose constant starts and ends become 32-bit ones; no axis is longer."""
        node, tensors = NodeProto(), list[TensorProto]()
        node.CopyFrom(self._node)
        for place in (1, 2):
            bound = self._facts.array(self._scope, node.input[place])
            if bound is not None:
                name = self._names.value(f"{node.input[place]}/int32")
                tensors.append(numpy_helper.from_array(_in_int32(bound), name))
                node.input[place] = name
        return splice.Edit(self._scope, [self._index], [node], tensors)

    def _constant(self, value: np.ndarray[Any, np.dtype[Any]]) -> splice.Edit | None:
        if self._output in self._scope.outputs:
            return None
        return splice.Edit(self._scope, [self._index], [], [numpy_helper.from_array(np.array(value), self._output)])

    def _write(
        self, op_type: str, constant: np.ndarray[Any, np.dtype[Any]], local: str, source: str = ""
    ) -> splice.Edit | None:
        """Return the edit that makes the node an operator of an input, its first without a name, and a constant."""
        if self._scope.opset < RESHAPE_INPUT:
            return None
        tensor = numpy_helper.from_array(constant, self._names.value(f"{self._output}/{local}"))
        inputs = [source or self._node.input[0], tensor.name]
        fresh = helper.make_node(op_type, inputs, [self._output], self._node.name)
        return splice.Edit(self._scope, [self._index], [fresh], [tensor])

    def _flat_shape(self) -> list[int] | None:
        """Return the shape of a Flatten's result as Reshape takes it, the first dim being 0 where it stays."""
        dims = self._facts.shape(self._scope, self._node.input[0])
        if dims is None:
            return None
        axis = self._attributes.get("axis", 1)
        axis += len(dims) if axis < 0 else 0
        before, after = _product(dims[:axis]), _product(dims[axis:])
        if before and after:
            return [before, after]
        return [0, after] if axis == 1 and after else None

    def _gather(self) -> splice.Edit | None:
        """Return a Gather of one entry as a Slice and, if its index has no axes, a Squeeze."""
        index = self._facts.array(self._scope, self._node.input[1])
        rank = self._facts.shape(self._scope, self._node.input[0])
        if index is None or index.size != 1 or index.ndim > 1 or rank is None:
            return None
        axis, start = self._attributes.get("axis", 0) % len(rank), int(index.reshape(()))
        emitter = Emitter(self._scope.opset, self._facts.elem_type(self._scope, self._node.input[0]))
        end = start + 1 if start != -1 else LAST
        row = emitter.slice(emitter.value("x"), start, end, axis, "row")
        entry = row if index.ndim else emitter.squeeze(row, [axis], "entry")
        assembly = Assembly(self._scope, self._names, self._names.prefix(self._output))
        assembly.add(emitter.template({"y": entry}), {"x": self._node.input[0]}, {"y": self._output})
        graph = assembly.graph()
        return splice.Edit(self._scope, [self._index], list(graph.node), list(graph.initializer))

    def _expand(self, source: str) -> splice.Edit | None:
        given = self._facts.shape(self._scope, source)
        made = self._facts.shape(self._scope, self._output)
        kind = self._facts.elem_type(self._scope, source)
        if given is None or made is None or not _product(given) or not _product(made):
            return None
        lengths = [int(dim or 0) for dim in made]
        old = [1] * (len(made) - len(given)) + [int(dim or 0) for dim in given]
        if old == lengths:
            return self._write("Reshape", np.array(lengths, np.int64), "shape", source)
        if kind not in NUMBERS:
            return None
        ones = [new if length != new else 1 for length, new in zip(old, lengths, strict=True)]
        return self._write("Mul", np.ones(ones, helper.tensor_dtype_to_np_dtype(kind)), "ones", source)

    def _constant_fill(self) -> splice.Edit | None:
        """Return ConstantFill as a constant where its shape is known, else as ConstantOfShape."""
        kind = self._attributes.get("dtype", TensorProto.FLOAT)
        entry = np.array([self._attributes.get("value", 0.0)]).astype(helper.tensor_dtype_to_np_dtype(kind))
        shape = list(self._shape_of_fill())
        if None not in shape:
            return self._constant(np.full([int(dim or 0) for dim in shape], entry[0]))
        is_shape = self._attributes.get("input_as_shape", 0) and not self._attributes.get("extra_shape")
        if not is_shape or self._scope.opset < CONSTANT_OF_SHAPE:
            return None
        value = numpy_helper.from_array(entry)
        fresh = helper.make_node("ConstantOfShape", self._node.input, [self._output], self._node.name, value=value)
        return splice.Edit(self._scope, [self._index], [fresh])

    def _shape_of_fill(self) -> Iterator[int | None]:
        """Yield the dims of what a ConstantFill makes, ``None`` for one that is not known."""
        if not self._node.input:
            yield from self._attributes.get("shape", ())
        elif self._attributes.get("input_as_shape", 0):
            given = self._facts.array(self._scope, self._node.input[0])
            yield from [None] if given is None else (int(dim) for dim in given.reshape(-1))
        else:
            dims = self._facts.shape(self._scope, self._node.input[0])
            yield from [None] if dims is None else (dim if isinstance(dim, int) else None for dim in dims)
        yield from self._attributes.get("extra_shape", ())


def _product(dims: tuple[int | str | None, ...]) -> int:
    """Return the product of dims, 0 where one is not known."""
    return math.prod(dim if isinstance(dim, int) else 0 for dim in dims)
