"""Nodes of a replacement that need not be: those that compute constants of constants, and those that nobody reads.

Masks of constant lengths and a constant initial state are computed beforehand. Nobody reads the reset gate of a step
from zeros, or any projection where every length is 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import NodeProto, TensorProto, numpy_helper

from gru_lower.graph.computed_constants import FOLDED, compute
from gru_lower.graph.needed_nodes import needed_nodes
from gru_lower.graph.scopes import node_uses

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

Array = np.ndarray[Any, np.dtype[Any]]
WRITTEN = (FOLDED | {"Gemm", "Range", "Size", "NonZero"}) - {"DequantizeLinear"}
"""The operators that are computed beforehand, of those that a lowering writes; quantised weights stay quantised."""


def fold_constants(
    nodes: Sequence[NodeProto],
    initializers: Sequence[TensorProto],
    given: Mapping[str, TensorProto],
    results: Collection[str],
    opsets: dict[str, int],
    read: Callable[[TensorProto], Array | None],
) -> tuple[list[NodeProto], list[TensorProto]]:
    """Compute the nodes of a replacement beforehand that read constants alone, and leave out those that nobody reads.

    Args:
        nodes: The nodes, in order.
        initializers: The constants that come with them.
        given: The constants of the model that they read, by name.
        results: The outputs of the replacement, which stay what nodes make.
        opsets: Opset versions by domain.
        read: Reads a constant; ``None`` for one that is not to be read.

    Returns:
        The nodes that are left, and the constants that come with them.

    """
    tensors = {**given, **{tensor.name: tensor for tensor in initializers}}
    left: list[NodeProto] = []
    made: list[TensorProto] = []
    for node in needed_nodes(nodes, results):
        names = [name for name in node.output if name]
        values = None
        if node.op_type in WRITTEN and not any(name in results for name in names):
            values = _computed(node, tensors, opsets, read)
        if values is None:
            left.append(node)
            continue
        fresh = [numpy_helper.from_array(value, name) for name, value in zip(names, values, strict=True)]
        tensors.update((tensor.name, tensor) for tensor in fresh)
        made += fresh
    if len(left) == len(nodes):
        return left, list(initializers)
    used = {name for node in left for name in node_uses(node)}
    return left, [tensor for tensor in (*initializers, *made) if tensor.name in used]


def _computed(
    node: NodeProto,
    tensors: Mapping[str, TensorProto],
    opsets: dict[str, int],
    read: Callable[[TensorProto], Array | None],
) -> Sequence[Array] | None:
    if not node.input or any(name not in tensors for name in node.input if name):
        return None
    found = [read(tensors[name]) if name else None for name in node.input]
    if any(array is None for array, name in zip(found, node.input, strict=True) if name):
        return None
    return compute(node, found, opsets)
