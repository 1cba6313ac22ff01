"""Collect the boundaries in a model: the numbers that it compares, cuts, clips, counts or indexes with.

A model is followed from its inputs, into bodies and local functions, with what each value grows with: an input, scaled
and shifted, or a dim. Where such a value meets a constant, the input or dim that just reaches it is a boundary. This is
the part of a concolic search that needs no solver: every condition is solved by itself.
"""

from __future__ import annotations

import math
from collections import ChainMap
from dataclasses import field
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from gru_lower.graph.constant_nodes import constant_of
from gru_lower.graph.external_data import is_external
from gru_lower.graph.local_functions import key_of
from gru_lower.graph.scopes import is_onnx, subgraphs
from gru_lower.light_dataclass import dataclass
from gru_lower.verification.directing.operator_boundaries import made_value, met_numbers
from gru_lower.verification.directing.traced_values import SIZE, Form, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping, Sequence

    from gru_lower.graph.local_functions import Key

_MOST_ELEMENTS = 64  # of a constant whose numbers count one by one
_LARGEST_SIZE = 1024
_LARGEST_NUMBER = 1e30
_DEEPEST = 12
_MOST_NODES = 200_000  # that are visited: a function is, again, for each of its calls
_LOOP_BODIES = {"Loop", "Scan"}


@dataclass
class Boundaries:
    """What a model, or a pair of them, compares, cuts, clips, counts or indexes with.

    Attributes:
        sizes: Dims and lengths, those that are surely compared with dims first.
        numbers: Values by input, and whether the input meets each as it is.
        texts: Strings that strings are compared with.
        tested: Operators that test, clip or replace values outside GRUs, by their type.
        grus: How many GRU nodes there are.

    """

    sizes: dict[int, None] = field(default_factory=dict)
    numbers: dict[str, dict[float, bool]] = field(default_factory=dict)
    texts: dict[str, None] = field(default_factory=dict)
    tested: set[str] = field(default_factory=set)
    grus: int = 0

    def add(self, form: Form, number: float) -> None:
        """Add the value of a form's source at which the form is this number."""
        found = form.solved(number)
        if not math.isfinite(found) or abs(found) > _LARGEST_NUMBER:
            return
        if form.source == SIZE:
            self.add_size(found)
        else:
            known = self.numbers.setdefault(form.source, {})
            known[found] = known.get(found, False) or form.exact

    def add_size(self, size: float) -> None:
        """Add a size that dims may have."""
        whole = math.floor(abs(size)) if math.isfinite(size) else 0
        if 1 < whole <= _LARGEST_SIZE:
            self.sizes.setdefault(whole)


def boundaries_of(*models: onnx.ModelProto) -> Boundaries:
    """Return the boundaries of models that are to be run on the same inputs, the first one's first.

    Args:
        models: The models; external data is not read.

    """
    found = [_Tracer(model).run() for model in models]
    together = Boundaries()
    most = max(each.grus for each in found)
    for each in found:
        for name, numbers in each.numbers.items():
            known = together.numbers.setdefault(name, {})
            for number, exact in numbers.items():
                known[number] = known.get(number, False) or exact
        together.texts |= each.texts
        # What a GRU became may clip and choose as the operator itself does.
        together.tested |= each.tested if each.grus == most else each.tested & {"IsNaN", "IsInf"}
    sizes = [list(each.sizes) for each in found]
    longest = max(map(len, sizes))
    together.sizes |= {each[place]: None for place in range(longest) for each in sizes if place < len(each)}
    together.grus = most
    return together


_NOTHING = Value()


