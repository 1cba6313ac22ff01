"""Whether ONNX's shape inference may meet a Slice of an axis of negative length, for which it is not made.

What could make such an axis is looked at first, with the Slices behind it hidden; then, where more of its kind stands
behind these, with the next ones hidden.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import GraphProto, TensorProto, numpy_helper

from gru_lower.graph.constant_nodes import constant_of
from gru_lower.graph.external_data import is_external
from gru_lower.graph.scopes import is_onnx, subgraphs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from onnx import NodeProto

WINDOWS = {"AveragePool", "Conv", "ConvTranspose", "LpPool", "MaxPool"}
SIZES = {"Pad": (1,), "Split": (1,), "TopK": (1,), "Resize": (2,), "Upsample": (1,)}
"""By operator, its inputs in which a negative constant makes an axis of negative length."""
HANDED_ON = {"Cast", "Concat", "Gather", "Identity", "Shape", "Size", "Slice", "Squeeze", "Unsqueeze"}
"""What inference takes sizes through without computing any that is less than those it was given."""
MOST_BEHIND = 64
HIDDEN = "gru_lower.hidden"
"""The domain of a Slice that is not to be inferred."""
MOST_ROUNDS = 3
NUMBERS = (TensorProto.INT64, TensorProto.INT32, TensorProto.FLOAT)


def keeps_dims_positive(model: onnx.ModelProto, infer: Callable[[onnx.ModelProto], onnx.ModelProto]) -> bool:
    """Whether no Slice can be inferred to cut an axis of negative length.

    Args:
        model: A plain model.
        infer: ONNX's shape inference.

    """
    inside = [node for body in _bodies(model) for node in body.node]
    slices = any(_is_slice(node) for node in [*model.graph.node, *inside])
    if not slices:
        return True
    if _has_negative_sizes(model, inside):
        return False
    main = _shortening(model.graph)
    within = any(_shortening(body) for body in _bodies(model))
    if within or (main and any(_is_slice(node) for node in inside)):
        return False
    behind = _windows_in_front(model.graph, main) if main else {}
    rounds = (max(behind.values(), default=0) + 1) // 2
    if rounds > MOST_ROUNDS:
        return False
    return all(_is_positive(infer(_without_slices(model, behind, 2 * k + 1))) for k in range(rounds))


def _bodies(model: onnx.ModelProto) -> Iterator[GraphProto | onnx.FunctionProto]:
    """Yield every graph but the main one."""
    pending: list[GraphProto | onnx.FunctionProto] = [*model.functions]
    pending += (body for node in model.graph.node if node.attribute for _, body in subgraphs(node))
    while pending:
        body = pending.pop()
        yield body
        pending += (inner for node in body.node if node.attribute for _, inner in subgraphs(node))


def _is_slice(node: NodeProto) -> bool:
    return node.op_type == "Slice" and is_onnx(node)


def _shortening(graph: GraphProto | onnx.FunctionProto) -> set[int]:
    """Return the places of the nodes that may make an axis shorter than nothing."""
    found: set[int] = set()
    makers: dict[str, NodeProto] = {}
    for place, node in enumerate(graph.node):
        if is_onnx(node):
            makers.update(dict.fromkeys(node.output, node))
            slides = node.op_type in WINDOWS and not _looks_at_one(node)
            if slides or (node.op_type == "Expand" and not _is_handed_on(node.input[1], makers)):
                found.add(place)
    return found


def _looks_at_one(node: NodeProto) -> bool:
    """Whether windows are one element each."""
    kernel = next((attribute.ints for attribute in node.attribute if attribute.name == "kernel_shape"), ())
    return node.op_type != "ConvTranspose" and len(kernel) > 0 and all(each == 1 for each in kernel)


def _is_handed_on(name: str, makers: dict[str, NodeProto]) -> bool:
    """Whether inference, if it knows a size, knows it as it stands somewhere else."""
    pending, seen = [name], {name}
    while pending and len(seen) < MOST_BEHIND:
        node = makers.get(pending.pop())
        if node is None or node.op_type == "Constant":
            continue
        if node.op_type not in HANDED_ON:
            return False
        read = set(node.input) - seen
        seen |= read
        pending += read
    return not pending


def _has_negative_sizes(model: onnx.ModelProto, inside: list[NodeProto]) -> bool:
    """Whether a constant of the model is a negative size of something."""
    nodes = [*model.graph.node, *inside]
    names = {
        node.input[place]
        for node in nodes
        if node.op_type in SIZES and is_onnx(node)
        for place in SIZES[node.op_type]
        if place < len(node.input)
    }
    names |= {node.input[1] for node in nodes if node.op_type == "Expand" and is_onnx(node)}
    graphs = [model.graph, *(body for body in _bodies(model) if isinstance(body, GraphProto))]
    held = [tensor for graph in graphs for tensor in graph.initializer if tensor.name in names]
    made = [node for node in nodes if node.op_type == "Constant" and not names.isdisjoint(node.output)]
    held += [tensor for node in made if (tensor := constant_of(node)) is not None]
    return any(_is_negative(tensor) for tensor in held)


def _is_negative(tensor: TensorProto) -> bool:
    if is_external(tensor) or tensor.data_type not in NUMBERS:
        return False
    return bool((numpy_helper.to_array(tensor) < 0).any())


def _windows_in_front(graph: GraphProto, shortening: set[int]) -> dict[int, int]:
    """Return by the place of each Slice behind windows how often windows and Slices take turns in front of it."""
    turns: dict[str, int] = {}
    found: dict[int, int] = {}
    for place, node in enumerate(graph.node):
        before = max((turns.get(name, 0) for name in node.input), default=0)
        if place in shortening:
            before += before % 2 == 0
        elif _is_slice(node) and before % 2:
            found[place] = before
            before += 1
        if before:
            turns.update(dict.fromkeys(node.output, before))
    return found


def _without_slices(model: onnx.ModelProto, behind: dict[int, int], turn: int) -> onnx.ModelProto:
    """Return a copy in which Slices from a turn on are hidden."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.opset_import.add(domain=HIDDEN, version=1)
    for place, turns in behind.items():
        if turns >= turn:
            copy.graph.node[place].domain = HIDDEN
    return copy


def _is_positive(model: onnx.ModelProto) -> bool:
    values = [*model.graph.value_info, *model.graph.output]
    return all(dim.dim_value >= 0 for value in values for dim in value.type.tensor_type.shape.dim)
