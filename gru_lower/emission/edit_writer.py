"""Writing the nodes and constants of one edit, under names that begin with the same prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.graph.names import Names

SPLIT_INPUT = 13
"""The opset from which Split takes the lengths of its parts as an input."""


class EditWriter:
    """Collects nodes and initializers.

    Args:
        opset: The opset of the scope they will stand in.
        names: The model's names.
        prefix: What new names begin with.

    """

    def __init__(self, opset: int, names: Names, prefix: str) -> None:
        """Start with nothing."""
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self._opset, self._names, self._prefix = opset, names, prefix

    def value_name(self, local: str) -> str:
        """Return a new name for a value."""
        return self._names.value(f"{self._prefix}/{local}")

    def node_name(self, local: str) -> str:
        """Return a new name for a node."""
        return self._names.node(f"{self._prefix}/{local}")

    def node(self, op_type: str, inputs: Sequence[str], outputs: Sequence[str], local: str, **attributes: Any) -> None:  # noqa: ANN401 - whatever the operator takes
        """Append a node."""
        self.nodes.append(helper.make_node(op_type, inputs, outputs, self.node_name(local), **attributes))

    def constant(self, array: np.ndarray[Any, np.dtype[Any]], local: str) -> str:
        """Add an initializer and return its name."""
        name = self.value_name(local)
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def split(
        self, value: str, lengths: Sequence[int], parts: Sequence[str], axis: int, local: str, sizes: str
    ) -> None:
        """Append a Split.

        Args:
            value: What to split.
            lengths: The length of each part.
            parts: What to call the parts.
            axis: Along which axis.
            local: What to call the node.
            sizes: What to call the constant of the lengths.

        """
        if self._opset < SPLIT_INPUT:
            self.node("Split", [value], parts, local, axis=axis, split=list(lengths))
        else:
            given = [value, self.constant(np.array(lengths, np.int64), sizes)]
            self.node("Split", given, parts, local, axis=axis)