class _Tracer:
    """Follows one model's values."""

    def __init__(self, model: onnx.ModelProto) -> None:
        """Begin with nothing."""
        self._model = model
        self._functions = {key_of(function): function for function in model.functions}
        self._found = Boundaries()
        self._loose: list[float] = []
        self._left = _MOST_NODES

    def run(self) -> Boundaries:
        graph = self._model.graph
        values: MutableMapping[str, Value] = {value.name: Value(forms=(Form(value.name),)) for value in graph.input}
        values.update(_constants(graph))
        self._follow(graph.node, values, ())
        for size in self._loose:
            self._found.add_size(size)
        return self._found

    def _follow(
        self, nodes: Iterable[onnx.NodeProto], values: MutableMapping[str, Value], calls: Sequence[Key]
    ) -> None:
        for node in nodes:
            self._left -= 1
            if self._left < 0:
                return
            given = [values.get(name, _NOTHING) if name else _NOTHING for name in node.input]
            key = key_of(node)
            bodies = [body for _, body in subgraphs(node)] if node.attribute else []
            if key in self._functions and key not in calls and len(calls) < _DEEPEST:
                function = self._functions[key]
                inner: MutableMapping[str, Value] = dict(zip(function.input, given, strict=False))
                self._follow(function.node, inner, (*calls, key))
                made = [inner.get(name, Value()) for name in function.output]
            elif bodies:
                made = self._through_bodies(node, bodies, given, values, calls)
            else:
                made = [self._made(node, given, place) for place in range(len(node.output))]
                self._meet(node, given)
            values.update({name: value for name, value in zip(node.output, made, strict=False) if name})

    def _through_bodies(
        self,
        node: onnx.NodeProto,
        bodies: Sequence[onnx.GraphProto],
        given: Sequence[Value],
        values: MutableMapping[str, Value],
        calls: Sequence[Key],
    ) -> list[Value]:
        entering = list(given)
        skipped = 0
        if node.op_type == "Loop":
            skipped = 1  # the body's first output is the condition
            for number in given[0].numbers() if given else []:
                self._found.add_size(number)
            entering = [Value(forms=(Form(SIZE),)), Value(), *given[2:]]
        made = [Value()] * len(node.output)
        for body in bodies:
            inner: MutableMapping[str, Value] = ChainMap({}, values)
            if node.op_type in _LOOP_BODIES:
                inner.update({value.name: each for value, each in zip(body.input, entering, strict=False)})
            inner.update(_constants(body))
            self._follow(body.node, inner, calls)
            leaving = [inner.get(value.name, Value()) for value in body.output][skipped:]
            made = [Value(forms=a.forms or b.forms) for a, b in zip(made, leaving, strict=False)]
        return made

    def _made(self, node: onnx.NodeProto, given: Sequence[Value], place: int) -> Value:
        if not is_onnx(node):
            return Value()
        if node.op_type == "Constant":
            tensor = constant_of(node)
            return _constant_texts(node) if tensor is None else _constant(tensor)
        return made_value(node, given, place)

    def _meet(self, node: onnx.NodeProto, given: Sequence[Value]) -> None:
        """Add the boundaries at which a node's inputs meet its constants."""
        if not is_onnx(node):
            return
        if node.op_type == "GRU":
            self._found.grus += 1
        if node.op_type in {"IsNaN", "IsInf", "Where", "Min", "Max", "Clip"}:
            self._found.tested.add(node.op_type)
        for value in given:
            if value.constant is not None and value.constant.dtype == object and node.op_type == "Equal":
                self._found.texts |= dict.fromkeys(map(str, value.constant.ravel()))
        met = met_numbers(node, given)
        for value, number in met.values:
            for form in value.forms:
                self._found.add(form, number)
                if form.source != SIZE and float(form.solved(number)).is_integer():
                    self._loose.append(form.solved(number))
        for number in met.sizes:
            self._found.add_size(number)
        self._loose += met.loose


def _constants(graph: onnx.GraphProto) -> dict[str, Value]:
    return {tensor.name: _constant(tensor) for tensor in graph.initializer}


def _constant(tensor: TensorProto) -> Value:
    shape = tuple(tensor.dims)
    if math.prod(shape) > _MOST_ELEMENTS or is_external(tensor):
        return Value(shape=shape)
    if tensor.data_type not in helper.get_all_tensor_dtypes():
        return Value(shape=shape)
    array = numpy_helper.to_array(tensor)
    if array.dtype.kind not in "iufbO":
        array = array.astype(np.float64)
    elif array.dtype == object:
        array = np.array([_text(each) for each in array.ravel()], object)
    return Value(array, shape)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _constant_texts(node: onnx.NodeProto) -> Value:
    """Return what is known of a Constant of strings; nothing of a sparse one."""
    texts = [
        _text(each) for attribute in node.attribute for each in (*attribute.strings, *filter(None, (attribute.s,)))
    ]
    return Value(np.array(texts, object), (len(texts),)) if texts else Value()
