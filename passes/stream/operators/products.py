"""Products of matrices: time may be a row, a column or a batch of them, and is never summed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.stream.operators.elementwise import beside, refuse_latest, same_merging
from gru_lower.passes.stream.refusal import Refused

if TYPE_CHECKING:
    from gru_lower.passes.stream.node import Node
    from gru_lower.passes.stream.streamer import Streamer
    from gru_lower.passes.stream.timing import Timed

SUMMED = "it sums over axis {}, which is time: every output needs every frame"
EVERY_FRAME = "every frame of it meets every other: attention over time"


def matmul(streamer: Streamer, node: Node) -> None:
    """Stream a MatMul, or one of integers."""
    timed = {index: streamer.ready(each, node.local) for index, each in node.timed(streamer).items()}
    rank = len(streamer.shape(node.output(0)))
    axes: dict[int, int] = {}
    for index, each in timed.items():
        if index > 1:
            raise Refused("GL853", f"input {index} is different for each frame")
        own, axis = len(each.dims), each.axis
        summed = own - 1 if index == 0 else max(own - 2, 0)
        if axis == summed:
            raise Refused("GL851", SUMMED.format(axis))
        other = len(streamer.shape(node.inputs[1 - index]))
        vector = index == 0 and other == 1  # then the output has no columns
        if own == 1:
            raise Refused("GL851", SUMMED.format(axis))
        axes[index] = axis + rank - own + (1 if vector else 0)
        if index == 1 and len(streamer.shape(node.inputs[0])) == 1:
            axes[index] = axis - 1 if axis == own - 1 else axis
    if len(set(axes.values())) > 1:
        raise Refused("GL852", EVERY_FRAME)
    axis = next(iter(axes.values()))
    inputs = _joined(streamer, node, timed)
    for index in (0, 1):
        if index not in timed:
            refuse_latest(streamer, node.inputs[index])
            if axis < rank - 2:
                inputs[index] = beside(streamer, node, index, rank, axis)
    node.copied(streamer, inputs)
    _put(streamer, node, timed, axis)


def gemm(streamer: Streamer, node: Node) -> None:
    """Stream a Gemm."""
    timed = {index: streamer.ready(each, node.local) for index, each in node.timed(streamer).items()}
    places: dict[int, int] = {}
    for index, each in timed.items():
        if index == 2:
            places[index] = each.axis + 2 - len(each.dims)
            continue
        transposed = bool(node.attributes.get("transA" if index == 0 else "transB", 0))
        kept = (1 if transposed else 0) if index == 0 else (0 if transposed else 1)
        if each.axis != kept:
            raise Refused("GL851", SUMMED.format(each.axis))
        places[index] = index
    if len(set(places.values())) > 1:
        raise Refused("GL852", EVERY_FRAME)
    axis = next(iter(places.values()))
    inputs = _joined(streamer, node, timed)
    if node.input(2) and 2 not in timed:
        inputs[2] = beside(streamer, node, 2, 2, axis)
    node.copied(streamer, inputs)
    _put(streamer, node, timed, axis)


def einsum(streamer: Streamer, node: Node) -> None:
    """Stream an Einsum."""
    equation = node.text("equation", "").replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if not arrow or "..." in equation:
        raise Refused("GL859", f"its equation {equation} leaves axes out")
    timed = {index: streamer.ready(each, node.local) for index, each in node.timed(streamer).items()}
    letters = {terms[index][each.axis] for index, each in timed.items()}
    if len(letters) > 1:
        raise Refused("GL852", EVERY_FRAME)
    letter = letters.pop()
    if letter not in right:
        raise Refused("GL851", f"it sums over {letter}, which is time: every output needs every frame")
    for index, name in enumerate(node.inputs):
        if index not in timed:
            refuse_latest(streamer, name)
            if letter in terms[index]:
                raise Refused("GL853", f"{name} has frames along {letter} that are no part of the stream")
    node.copied(streamer, _joined(streamer, node, timed))
    _put(streamer, node, timed, right.index(letter))


def _joined(streamer: Streamer, node: Node, timed: dict[int, Timed]) -> list[str]:
    """Return the inputs of the node, those that come frame by frame equally late; ``timed`` becomes those."""
    timed.update(same_merging(streamer, timed))
    timed.update(zip(timed, streamer.aligned(list(timed.values()), node.local), strict=True))
    return [timed[index].name if index in timed else streamer.name(name) for index, name in enumerate(node.inputs)]


def _put(streamer: Streamer, node: Node, timed: dict[int, Timed], axis: int) -> None:
    tame = all(each.tame for each in timed.values())
    streamer.put(node.output(0), next(iter(timed.values())), axis, tame=tame)
