"""Running one node on known values, by onnx's reference implementation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import NodeProto

Array = np.ndarray[Any, np.dtype[Any]]


def run_node(node: NodeProto, inputs: Sequence[Array | None], opsets: dict[str, int]) -> Sequence[Array] | None:
    """Compute one node.

    Args:
        node: The node.
        inputs: The value of each of its inputs, ``None`` for one that is not there.
        opsets: Opset versions by domain.

    Returns:
        The values of its outputs, ``None`` where it cannot be computed.

    """
    feeds = {name: value for name, value in zip(node.input, inputs, strict=True) if value is not None}
    graph = helper.make_graph(
        [node],
        "node",
        [onnx.ValueInfoProto(name=name) for name in feeds],
        [onnx.ValueInfoProto(name=name) for name in node.output if name],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(d, v) for d, v in opsets.items()])
    try:
        results = ReferenceEvaluator(model).run(None, feeds)
    except (ValueError, TypeError, IndexError, ZeroDivisionError, NotImplementedError, RuntimeError, KeyError):
        return None  # a node that cannot be computed beforehand is one that is left to run
    return [np.asarray(result) for result in results]
