"""One node that is interpreted: its attributes, and what is known of its inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnx import helper

from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine
from gru_lower.passes.fuse_gru.tensors.integer_vectors import int_entries
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor, Tensor

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known, ScopeValues


class Call:
    """One node with what is known of its inputs.

    Args:
        values: The values of the scope it is in.
        node: The node.

    Attributes:
        inputs: The names of its inputs.
        attributes: Its attributes as Python values, but for those that refer to a function's.

    """

    def __init__(self, values: ScopeValues, node: NodeProto) -> None:
        """Hold the parts; inputs are looked up when asked for."""
        self.values, self.node = values, node
        self.algebra: Algebra = values.algebra
        self.inputs: list[str] = node.input[:]
        given = node.attribute
        self.attributes: dict[str, Any] = (
            {a.name: helper.get_attribute_value(a) for a in given if not a.ref_attr_name} if given else {}
        )

    def has(self, position: int) -> bool:
        """Whether an input is given."""
        return position < len(self.inputs) and bool(self.inputs[position])

    def known(self, position: int) -> Known:
        """Return what is known of an input."""
        return self.values.value(self.inputs[position])

    def tensor(self, position: int) -> Tensor:
        """Return an input that is a tensor.

        Raises:
            NotUnderstoodError: Nothing is known of it.

        """
        found = self.known(position) if self.has(position) else None
        if not isinstance(found, (PolyTensor, ConstTensor)):
            raise NotUnderstoodError
        return found

    def tensors(self) -> list[Tensor]:
        """Return all inputs."""
        return [self.tensor(position) for position in range(len(self.inputs))]

    def counts(self, position: int, attribute: str = "") -> list[Count] | None:
        """Return an input's whole numbers, or an attribute's where older opsets had that; ``None`` for neither.

        Raises:
            NotUnderstoodError: The input is no constant.

        """
        if attribute in self.attributes:
            return [int(entry) for entry in self.attributes[attribute]]
        if not self.has(position):
            return None
        found = self.tensor(position)
        if not isinstance(found, ConstTensor):
            raise NotUnderstoodError
        return int_entries(found)

    def ints(self, position: int, attribute: str = "") -> list[int] | None:
        """Return whole numbers all of which are known, as :meth:`counts` does.

        Raises:
            NotUnderstoodError: One is not known.

        """
        found = self.counts(position, attribute)
        if found is not None and any(isinstance(entry, Affine) for entry in found):
            raise NotUnderstoodError
        return None if found is None else [int(entry) for entry in found if isinstance(entry, int)]

    def number(self, position: int, attribute: str, default: float) -> float:
        """Return an input or attribute that is one number.

        Raises:
            NotUnderstoodError: The input is no constant, or not one number.

        """
        if attribute in self.attributes:
            return float(self.attributes[attribute])
        if not self.has(position):
            return default
        found = self.tensor(position)
        if not isinstance(found, ConstTensor) or found.array.size != 1 or found.array.dtype == object:
            raise NotUnderstoodError
        return float(found.array.reshape(-1)[0])
