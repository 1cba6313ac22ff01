"""Convolutions of one position with a kernel of one position, which are products with a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.tensors import constant_arithmetic, matrix_products, views
from gru_lower.passes.fuse_gru.tensors.tensor import Const, NotUnderstoodError, Value, lift

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.polynomials import Algebra
    from gru_lower.passes.fuse_gru.interpreter.operators.call import Call, Tensor
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known


def conv_node(call: Call) -> list[Known]:
    """Conv of one position with one position, a product with a matrix."""
    given, kernel = call.tensor(0), call.tensor(1)
    rank = len(given.dims)
    if any(dim != 1 for dim in (*given.dims[2:], *kernel.dims[2:])) or any(call.attributes.get("pads", ())):
        raise NotUnderstoodError
    if call.attributes.get("group", 1) != 1 or call.attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise NotUnderstoodError
    positions = list(range(2, rank))
    matrix = views.transpose(views.squeeze(call.algebra, kernel, positions), (1, 0))
    product = matrix_products.matmul(call.algebra, views.squeeze(call.algebra, given, positions), matrix)
    if call.has(2):
        product = _sum(call.algebra, product, call.tensor(2))
    return [views.unsqueeze(product, positions)]


def fused_conv_node(call: Call) -> list[Known]:
    """FusedConv: Conv with an activation, as onnxruntime fuses them."""
    (product,) = conv_node(call)
    op = call.attributes["activation"].decode()
    if call.has(3) or op not in ("Relu", "Sigmoid", "Tanh") or not isinstance(product, (Value, Const)):
        raise NotUnderstoodError
    return [lift(call.algebra, lambda poly: call.algebra.fn(op, poly), product)]


def _sum(algebra: Algebra, one: Tensor, other: Tensor) -> Tensor:
    if isinstance(one, Const) and isinstance(other, Const):
        return constant_arithmetic.fold("Add", [one, other])
    return lift(algebra, algebra.add, one, other)
