"""Write a bidirectional GRU and what lays its outputs out as the two GRUs' were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from gru_lower.graph.bounded_arrays import zeros
from gru_lower.gru.activations import activation_attributes
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.names import Names
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec

    Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Join:
    """A Concat of what two GRUs make, on the feature axis or on one of directions.

    Attributes:
        output: 0 for Y, 1 for Y_h.
        axes: The axes of the result, ``H`` being the features of both unless there is a ``D``.
        name: What the result is called.
        gone: The nodes that go with it.

    """

    output: int
    axes: tuple[str, ...]
    name: str
    gone: frozenset[int]


class BidirectionalWriter:
    """Writes the nodes that come in the place of a forward and a reverse GRU.

    Args:
        scope: Where they stand.
        facts: The model's side table.
        names: The model's names.
        old: The two GRUs, forward first.
        specs: Their specs.

    """

    def __init__(
        self, scope: Scope, facts: Facts, names: Names, old: Sequence[NodeProto], specs: Sequence[GruSpec]
    ) -> None:
        """Start with nothing."""
        self.scope, self.facts, self.names, self.old, self.specs = scope, facts, names, old, specs
        self.prefix = names.prefix(f"{old[0].name or old[0].output[0]}/both")
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []

    def fresh(self, local: str) -> str:
        """Return a new name for a value."""
        return self.names.value(f"{self.prefix}/{local}")

    def _node(self, op: str, inputs: Sequence[str], outputs: Sequence[str], local: str, **attributes: Any) -> None:  # noqa: ANN401
        name = self.names.node(f"{self.prefix}/{local}")
        self.nodes.append(helper.make_node(op, inputs, outputs, name, **attributes))

    def _constant(self, array: Array, local: str) -> str:
        name = self.fresh(local)
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def write_join(self, source: str, axes: tuple[str, ...], join: Join) -> None:
        """Write a Concat's result from the bidirectional GRU's output.

        Args:
            source: The output.
            axes: Its axes.
            join: The Concat.

        """
        if "D" in join.axes:
            perm = [axes.index(axis) for axis in join.axes]
            self._node("Transpose", [source], [join.name], "Y_joined", perm=perm)
            return
        order = [axis for wanted in join.axes for axis in (("D", "H") if wanted == "H" else (wanted,))]
        lengths = [2 * self.specs[0].hidden_size if axis == "H" else 0 for axis in join.axes]
        moved = source
        if order != list(axes):
            moved = self.fresh("Y_ordered")
            self._node("Transpose", [source], [moved], "Y_ordered", perm=[axes.index(axis) for axis in order])
        shape = self._constant(np.array(lengths, np.int64), "Y_shape")
        self._node("Reshape", [moved, shape], [join.name], "Y_joined")

    def write_split(self, source: str, axis: int, parts: Sequence[str]) -> None:
        """Split an output on the axis of directions into what the two GRUs made."""
        if self.scope.opset < 13:
            self._node("Split", [source], parts, "Y_split", axis=axis, split=[1, 1])
        else:
            sizes = self._constant(np.array([1, 1], np.int64), "Y_sizes")
            self._node("Split", [source, sizes], parts, "Y_split", axis=axis)

    def _stacked(self, what: str) -> str:
        """Write an input of both directions, forward first; return ``""`` if neither has it."""
        names = [spec.inputs.get(what, "") for spec in self.specs]
        if not any(names):
            return ""
        arrays = [self.facts.array(self.scope, name) if name else None for name in names]
        if what == "B" and not all(names):
            known = next((array for array in arrays if array is not None), None)
            dtype = helper.tensor_dtype_to_np_dtype(self.specs[0].elem_type)
            nothing = zeros((1, 6 * self.specs[0].hidden_size), dtype if known is None else known.dtype)
            arrays = [array if name else nothing for array, name in zip(arrays, names, strict=True)]
            names = [name or self._constant(nothing, "B_zeros") for name in names]
        if arrays[0] is not None and arrays[1] is not None:
            return self._constant(np.concatenate([arrays[0], arrays[1]]), what)
        made = self.fresh(what)
        self._node("Concat", names, [made], what, axis=0)
        return made

    def write_gru(self, outputs: Sequence[str]) -> None:
        """Write the GRU, and its inputs, in front of all else.

        Args:
            outputs: The names of Y and Y_h, ``""`` for one that nothing reads.

        """
        first = self.specs[0]
        sequence_lens = first.inputs.get("sequence_lens", "")
        rest, self.nodes = self.nodes, []
        inputs = [first.inputs["X"], self._stacked("W"), self._stacked("R"), self._stacked("B"), sequence_lens]
        inputs.append(self._stacked("initial_h"))
        while not inputs[-1]:
            inputs.pop()
        kept = list(outputs) if outputs[1] else list(outputs[:1])
        attributes = {a.name: helper.get_attribute_value(a) for a in self.old[0].attribute}
        attributes |= {"direction": "bidirectional", "hidden_size": first.hidden_size}
        for name in ("activations", "activation_alpha", "activation_beta"):
            attributes.pop(name, None)
        functions = [function for spec in self.specs for function in (spec.directions[0].f, spec.directions[0].g)]
        if [str(function) for function in functions] != ["Sigmoid", "Tanh"] * 2:
            attributes |= activation_attributes(functions)
        self._node("GRU", inputs, kept, "GRU", **attributes)
        self.nodes += rest
