"""Find the inputs that masks of padding are made of, and the value that marks a step as padding in them.

A mask is recognised by what becomes of it: its sum over time is a GRU's sequence_lens. From there it is followed back
to the inputs it is made of: booleans, or numbers of which one marks a step as padding.
"""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import TYPE_CHECKING

from onnx import numpy_helper

from gru_lower.graph.external_data import is_external
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import onnx

# fmt: off
_SAME = {
    "Cast", "Identity", "Expand", "Slice", "ReverseSequence", "ReduceMax", "ReduceMin", "ReduceSum", "Reshape",
}
# fmt: on
_COMPARING: dict[str, Callable[[float, float], bool]] = {
    "Equal": operator.eq,
    "Greater": operator.gt,
    "GreaterOrEqual": operator.ge,
    "Less": operator.lt,
    "LessOrEqual": operator.le,
}
_JOINING = {"And", "Or"}


@dataclass(frozen=True)
class Padding:
    """How an input marks steps as padding.

    Attributes:
        time: Its axis of time.
        batch: Its axis of sequences.
        value: What it holds in a step that is padding.

    """

    time: int
    batch: int
    value: float


@dataclass(frozen=True)
class _Value:
    """A value that a mask is computed from: its axes, and what it holds where a step is padding."""

    name: str
    time: int
    batch: int
    value: float


def paddings(model: onnx.ModelProto) -> dict[str, Padding]:
    """Return the inputs from which masks are computed whose sums are sequence_lens, by name.

    Args:
        model: The model, with its GRUs.

    """
    makers: dict[str, onnx.NodeProto] = {}
    constants = {tensor.name: tensor for tensor in model.graph.initializer if not is_external(tensor)}
    nodes = list(_nodes(model.graph))
    for node in nodes:
        makers.update(dict.fromkeys(node.output, node))
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            constants[node.output[0]] = node.attribute[0].t
    inputs = {value.name for value in model.graph.input} - constants.keys()
    found: dict[str, Padding] = {}
    for node in nodes:
        if node.op_type == "GRU" and len(node.input) > 4 and node.input[4]:
            total = makers.get(node.input[4])
            if total is not None and total.op_type == "ReduceSum":
                pending = [_Value(total.input[0], 0, 1, 0.0)]
                for seen in _origins(pending, makers, constants):
                    if seen.name in inputs:
                        found.setdefault(seen.name, Padding(seen.time, seen.batch, seen.value))
    return found


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for body in (attribute.g, *attribute.graphs):
                yield from _nodes(body)


def _origins(
    pending: list[_Value], makers: Mapping[str, onnx.NodeProto], constants: Mapping[str, onnx.TensorProto]
) -> Iterator[_Value]:
    known = set(pending)
    while pending:
        seen = pending.pop()
        node = makers.get(seen.name)
        if node is None:
            yield seen
            continue
        for operand in _operands(seen, node, constants):
            if operand not in known:
                known.add(operand)
                pending.append(operand)


def _operands(seen: _Value, node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> Iterable[_Value]:
    if node.op_type in _SAME:
        return [replace(seen, name=node.input[0])]
    if node.op_type == "Not":
        return [replace(seen, name=node.input[0], value=1.0 - seen.value)]
    if node.op_type in _JOINING:
        return [replace(seen, name=name) for name in node.input]
    if node.op_type == "Transpose":
        perm = next((list(a.ints) for a in node.attribute if a.name == "perm"), None)
        if perm is None or max(seen.time, seen.batch) >= len(perm):
            return []
        return [replace(seen, name=node.input[0], time=perm[seen.time], batch=perm[seen.batch])]
    if node.op_type in {"Squeeze", "Unsqueeze"}:
        return _through_squeeze(seen, node, constants)
    if node.op_type in _COMPARING:
        return _through_comparison(seen, node, constants)
    return []


def _through_squeeze(seen: _Value, node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> Iterable[_Value]:
    axes = next((list(a.ints) for a in node.attribute if a.name == "axes"), None)
    if axes is None and len(node.input) > 1 and node.input[1] in constants:
        axes = [int(axis) for axis in numpy_helper.to_array(constants[node.input[1]]).ravel()]
    if axes is None:
        return []
    ahead = sorted(axis for axis in axes if axis >= 0)  # those counted from the end are the features'

    def before(place: int) -> int:
        if node.op_type == "Unsqueeze":
            return place - len([axis for axis in ahead if axis < place])
        for axis in ahead:
            place += axis <= place
        return place

    return [replace(seen, name=node.input[0], time=before(seen.time), batch=before(seen.batch))]


def _through_comparison(
    seen: _Value, node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]
) -> Iterable[_Value]:
    """Choose a number for which a comparison with a constant gives what padding has to give."""
    fixed = [position for position in (0, 1) if node.input[position] in constants]
    if len(fixed) != 1 or constants[node.input[fixed[0]]].dims not in ([], [1]):
        return []
    bound = float(numpy_helper.to_array(constants[node.input[fixed[0]]]).reshape(-1)[0])
    holds = _COMPARING[node.op_type]
    for value in (bound, 0.0, bound + 1, bound - 1):
        pair = (value, bound) if fixed[0] else (bound, value)
        if holds(*pair) == bool(seen.value):
            return [replace(seen, name=node.input[1 - fixed[0]], value=value)]
    return []
