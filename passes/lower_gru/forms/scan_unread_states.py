"""Intermediate values of a Scan's body that are made states nothing reads, so that a step allocates no memory.

    Ht_1, Zt_before, Rt_before, ...  ->  Zt = f(...), Rt = f(...), ..., Ht

onnxruntime preallocates a Scan's states: a step writes them into buffers made before the first step. Every other value
of a body is taken from the arena in each step and given back. So whatever a body computes besides its results is a
state as well, whose input in the body has no reader. At H = 64, batch 1, that makes a step 0.4 µs shorter, of 4
(docs/decisions/0023). It is done up to a B·H of 8192 (costs.toml): two places for each value have to fit into a cache.

One kind of value stays as it is: a float Gemm that onnxruntime computes in one kernel with the function after it. As a
state its result would have to be written to memory again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.passes.lower_gru.variant import FUSED_WITH_GEMM

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value

CONDITIONS = frozenset({"Greater"})
"""Operators whose results are of another type than the state."""


def values(body: Emitter) -> list[Value]:
    """Return what a body computes besides its results, in the order of its nodes; each is as wide as its state."""
    results = {value.name for value in body.graph.outputs}
    return [
        value
        for node in body.graph.nodes
        for value in node.outputs
        if value.name not in results and node.op not in CONDITIONS and not _is_fused(body, node)
    ]


def _is_fused(body: Emitter, node: Value) -> bool:
    if node.op != "Gemm" or body.elem_type != TensorProto.FLOAT:
        return False
    readers = [reader.op for reader in body.graph.nodes if node.outputs[0] in reader.inputs]
    return len(readers) == 1 and readers[0] in FUSED_WITH_GEMM
