"""The nodes of one step: the equations of :mod:`gru_lower.gru.step_equations` over an algebra that emits nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.bounded_arrays import identity
from gru_lower.gru.step_equations import step
from gru_lower.passes.lower_gru.forms import activation_nodes
from gru_lower.passes.lower_gru.forms.joined_gates import FloatProducts, GateOfBoth, JoinedProducts, ProductsWithX
from gru_lower.passes.lower_gru.forms.sequence_lens_masks import new_or_old
from gru_lower.passes.lower_gru.local_names import prefix_of

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.gru.activations import Activation
    from gru_lower.gru.spec import Direction
    from gru_lower.gru.step_equations import Projection
    from gru_lower.passes.lower_gru.variant import Variant


def _joined_products(v: Variant) -> type[JoinedProducts]:
    """Return what computes the products of several gates as one."""
    if v.products.joins_gates:
        from gru_lower.passes.lower_gru.forms.integer_products import IntegerProducts  # which lowering does not need

        return IntegerProducts
    return ProductsWithX if v.projection == "with-state" else FloatProducts


class StepAlgebra:
    """The algebra of :func:`gru_lower.gru.step_equations.step` that emits nodes.

    Args:
        e: Where to write.
        v: The variant.
        prefix: What stands before the local names of the weights to use.
        g: The candidate's activation.

    """

    def __init__(self, e: Emitter, v: Variant, prefix: str, g: Activation) -> None:
        """Keep the parts."""
        self._e, self._v, self._p, self._g = e, v, prefix, g
        self._joined: JoinedProducts | None = None
        if v.joins_gates:
            self._joined = _joined_products(v)(e, v, prefix)

    def recurrent(self, gate: str, state: Value, plus: Value) -> Value:
        """Return ``state Rᵀ + plus``, one Gemm; of the update and the reset gate together where they are one value."""
        if self._joined is not None:
            return self._joined.recurrent(gate, state, plus)
        weight, one_entry = self._e.value(f"{self._p}R{gate}"), self._v.hidden_size == 1
        return self._e.gemm(state, weight, plus, f"pre_{gate}", computed=True, one_entry=one_entry)

    def recurrent_candidate(self, state: Value | None) -> Value | None:
        """Return ``state Rhᵀ + Rbh``."""
        bias = self._e.value(f"{self._p}Rbh") if "B" in self._v.has else None
        if state is None:
            return bias
        if self._joined is not None:
            return self._joined.candidate(state)
        weight, one_entry = self._e.value(f"{self._p}Rh"), self._v.hidden_size == 1
        if self._v.subtracts_bias:
            product = self._e.gemm(state, weight, None, "recurrent_h_product", one_entry=one_entry)
            return self._e.sub(product, self._e.value(f"{self._p}Rbh_negative"), "recurrent_h")
        return self._e.gemm(state, weight, bias, "recurrent_h", computed="B" in self._v.dynamic, one_entry=one_entry)

    def clip(self, value: Value) -> Value:
        """Clip, if the variant does; where it would reach back through a Slice, half the value by half the bound."""
        bound = self._v.clip
        if bound is None:
            return value
        if isinstance(value, GateOfBoth):
            return value._replace(both=self._e.shared(f"clipped {value.both.name}", lambda: self.clip(value.both)))
        clipped = f"{value.name}_clipped"
        if not self._v.one_scale_for_cuts or value.inputs:
            return activation_nodes.clip(self._e, value, bound, clipped)
        halved = activation_nodes.affine(self._e, value, 0.5, 0.0, f"{value.name}_halved")
        halved = activation_nodes.clip(self._e, halved, bound / 2, f"{clipped}_halved")
        return activation_nodes.affine(self._e, halved, 2.0, 0.0, clipped)

    def activation(self, function: Activation, value: Value, name: str) -> Value:
        """Apply an activation; to the update and the reset gate at once where they are one value."""
        if isinstance(value, GateOfBoth):
            gates = self._e.shared(f"gates of {value.both.name}", lambda: self._gates(function, value.both))
            return gates[value.place]
        return activation_nodes.activation(self._e, function, value, name)

    def _gates(self, function: Activation, both: Value) -> list[Value]:
        axis = -1 if self._v.products.joins_gates else self._v.state_rank - 1
        return self._e.split(self.activation(function, both, "ZtRt"), self._v.hidden_size, ["Zt", "Rt"], axis=axis)

    def mul(self, left: Value, right: Value, name: str) -> Value:
        """Multiply."""
        return self._e.op("Mul", [left, right], name)

    def add(self, left: Value, right: Value, name: str) -> Value:
        """Add; a sum right before g as a product with the identity, which onnxruntime makes one kernel with g.

        One sequence alone can have the 1 on its left. Of more the identity there would mix them: 0 times NaN is NaN.
        """
        if self._v.fused and self._v.batch_size == 1:
            return self._e.op("Gemm", [self._e.tensor("one", [[1.0]]), right, left], name)
        if self._v.fused:
            unit = self._e.tensor(f"{self._p}identity", identity(self._v.hidden_size))
            return self._e.gemm(right, unit, left, name)
        return self._e.op("Add", [left, right], name)

    def blend(self, zt: Value, ht: Value, state: Value | None) -> Value:
        """Return ``ht + zt ∘ (state - ht)``, or what does not cancel, see :meth:`summands`."""
        if state is not None:
            return self._e.op("Add", list(self.summands(zt, ht, state)), "Ht")
        if self._g.can_be_large:
            return self.mul(self._share_of_candidate(zt), ht, "Ht")
        return self._e.sub(ht, self.mul(zt, ht, "kept"), "Ht")

    def summands(self, zt: Value, ht: Value, state: Value) -> tuple[Value, Value]:
        """Return the two parts of the next state: ``ht`` and ``zt ∘ (state - ht)``.

        Beside a large candidate the state would be rounded away in them. Where g has such values the parts are
        ``(1 - zt) ∘ ht`` and ``zt ∘ state``: a state that is kept, with zt = 1, is kept to the bit, as in the operator.
        """
        if self._g.can_be_large:
            return self.mul(self._share_of_candidate(zt), ht, "taken"), self.mul(zt, state, "kept")
        return ht, self.mul(zt, self._e.sub(state, ht, "change"), "update")

    def _share_of_candidate(self, zt: Value) -> Value:
        return self._e.sub(self._e.tensor("one", 1.0), zt, "one_minus_Zt")


class _Summands(StepAlgebra):
    """The algebra that does not emit the last sum of a step, but keeps its second summand."""

    def __init__(self, e: Emitter, v: Variant, prefix: str, g: Activation) -> None:
        super().__init__(e, v, prefix, g)
        self.update: Value = None

    def blend(self, zt: Value, ht: Value, state: Value | None) -> Value:
        first, self.update = self.summands(zt, ht, state)
        return first


class _Masked(StepAlgebra):
    """The algebra of a step that counts where a mask is 1 and leaves the state alone where it is 0.

    ``Ht = Ht_1 + mask ∘ (1 - zt) ∘ (ht - Ht_1)``: of whole numbers, too, 0 times anything is 0, and one that is masked
    adds no rounding to a state that no other step has.
    """

    def __init__(self, e: Emitter, v: Variant, prefix: str, g: Activation, mask: Value) -> None:
        super().__init__(e, v, prefix, g)
        self._mask = mask

    def blend(self, zt: Value, ht: Value, state: Value | None) -> Value:
        share = self.mul(self._share_of_candidate(zt), self._mask, "valid_share")
        if state is None:
            return self.mul(share, ht, "Ht")
        change = self.mul(share, self._e.sub(ht, state, "change"), "update")
        return self._e.op("Add", [state, change], "Ht")


def emit_summands(
    e: Emitter, v: Variant, direction: Direction, xt: Projection[Value], ht_1: Value, prefix: str
) -> tuple[Value, Value]:
    """Emit one step up to its last sum: return its two summands, for :func:`emit_step`'s arguments."""
    algebra = _Summands(e, v, prefix, direction.g)
    ht = step(algebra, direction, xt, ht_1, linear_before_reset=v.linear_before_reset)
    return ht, algebra.update


