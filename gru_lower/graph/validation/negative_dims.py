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
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from onnx import NodeProto

WINDOWS = {"AveragePool", "Conv", "ConvTranspose", "LpPool", "MaxPool"}
SIZES = {"Pad": (1,), "Split": (1,), "TopK": (1,), "Resize": (2,), "Upsample": (1,), "Expand": (1,)}
"""By operator, its inputs in which a negative constant makes an axis of negative length."""
HANDED_ON = {"Cast", "Concat", "Gather", "Identity", "Shape", "Size", "Slice", "Squeeze", "Unsqueeze"}
"""What inference takes sizes through without computing any that is less than those it was given."""
HOLD_BODIES = {"If", "Loop", "Scan", "SequenceMap"}
WATCHED = {*WINDOWS, *SIZES, *HOLD_BODIES, "Constant", "Slice"}
MOST_BEHIND = 64
HIDDEN = "gru_lower.hidden"
"""The domain of a Slice that is not to be inferred."""
MOST_ROUNDS = 3
"""How often any graph is inferred; a process of its own costs less than more of them would, of a large one."""
MOST_INFERRED = 20_000
"""How many nodes are inferred, in more rounds than these: as many as a process takes to start."""
NUMBERS = (TensorProto.INT64, TensorProto.INT32, TensorProto.FLOAT)


class _Nodes:
    """The nodes of one graph that matter here, by operator: their places and themselves."""

    def __init__(self, graph: GraphProto | onnx.FunctionProto) -> None:
        self.graph = graph
        self.by_operator: dict[str, list[tuple[int, NodeProto]]] = {}
        for place, node in enumerate(graph.node):
            if node.op_type in WATCHED and is_onnx(node):
                self.by_operator.setdefault(node.op_type, []).append((place, node))

    def of(self, operators: Iterable[str]) -> Iterator[tuple[int, NodeProto]]:
        """Yield the nodes of some operators, in no order, with their places."""
        return (each for op_type in operators for each in self.by_operator.get(op_type, ()))

    def bodies(self) -> Iterator[GraphProto]:
        """Yield the bodies that its nodes hold."""
        return (body for _, node in self.of(HOLD_BODIES) for _, body in subgraphs(node))

    def shortening(self) -> set[int]:
        """Return the places of the nodes that may make an axis shorter than nothing."""
        found = {place for place, node in self.of(WINDOWS) if not _looks_at_one(node)}
        if "Expand" in self.by_operator:
            makers = {name: node for node in self.graph.node if is_onnx(node) for name in node.output}
            found.update(place for place, node in self.of(["Expand"]) if not _is_handed_on(node.input[1], makers))
        return found


def keeps_dims_positive(model: onnx.ModelProto, infer: Callable[[onnx.ModelProto], onnx.ModelProto]) -> bool:
    """Whether no Slice can be inferred to cut an axis of negative length.

    Args:
        model: A plain model.
        infer: ONNX's shape inference.

    """
    every = [_Nodes(graph) for graph in (model.graph, *model.functions)]
    for each in every:  # which grows as bodies are found
        every += map(_Nodes, each.bodies())
    if not any("Slice" in each.by_operator for each in every):
        return True
    if _has_negative_sizes(every):
        return False
    main, *inside = every
    shortening = main.shortening()
    within = any(each.shortening() for each in inside)
    if within or (shortening and any("Slice" in each.by_operator for each in inside)):
        return False
    behind, windows = _windows_in_front(model.graph, shortening) if shortening else ({}, {})
    rounds = (max(behind.values(), default=0) + 1) // 2
    if rounds > MOST_ROUNDS and rounds * len(model.graph.node) > MOST_INFERRED:
        return False
    raw = model.SerializeToString() if rounds else b""
    turns = range(1, 2 * rounds, 2)
    return all(_is_positive(infer(_without_slices(raw, behind, turn, windows[turn] + 1))) for turn in turns)


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


def _has_negative_sizes(every: Sequence[_Nodes]) -> bool:
    """Whether a constant of a model is a negative size of something."""
    sized = [(node, SIZES[op_type]) for op_type in SIZES for each in every for _, node in each.of([op_type])]
    names = {node.input[place] for node, places in sized for place in places if place < len(node.input)}
    if not names:
        return False
    graphs = [each.graph for each in every if isinstance(each.graph, GraphProto)]
    held = [tensor for graph in graphs for tensor in graph.initializer if tensor.name in names]
    made = [node for each in every for _, node in each.of(["Constant"]) if not names.isdisjoint(node.output)]
    held += [tensor for node in made if (tensor := constant_of(node)) is not None]
    return any(_is_negative(tensor) for tensor in held)


def _is_negative(tensor: TensorProto) -> bool:
    if is_external(tensor) or tensor.data_type not in NUMBERS:
        return False
    return bool((numpy_helper.to_array(tensor) < 0).any())


def _windows_in_front(graph: GraphProto, shortening: set[int]) -> tuple[dict[int, int], dict[int, int]]:
    """Return how often windows and Slices take turns: in front of each Slice behind windows, by its place.

    And by turn the place of its last window.
    """
    turns: dict[str, int] = {}
    found: dict[int, int] = {}
    windows: dict[int, int] = {}
    for place, node in enumerate(graph.node):
        before = max((turns.get(name, 0) for name in node.input), default=0)
        if place in shortening:
            before += before % 2 == 0
            windows[before] = place
        elif node.op_type == "Slice" and is_onnx(node) and before % 2:
            found[place] = before
            before += 1
        if before:
            turns.update(dict.fromkeys(node.output, before))
    return found, windows


def _without_slices(raw: bytes, behind: dict[int, int], turn: int, end: int) -> onnx.ModelProto:
    """Return the first nodes of a model, with the Slices from a turn on hidden.

    Args:
        raw: The model.
        behind: The turns of Slices, by place.
        turn: That turn.
        end: How many nodes; what the others compute says nothing of these.

    """
    cut: onnx.ModelProto = onnx.ModelProto.FromString(raw)
    cut.opset_import.add(domain=HIDDEN, version=1)
    del cut.graph.node[end:]
    for place, turns in behind.items():
        if turn <= turns and place < end:
            cut.graph.node[place].domain = HIDDEN
    return cut


def _is_positive(model: onnx.ModelProto) -> bool:
    values = [*model.graph.value_info, *model.graph.output]
    return all(dim.dim_value >= 0 for value in values for dim in value.type.tensor_type.shape.dim)
