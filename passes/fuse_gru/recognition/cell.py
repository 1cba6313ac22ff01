"""One step of a GRU, as it was read from a polynomial."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from gru_lower.gru.activations import Activation
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.recognition.pre_activation import PreActivation, Product


@dataclass(frozen=True)
class Cell:
    """One step of a GRU.

    Attributes:
        state: The polynomial of the new state.
        previous: The atom of Ht_1, ``None`` for a state of zeros that was folded away.
        f: The gates' activation.
        g: The candidate's.
        clip: Bound on pre-activations.
        linear_before_reset: Where the reset gate acts, ``None`` where that cannot be told.
        z: The update gate's pre-activation.
        r: The reset gate's, ``None`` where it was folded away.
        h: The candidate's; with linear_before_reset, without the part that r multiplies.
        recurrent_candidate: What r multiplies with linear_before_reset: Ht_1 Rhᵀ + Rbh.

    """

    state: Poly
    previous: int | None
    f: Activation
    g: Activation
    clip: float | None
    linear_before_reset: bool | None
    z: PreActivation
    r: PreActivation | None
    h: PreActivation
    recurrent_candidate: PreActivation | None

    @property
    def x(self) -> tuple[int, ...]:
        """The atoms of Xt, in the order of their matrices: the same in every step."""
        first: dict[int, int] = {}
        for gate in (self.z, self.r, self.h):
            for atom, products in gate.inputs if gate else ():
                first.setdefault(atom, products[0].matrix.serial)
        return tuple(sorted(first, key=lambda atom: first[atom]))

    @property
    def parameters(self) -> tuple[object, ...]:
        """Activations, clip, weights and biases: equal for two steps of one GRU."""
        recurrent = self.recurrent_candidate if self.linear_before_reset else self.h
        assert self.r is not None
        assert recurrent is not None
        order = self.x
        weights = [tuple(_products_of(gate, atom) for atom in order) for gate in (self.z, self.r, self.h)]
        states = (self.z.state, self.r.state, recurrent.state)
        recurrent_bias = self.recurrent_candidate and self.recurrent_candidate.bias
        biases = (self.z.bias, self.r.bias, self.h.bias, recurrent_bias)
        return self.f, self.g, self.clip, self.linear_before_reset, *weights, *states, *biases


def _products_of(gate: PreActivation, atom: int) -> tuple[Product, ...]:
    return next((products for known, products in gate.inputs if known == atom), ())
