"""Computing one node whose inputs are known, by onnx's reference implementation, within the model's budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import checker, defs, helper, shape_inference

from gru_lower.errors import FOREIGN_FAILURES
from gru_lower.graph import budget
from gru_lower.graph.result_sizes import result_elements
from gru_lower.graph.shape_operators import compute_simply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnx import NodeProto

    Array = np.ndarray[Any, np.dtype[Any]]

ONNX_FAILURES = (*FOREIGN_FAILURES, defs.SchemaError, checker.ValidationError, shape_inference.InferenceError)


class CannotComputeError(ValueError):
    """A node cannot be computed beforehand: it is wrong, or its result too large."""


def evaluate_node(
    node: NodeProto, inputs: Sequence[Array | None], opsets: Mapping[str, int], limit: int = budget.MOST_ELEMENTS
) -> list[Array]:
    """Return a node's outputs.

    Args:
        node: The node; it holds no body.
        inputs: Its inputs, ``None`` where one is left out.
        opsets: Opset version by domain.
        limit: How many elements the result may have at most.

    Raises:
        CannotComputeError: With the reason.

    """
    spent = budget.current()
    try:
        spent.spend(_elements_within(node, inputs, limit), what=f"what {node.op_type} puts out")
    except (*ONNX_FAILURES, budget.OverBudgetError) as error:
        raise _cannot(node, error) from error
    simply = compute_simply(node, inputs, opsets.get("", 0)) if node.domain == "" else None
    if simply is not None:
        return simply
    from onnx.reference import ReferenceEvaluator  # takes long to be imported

    feeds = {name: value for name, value in zip(node.input, inputs, strict=True) if value is not None}
    graph = helper.make_graph(
        [node],
        "node",
        [onnx.ValueInfoProto(name=name) for name in feeds],
        [onnx.ValueInfoProto(name=name) for name in node.output if name],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(d, v) for d, v in opsets.items()])
    try:
        with spent.timed(), np.errstate(all="ignore"):
            results: Any = ReferenceEvaluator(model).run(None, feeds)
    except (*ONNX_FAILURES, budget.OverBudgetError) as error:
        raise _cannot(node, error) from error
    return [np.asarray(result) for result in results]


def _cannot(node: NodeProto, error: Exception) -> CannotComputeError:
    return CannotComputeError(f"{node.op_type} cannot be computed: {' '.join(str(error).split())}")


def _elements_within(node: NodeProto, inputs: Sequence[Array | None], limit: int) -> int:
    elements = result_elements(node, inputs)
    if elements > limit:
        raise ValueError(f"it would put out {elements} elements")
    return elements


def run_node(node: NodeProto, inputs: Sequence[Array | None], opsets: Mapping[str, int]) -> list[Array] | None:
    """Compute one node as :func:`evaluate_node` does; return ``None`` where it cannot be, so that it is left to run."""
    try:
        return evaluate_node(node, inputs, opsets)
    except CannotComputeError:
        return None
