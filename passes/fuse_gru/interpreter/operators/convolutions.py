"""Convolutions with a kernel of one position, which are products with a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.tensors.broadcasting import apply_elementwise
from gru_lower.passes.fuse_gru.tensors.constant_folding import fold
from gru_lower.passes.fuse_gru.tensors.matmul import matmul
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor
from gru_lower.passes.fuse_gru.tensors.transpose_and_squeeze import squeeze, transpose, unsqueeze
from gru_lower.passes.fuse_gru.tensors.weight_matrices import matrix_of, multiply_features

PLAIN = (b"NOTSET", b"VALID", b"SAME_UPPER", b"SAME_LOWER")
"""What may be said of padding: a kernel of one position needs none."""

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.interpreter.operators.call import Call
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known
    from gru_lower.passes.fuse_gru.tensors.tensor import Tensor


def conv_node(call: Call) -> list[Known]:
    """Conv with a kernel of one position, a product with a matrix at every position."""
    given, kernel = call.tensor(0), call.tensor(1)
    positions = list(range(2, len(given.dims)))
    if any(dim != 1 for dim in kernel.dims[2:]) or any(call.attributes.get("pads", ())):
        raise NotUnderstoodError
    if any(step != 1 for step in call.attributes.get("strides", ())) and any(given.dims[i] != 1 for i in positions):
        raise NotUnderstoodError
    if call.attributes.get("group", 1) != 1 or call.attributes.get("auto_pad", b"NOTSET") not in PLAIN:
        raise NotUnderstoodError
    if all(given.dims[position] == 1 for position in positions):
        matrix = transpose(squeeze(call.algebra, kernel, positions), (1, 0))
        product = unsqueeze(matmul(call.algebra, squeeze(call.algebra, given, positions), matrix), positions)
    else:
        product = _at_every_position(call.algebra, given, kernel, positions)
    if call.has(2):
        product = _sum(call.algebra, product, unsqueeze(call.tensor(2), [1 + i for i in range(len(positions))]))
    return [product]


def _at_every_position(algebra: Algebra, given: Tensor, kernel: Tensor, positions: list[int]) -> Tensor:
    matrix = matrix_of(algebra, squeeze(algebra, kernel, positions), out_first=True)
    if matrix is None or not isinstance(given, PolyTensor):
        raise NotUnderstoodError
    return multiply_features(algebra, matrix, given, 1 - len(given.dims))


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
