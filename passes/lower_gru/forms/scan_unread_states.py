"""Intermediate values of a Scan's body that are made states nothing reads, so that a step allocates no memory.

    Ht_1, Zt_before, Rt_before, ...  ->  Zt = f(...), Rt = f(...), ..., Ht

onnxruntime preallocates a Scan's states: a step writes them into buffers made before the first step. Every other value
of a body is taken from the arena in each step and given back. So whatever a body computes besides its results is a
state as well, whose input in the body has no reader. At H = 64, batch 1, that makes a step 0.4 µs shorter, of 4
(docs/decisions/0023). It is done up to a B·H of 8192 (costs.json): two places for each value have to fit into a cache.

One kind of value stays as it is: a float Gemm that onnxruntime computes in one kernel with the function after it. As a
state its result would have to be written to memory again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.passes.lower_gru.variant import FUSED_WITH_GEMM

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value

BOTH = 2
"""How many gates a joined value holds."""
CONDITIONS = frozenset({"Greater"})
"""Operators whose results are of another type than the state."""


def widths(body: Emitter, width: int) -> dict[str, int]:
    """Return how wide each value is that a body computes, by name.

    Args:
        body: The body.
        width: How wide a state is, and whatever else nothing says more of.

    """
    found = dict(body.widths)
    for node in body.graph.nodes:
        widest = max((found.get(value.name, width) for value in node.inputs), default=width)
        for place, value in enumerate(node.outputs):
            if value.name in found:
                continue
            # Gates that are computed together are twice as wide as the candidate behind them, or are cut into halves.
            is_gates = widest > BOTH * width and place == 0
            found[value.name] = (BOTH * width if is_gates else width) if node.op == "Split" else widest
    return found


def values(body: Emitter) -> list[Value]:
    """Return what a body computes besides its results, in the order of its nodes."""
    results = {value.name for value in body.graph.outputs}
    return [
        value
        for node in body.graph.nodes
        for value in node.outputs
        if value.name not in results
        and value.name not in body.within_kernels
        and node.op not in CONDITIONS
        and not _is_fused(body, node)
    ]


def _is_fused(body: Emitter, node: Value) -> bool:
    if node.op != "Gemm" or body.elem_type != TensorProto.FLOAT:
        return False
    readers = [reader.op for reader in body.graph.nodes if node.outputs[0] in reader.inputs]
    return len(readers) == 1 and readers[0] in FUSED_WITH_GEMM
