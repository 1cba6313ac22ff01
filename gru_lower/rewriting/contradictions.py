"""What in a model contradicts the lengths of its inputs, as far as it can be told without running it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.graph.shape_inference import inference_errors, without_numbers
from gru_lower.graph.tensor_types import dims_of
from gru_lower.gru.parse_node import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import NodeProto

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope

SHAPES = ("GL107", "GL108")
"""The codes of a GRU whose inputs' shapes contradict each other."""
LENGTHS_HELD = "sequence_lens holds"
"""What a line on lengths that are none of the sequences' has in it."""


def find_contradictions(model: Model) -> dict[str, str]:
    """Find what contradicts the lengths of a model's inputs.

    Returns:
        A line on each, by a key that does not depend on the lengths.

    """
    facts = Facts(model, declared=False)
    found: dict[str, str] = {}
    for line in (*_defaults(model), *_grus(model, facts), *_main_nodes(model, facts)):
        found.setdefault(without_numbers(line), line)
    for key, line in inference_errors(model.proto).items():
        found.setdefault(key, line)
    return found


def _defaults(model: Model) -> Iterator[str]:
    """Yield inputs whose default has another shape than they declare."""
    tensors = {tensor.name: tensor for tensor in model.proto.graph.initializer}
    for value in model.proto.graph.input:
        tensor = tensors.get(value.name)
        if tensor is None or not value.type.tensor_type.HasField("shape"):
            continue
        dims, have = dims_of(value), tuple(tensor.dims)
        if len(dims) != len(have) or any(isinstance(a, int) and a != b for a, b in zip(dims, have, strict=True)):
            yield f"input {value.name!r} has a default of shape {list(have)}"


def _grus(model: Model, facts: Facts) -> Iterator[str]:
    """Yield GRUs whose inputs' shapes contradict each other, or a default's, or with a constant length beyond T."""
    defaults = {tensor.name: tensor for tensor in model.proto.graph.initializer}
    computed = Facts(model, declared=False, computed=True)
    for scope in walk(model.proto):
        for index, node in enumerate(scope.nodes):
            if not is_onnx(node, "GRU"):
                continue
            parsed = parse(scope, index, facts)
            if parsed.spec is None:
                broken = parsed.diagnostics[-1]
                if broken.code in SHAPES:
                    yield f"{_called(node)}: {broken.message} ({broken.code})"
                continue
            lens = computed.array(scope, parsed.spec.inputs.get("sequence_lens", ""))
            if lens is not None and (lens < 0).any():
                yield f"{_called(node)}: {LENGTHS_HELD} {int(lens.min())}, less than 0"
            elif lens is not None and parsed.spec.seq_length is not None and (lens > parsed.spec.seq_length).any():
                yield f"{_called(node)}: {LENGTHS_HELD} {int(lens.max())}, and T is {parsed.spec.seq_length}"
            for key, axis in (("initial_h", 1 - parsed.spec.layout), ("sequence_lens", 0)):
                name, batch = parsed.spec.inputs.get(key, ""), parsed.spec.batch_size
                default = defaults.get(name) if scope.find(name) is not None else None
                if default is None or batch is None or len(default.dims) <= axis or default.dims[axis] == batch:
                    continue
                yield f"{_called(node)}: the default of {key} has a batch of {default.dims[axis]}, and X of {batch}"


def _main_nodes(model: Model, facts: Facts) -> Iterator[str]:
    """Yield nodes of the main graph that fail on the shapes they get, though shape inference does not mind."""
    scope = next(walk(model.proto))
    for node in scope.nodes:
        if is_onnx(node, "Gather"):
            yield from _gather(scope, node, facts)
        elif is_onnx(node, "Reshape"):
            yield from _reshape(scope, node, facts)


def _gather(scope: Scope, node: NodeProto, facts: Facts) -> Iterator[str]:
    shape, indices = facts.shape(scope, node.input[0]), facts.array(scope, node.input[1])
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
    if shape is None or indices is None or not -len(shape) <= axis < len(shape):
        return
    length = shape[axis]
    if isinstance(length, int) and ((indices >= length) | (indices < -length)).any():
        yield f"{_called(node)}: takes index {indices.max() if length else 0} of an axis of length {length}"


def _reshape(scope: Scope, node: NodeProto, facts: Facts) -> Iterator[str]:
    shape = facts.shape(scope, node.input[0])
    wanted = facts.array(scope, node.input[1]) if len(node.input) > 1 else None
    keeps = not any(attribute.name == "allowzero" and attribute.i for attribute in node.attribute)
    if shape is None or wanted is None or not all(isinstance(dim, int) for dim in shape) or (wanted < 0).any():
        return
    dims = [int(dim or 0) for dim in shape]
    asked = [dims[i] if keeps and not dim and i < len(dims) else dim for i, dim in enumerate(wanted.tolist())]
    if math.prod(dims) != math.prod(asked):
        yield f"{_called(node)}: its shape is {wanted.tolist()}, and what it gets has shape {list(shape)}"


def _called(node: NodeProto) -> str:
    return f"{node.op_type} {node.name or next((name for name in node.output if name), '')!r}"