def emit_step(
    e: Emitter,
    v: Variant,
    direction: Direction,
    xt: Projection[Value],
    ht_1: Value | None,
    mask: Value | None,
    prefix: str | None = None,
) -> Value:
    """Emit one step.

    Args:
        e: Where to write.
        v: The variant.
        direction: Whose weights and activations.
        xt: The projection of the step, [B, H] each.
        ht_1: The state before, or ``None`` for zeros.
        mask: With the recipe ``where``: a step of
            :func:`gru_lower.passes.lower_gru.forms.sequence_lens_masks.choices_of_steps`, by which a state stays what
            it was.
        prefix: What stands before the local names of the recurrent weights, the direction's own by default.

    """
    weights = prefix_of(direction) if prefix is None else prefix
    if v.multiplies and mask is not None:
        by_number = _Masked(e, v, weights, direction.g, mask)
        return step(by_number, direction, xt, ht_1, linear_before_reset=v.linear_before_reset)
    algebra = StepAlgebra(e, v, weights, direction.g)
    ht = step(algebra, direction, xt, ht_1, linear_before_reset=v.linear_before_reset)
    if v.mask != "where" or mask is None:
        return ht
    zero = e.tensor("zero", 0.0)
    if v.guessed and v.hidden_size == 1 and ht_1 is not None:
        # A Where that broadcasts nothing becomes a SELECT, of which microcontrollers have none.
        kept = e.op("Where", [mask, zero, ht_1], "Ht_1_kept")
        return e.op("Add", [e.op("Where", [mask, ht, zero], "Ht_taken"), kept], "Ht_valid")
    return new_or_old(e, ht, zero if ht_1 is None else ht_1, mask, "Ht_valid")
