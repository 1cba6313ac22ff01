"""Convolutions of one position with a kernel of one position, which are products with a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.tensors.broadcasting import apply_elementwise
from gru_lower.passes.fuse_gru.tensors.constant_folding import fold
from gru_lower.passes.fuse_gru.tensors.matmul import matmul
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor
from gru_lower.passes.fuse_gru.tensors.transpose_and_squeeze import squeeze, transpose, unsqueeze

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.interpreter.operators.call import Call
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known
    from gru_lower.passes.fuse_gru.tensors.tensor import Tensor


def conv_node(call: Call) -> list[Known]:
    """Conv of one position with one position, a product with a matrix."""
    given, kernel = call.tensor(0), call.tensor(1)
    rank = len(given.dims)
    if any(dim != 1 for dim in (*given.dims[2:], *kernel.dims[2:])) or any(call.attributes.get("pads", ())):
        raise NotUnderstoodError
    if call.attributes.get("group", 1) != 1 or call.attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise NotUnderstoodError
    positions = list(range(2, rank))
    matrix = transpose(squeeze(call.algebra, kernel, positions), (1, 0))
    product = matmul(call.algebra, squeeze(call.algebra, given, positions), matrix)
    if call.has(2):
        product = _sum(call.algebra, product, call.tensor(2))
    return [unsqueeze(product, positions)]


def fused_conv_node(call: Call) -> list[Known]:
    """FusedConv: Conv with an activation, as onnxruntime fuses them."""
    (product,) = conv_node(call)
    op = call.attributes["activation"].decode()
    if call.has(3) or op not in ("Relu", "Sigmoid", "Tanh") or not isinstance(product, (PolyTensor, ConstTensor)):
        raise NotUnderstoodError
    return [apply_elementwise(call.algebra, lambda poly: call.algebra.function(op, poly), product)]


def _sum(algebra: Algebra, one: Tensor, other: Tensor) -> Tensor:
    if isinstance(one, ConstTensor) and isinstance(other, ConstTensor):
        return fold("Add", [one, other])
    return apply_elementwise(algebra, algebra.add, one, other)
