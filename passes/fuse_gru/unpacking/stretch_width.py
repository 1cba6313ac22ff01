"""How wide the stretches are of which the state of a packed loop is put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.graph.scopes import is_onnx
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, full_array
from gru_lower.passes.fuse_gru.tensors.value_roles import MICROSOFT, PRODUCTS

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.matrices import Array
    from gru_lower.passes.fuse_gru.loops.interpreted_loop import InterpretedLoop

SQUARE = 2
"""How many axes a matrix has."""
PARTS = (2, 3, 4, 6)
"""Of how many stretches a state may be: h twice or in three parts, of one direction or of two."""


def stretch_widths(loop: InterpretedLoop) -> list[int]:
    """Return how wide stretches may be, those first whose blocks of matrices are zeros or identities most of all.

    Of those that are so alike, the widest comes first: smaller ones find the zeros that weights may have as well.

    Args:
        loop: The loop.

    Returns:
        None where no matrix of its body has such blocks: nothing is packed in it.

    """
    found = matrices_of(loop)
    total = max((len(array) for array in found), default=0)
    wide = [array for array in found if len(array) == total]
    covered = {parts: sum(_covered(array, total // parts) for array in wide) for parts in PARTS if total % parts == 0}
    likely = sorted(filter(covered.get, covered), key=lambda parts: (-covered[parts], parts))
    return [total // parts for parts in likely]


def matrices_of(loop: InterpretedLoop) -> list[Array]:
    """Return the constant square matrices that a loop's body multiplies with."""
    found = []
    for node in loop.body.scope.nodes:
        if node.op_type in PRODUCTS and (is_onnx(node) or node.domain == MICROSOFT) and len(node.input) > 1:
            known = loop.body.value(node.input[1])
            square = isinstance(known, ConstTensor) and len(known.dims) == SQUARE and known.dims[0] == known.dims[1]
            if square and isinstance(known, ConstTensor) and known.is_full and known.array.dtype != object:
                found.append(full_array(known))
    return found


def _covered(array: Array, width: int) -> int:
    """Count the zeros that lie in blocks of zeros, or beside the diagonal of identities."""
    parts = len(array) // width
    blocks = array.reshape(parts, width, parts, width).swapaxes(1, 2)
    zeros = ~blocks.any((-2, -1))
    identities = (blocks == np.eye(width, dtype=array.dtype)).all((-2, -1))
    return int(zeros.sum()) * width * width + int(identities.sum()) * (width * width - width)
