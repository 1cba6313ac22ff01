"""How many elements the result of a node will have, known before it is computed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnx import NodeProto

    Array = np.ndarray[Any, np.dtype[Any]]


MOST_LENGTHS = 64
"""How many whole numbers of an input may be lengths."""


def result_elements(node: NodeProto, inputs: Sequence[Array | None]) -> int:
    """Return how many elements a node puts out at most, for inputs that are known.

    Of operators that are not listed, no result has more elements than its inputs together, broadcast where their shapes
    allow that.

    Args:
        node: The node.
        inputs: Its inputs, ``None`` where one is left out.

    Raises:
        ValueError: Inputs do not fit each other.

    """
    rule = _BY_OPERATOR.get(node.op_type)
    given = [value for value in inputs if value is not None]
    if rule is not None:
        return rule(node, given)
    together = sum(value.size for value in given)
    try:
        return max(together, math.prod(np.broadcast_shapes(*(value.shape for value in given))))
    except ValueError:  # of operators that do not broadcast
        return together


def _lengths(value: Array) -> int:
    return math.prod(max(int(length), 0) for length in value.reshape(-1).tolist())


def _expand(_node: NodeProto, given: Sequence[Array]) -> int:
    return max(given[0].size, 1) * _lengths(given[1])


def _tile(_node: NodeProto, given: Sequence[Array]) -> int:
    return given[0].size * math.prod(_lengths(each) for each in given[1:2])


def _range(_node: NodeProto, given: Sequence[Array]) -> int:
    first, last, step = (value.reshape(-1)[0].item() for value in given)
    return int(max(math.ceil((last - first) / step), 0))


def _gather(node: NodeProto, given: Sequence[Array]) -> int:
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
    return int(given[0].size // max(given[0].shape[axis], 1) * given[1].size)


def _gather_nd(_node: NodeProto, given: Sequence[Array]) -> int:
    return given[0].size * given[1].size


def _pad(node: NodeProto, given: Sequence[Array]) -> int:
    pads = given[1].reshape(-1).tolist() if len(given) > 1 else _ints(node, "pads")
    added = [max(int(each), 0) for each in pads]
    return math.prod(length + sum(added) for length in given[0].shape)


def _resize(node: NodeProto, given: Sequence[Array]) -> int:
    scales = [abs(float(each)) for value in given[1:] for each in value.reshape(-1).tolist()]
    scales += [abs(each) for attribute in node.attribute if attribute.name == "scales" for each in attribute.floats]
    return math.ceil(given[0].size * math.prod(max(each, 1.0) for each in scales))


def _top_k(node: NodeProto, given: Sequence[Array]) -> int:
    numbers = {attribute.name: attribute.i for attribute in node.attribute}
    k = int(given[1].reshape(-1)[0]) if len(given) > 1 else numbers.get("k", 0)
    return int(given[0].size // max(given[0].shape[numbers.get("axis", -1)], 1) * max(k, 1))


def _split(node: NodeProto, given: Sequence[Array]) -> int:
    parts = next((attribute.i for attribute in node.attribute if attribute.name == "num_outputs"), 0)
    return max(given[0].size, parts)


def _windows(node: NodeProto, given: Sequence[Array]) -> int:
    filters = given[1].shape[0] if len(given) > 1 else 1
    return _pad(node, given[:1]) * filters


def _of_given_lengths(node: NodeProto, given: Sequence[Array]) -> int:
    """Return a bound for operators of which any whole number may be a length."""
    numbers = [each for attribute in node.attribute for each in (attribute.i, *attribute.ints)]
    numbers += [int(each) for value in given if value.dtype.kind in "iu" for each in value.reshape(-1)[:MOST_LENGTHS]]
    return int(max(sum(value.size for value in given), 1) * math.prod(max(abs(each), 1) for each in numbers))


def _one_hot(_node: NodeProto, given: Sequence[Array]) -> int:
    return given[0].size * _lengths(given[1])


def _matmul(_node: NodeProto, given: Sequence[Array]) -> int:
    left, right = given[0].shape, given[1].shape
    rows = left[-2] if len(left) > 1 else 1
    columns = right[-1] if len(right) > 1 else 1
    return rows * columns * math.prod(np.broadcast_shapes(left[:-2], right[:-2]))


def _product(_node: NodeProto, given: Sequence[Array]) -> int:
    return math.prod(value.size for value in given[:2])


def _ints(node: NodeProto, name: str) -> list[int]:
    return next((list(attribute.ints) for attribute in node.attribute if attribute.name == name), [])


_BY_OPERATOR: dict[str, Callable[[NodeProto, Sequence[Array]], int]] = {
    "ConstantOfShape": lambda _node, given: _lengths(given[0]),
    "Expand": _expand,
    "Tile": _tile,
    "Range": _range,
    "Gather": _gather,
    "GatherND": _gather_nd,
    "Pad": _pad,
    "Resize": _resize,
    "Upsample": _resize,
    "OneHot": _one_hot,
    "TopK": _top_k,
    "Split": _split,
    **dict.fromkeys(("AveragePool", "Conv", "ConvInteger", "LpPool", "MaxPool", "QLinearConv"), _windows),
    **dict.fromkeys(("AffineGrid", "CenterCropPad", "Col2Im", "ConvTranspose", "DFT", "MaxUnpool"), _of_given_lengths),
    **dict.fromkeys(("BlackmanWindow", "HammingWindow", "HannWindow", "MelWeightMatrix"), _of_given_lengths),
    **dict.fromkeys(("Multinomial", "RandomNormal", "RandomUniform", "RoiAlign", "STFT"), _of_given_lengths),
    "MatMul": _matmul,
    "Gemm": _product,
    "Einsum": _product,
}
