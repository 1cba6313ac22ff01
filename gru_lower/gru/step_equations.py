"""One GRU step, written once over an algebra.

Lowering's algebra emits nodes, the recogniser's builds polynomials; both run this very text:

    zt = f(clip(Xt Wzᵀ + Ht_1 Rzᵀ + Wbz + Rbz))
    rt = f(clip(Xt Wrᵀ + Ht_1 Rrᵀ + Wbr + Rbr))
    ht = g(clip(Xt Whᵀ + (rt ∘ Ht_1) Rhᵀ + Rbh + Wbh))       linear_before_reset = 0
    ht = g(clip(Xt Whᵀ + rt ∘ (Ht_1 Rhᵀ + Rbh) + Wbh))       linear_before_reset ≠ 0
    Ht = (1 - zt) ∘ ht + zt ∘ Ht_1

The input's part of each gate, ``Xt Wᵀ`` with every bias that may be added to it, comes in ready
made, since it does not depend on the state and is best computed for all steps at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from gru_lower.gru.activations import Activation
    from gru_lower.gru.spec import Direction

V = TypeVar("V")


@dataclass(frozen=True)
class Projection(Generic[V]):
    """The input's part of the three pre-activations of one step, each of shape (B, H)."""

    z: V
    r: V
    h: V


class Algebra(Protocol[V]):
    """What a step is computed in. Values are of shape (B, H)."""

    def recurrent(self, gate: str, state: V, plus: V) -> V:
        """Return ``state Rᵀ + plus`` for the gate's rows of R."""
        ...

    def recurrent_candidate(self, state: V | None) -> V | None:
        """Return ``state Rhᵀ + Rbh``; for no state just Rbh; ``None`` if that is 0."""
        ...

    def clip(self, value: V) -> V:
        """Return the value within the operator's clip, or the value itself without one."""
        ...

    def activation(self, function: Activation, value: V, name: str) -> V:
        """Apply an activation function."""
        ...

    def mul(self, left: V, right: V, name: str) -> V:
        """Return the elementwise product."""
        ...

    def add(self, left: V, right: V, name: str) -> V:
        """Return the elementwise sum."""
        ...

    def blend(self, zt: V, ht: V, state: V | None) -> V:
        """Return ``(1 - zt) ∘ ht + zt ∘ state``."""
        ...


def step(a: Algebra[V], direction: Direction, xt: Projection[V], ht_1: V | None, *, linear_before_reset: bool) -> V:
    """Compute the state after one step.

    Args:
        a: The algebra.
        direction: Whose activations f and g to use.
        xt: The input's part of the pre-activations.
        ht_1: The state before, or ``None`` for a state of zeros, whose products are left out.
        linear_before_reset: Where the reset gate acts.

    """
    f, g = direction.f, direction.g
    zt = a.activation(f, a.clip(_pre(a, "z", ht_1, xt.z)), "Zt")
    if linear_before_reset:
        inner = a.recurrent_candidate(ht_1)
        if inner is None:
            pre_h = xt.h
        else:
            rt = a.activation(f, a.clip(_pre(a, "r", ht_1, xt.r)), "Rt")
            pre_h = a.add(xt.h, a.mul(rt, inner, "reset_h"), "pre_h")
    elif ht_1 is None:
        pre_h = xt.h
    else:
        rt = a.activation(f, a.clip(_pre(a, "r", ht_1, xt.r)), "Rt")
        pre_h = a.recurrent("h", a.mul(rt, ht_1, "reset_h"), xt.h)
    return a.blend(zt, a.activation(g, a.clip(pre_h), "ht"), ht_1)


def _pre(a: Algebra[V], gate: str, state: V | None, projected: V) -> V:
    return projected if state is None else a.recurrent(gate, state, projected)
