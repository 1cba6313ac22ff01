"""Products with matrices: MatMul, Gemm, Einsum, and onnxruntime's FusedMatMul and FusedGemm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.tensors.broadcasting import apply_elementwise
from gru_lower.passes.fuse_gru.tensors.einsum import einsum
from gru_lower.passes.fuse_gru.tensors.matmul import gemm, matmul
from gru_lower.passes.fuse_gru.tensors.transpose_and_squeeze import transpose

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.interpreter.operators.call import Call
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known


def matmul_node(call: Call) -> list[Known]:
    """MatMul."""
    return [matmul(call.algebra, call.tensor(0), call.tensor(1))]


def gemm_node(call: Call) -> list[Known]:
    """Gemm and FusedGemm, which has an activation."""
    a = call.attributes
    result = gemm(
        call.algebra,
        call.tensor(0),
        call.tensor(1),
        call.tensor(2) if call.has(2) else None,
        alpha=float(a.get("alpha", 1.0)),
        beta=float(a.get("beta", 1.0)),
        trans_a=bool(a.get("transA", 0)),
        trans_b=bool(a.get("transB", 0)),
    )
    if "activation" not in a:
        return [result]
    op = a["activation"].decode()
    parameters = tuple(float(a[key]) for key in ("activation_alpha", "activation_beta") if key in a)
    if op not in ("Relu", "Sigmoid", "Tanh", "LeakyRelu", "HardSigmoid", "Softsign", "Softplus"):
        raise NotUnderstoodError
    return [
        apply_elementwise(call.algebra, lambda poly: call.algebra.function(op, poly, parameters=parameters), result)
    ]


def fused_matmul_node(call: Call) -> list[Known]:
    """FusedMatMul: MatMul with transposes and a factor."""
    a = call.attributes
    if a.get("transBatchA", 0) or a.get("transBatchB", 0):
        raise NotUnderstoodError
    sides = []
    for position, key in ((0, "transA"), (1, "transB")):
        side = call.tensor(position)
        rank = len(side.dims)
        sides.append(transpose(side, [*range(rank - 2), rank - 1, rank - 2]) if a.get(key, 0) else side)
    product = matmul(call.algebra, *sides)
    return [apply_elementwise(call.algebra, lambda poly: call.algebra.scale(poly, float(a.get("alpha", 1.0))), product)]


def einsum_node(call: Call) -> list[Known]:
    """Einsum of two tensors."""
    equation = call.attributes["equation"].decode()
    return [einsum(call.algebra, equation, call.tensor(0), call.tensor(1))]
