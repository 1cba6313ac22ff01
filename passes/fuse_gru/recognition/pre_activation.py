"""A pre-activation Xt Wᵀ + Ht_1 Rᵀ + b, read from a polynomial."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gru_lower.light_dataclass import dataclass
from gru_lower.passes.fuse_gru.algebra.atoms import Leaf, MatrixProduct
from gru_lower.passes.fuse_gru.recognition.errors import MismatchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.matrices import Matrix
    from gru_lower.passes.fuse_gru.algebra.polynomials import Coefficient, Monomial, Poly


class Product(NamedTuple):
    """A matrix that multiplies an atom, and the number or vector that multiplies the result."""

    factor: Coefficient
    matrix: Matrix


@dataclass(frozen=True)
class PreActivation:
    """A pre-activation, or a part of one: Xt Wᵀ + Ht_1 Rᵀ + b.

    Attributes:
        inputs: The products of each input atom with matrices.
        state: The products of the state, or of r ∘ Ht_1, with matrices.
        bias: The terms that depend on neither.

    """

    inputs: tuple[tuple[int, tuple[Product, ...]], ...]
    state: tuple[Product, ...]
    bias: Poly


def read_pre_activation(
    algebra: Algebra, poly: Poly, state: int | None, where: str, may_read: Callable[[int], bool] | None = None
) -> PreActivation:
    """Sort the terms of a polynomial into products of inputs, products of the state, and bias.

    Args:
        algebra: The tables.
        poly: The polynomial.
        state: The atom of the state, ``None`` for a state of zeros that was folded away.
        where: The part of the step this is, for the error.
        may_read: Tells of an atom that no matrix multiplies whether it may be an input; ``None`` if none may.

    Raises:
        MismatchError: A term is none of these.

    """
    from_outside = may_read or (lambda _: False)
    inputs: dict[int, list[Product]] = {}
    recurrent: list[Product] = []
    bias: dict[Monomial, Coefficient] = {}
    for mono, factor in poly.terms:
        atom = algebra.atoms[mono[0]] if len(mono) == 1 else None
        if not any(mono) or (isinstance(atom, Leaf) and algebra.ranks[mono[0]] == 0 and mono[0] != state):
            bias[mono] = factor
        elif isinstance(atom, Leaf) and from_outside(mono[0]):
            selection = algebra.matrices.selection(0, atom.hi - atom.lo, atom.hi - atom.lo)
            inputs.setdefault(mono[0], []).append(Product(factor, selection))
        elif not isinstance(atom, MatrixProduct):
            raise MismatchError(where, poly, mono)
        elif atom.atom == state:
            recurrent.append(Product(factor, atom.matrix))
        else:
            inputs.setdefault(atom.atom, []).append(Product(factor, atom.matrix))
    return PreActivation(
        tuple((atom, tuple(products)) for atom, products in inputs.items()), tuple(recurrent), algebra.poly(bias)
    )


def constant_term(poly: Poly) -> float:
    """Return the number that a polynomial adds to all features alike."""
    number = next((factor for mono, factor in poly.terms if mono == ()), 0.0)
    return number if isinstance(number, float) else 0.0
