"""A GRU node whose inputs are values of the model in which it was lowered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph import tensor_values
from gru_lower.graph.known_zeros import is_zero
from gru_lower.passes.fuse_gru.interpreter import length_masks
from gru_lower.passes.fuse_gru.tensors.broadcasting import as_polynomials
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor
from gru_lower.proving.errors import NotShownError
from gru_lower.proving.mask_cases import MaskComparison

if TYPE_CHECKING:
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known


class GruNode:
    """A GRU node; its inputs are values of the other model's algebra, where they are known.

    Args:
        model: The model with the node.
        scope: Where it stands.
        spec: What it says.
        facts: The model's side table.
        other: The other model's values.
        empty_is_zero: Whether the last state of a sequence of length 0 is 0 rather than initial_h.

    """

    def __init__(
        self,
        model: Model,
        scope: Scope,
        spec: GruSpec,
        facts: Facts,
        other: Interpreter,
        *,
        empty_is_zero: bool = True,
    ) -> None:
        """Look the inputs up."""
        self.scope, self.spec, self.other, self.empty_is_zero = scope, spec, other, empty_is_zero
        self.algebra: Algebra = other.algebra
        self.given: dict[str, Known] = {}
        for key, name in spec.inputs.items():
            tensor = facts.constant(scope, name) if key in ("W", "R", "B") else None
            if tensor is None:
                self.given[key] = other.value(name)
            else:  # its initializer may be gone from the other model
                array = tensor_values.to_array(tensor, model.base_dir)
                self.given[key] = ConstTensor(array, array.shape)
        self.zeros = "initial_h" not in spec.inputs or is_zero(facts, scope, spec.inputs["initial_h"])

    def tensor(self, key: str) -> PolyTensor:
        """Return an input that is no constant.

        Raises:
            NotShownError: Nothing is known of it.

        """
        found = self.given.get(key)
        if isinstance(found, ConstTensor) and found.array.dtype != object:
            return as_polynomials(self.algebra, found)
        if not isinstance(found, PolyTensor):
            raise NotShownError(f"{key} is not understood")
        return found

    def asks_for(self, name: str) -> bool:
        """Whether an output is used: lowering leaves out one that is not."""
        return name in self.scope.outputs or bool(self.scope.uses[name])

    @property
    def masked(self) -> bool:
        """Whether there are sequence_lens."""
        return "sequence_lens" in self.spec.inputs

    def mask_of(self, number: Count, step: int = 0) -> MaskComparison:
        """Return the mask of a step of X, or of the steps one after the other from a first one.

        Args:
            number: The step, or the first one.
            step: From one step to the next; 0 for a single one.

        Raises:
            NotShownError: The lengths are no input of the scope's.

        """
        found = length_masks.lengths_of(self.other, self.spec.inputs["sequence_lens"])
        if found is None:
            raise NotShownError("sequence_lens is not understood")
        return MaskComparison(found[0], found[1], number, step)

    @property
    def length(self) -> Count:
        """The number of steps X has."""
        return self.tensor("X").dims[1 if self.spec.layout else 0]


def polynomial_of(value: Known, name: str) -> Poly:
    """Return the polynomial of a value that has one.

    Raises:
        NotShownError: It is made of several, or of none.

    """
    if not isinstance(value, PolyTensor) or value.poly is None:
        raise NotShownError(f"{name} is not understood")
    return value.poly
