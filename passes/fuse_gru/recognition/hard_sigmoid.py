"""The α and β of a cell's hard sigmoids, which are chosen from the numbers in its pre-activations."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.recognition.pre_activation import PreActivation, Product, constant_term

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.recognition.cell import Cell


def with_chosen_alpha(algebra: Algebra, cell: Cell) -> Cell:
    """Give hard sigmoids the α that their model has most likely: what most of their products are multiplied by.

    Args:
        algebra: The tables.
        cell: A cell that was read; its hard sigmoids have α = 1 and β = ½, and all else in their pre-activations.

    """
    if cell.clip is not None:
        return cell
    changed = cell
    if cell.f.name == "HardSigmoid" and cell.f.alpha == 1.0:
        alpha, shift = _commonest_factor([cell.z, cell.r]), _common_shift([cell.z, cell.r])
        r = None if cell.r is None else _divided_by(algebra, cell.r, alpha, shift)
        z = _divided_by(algebra, cell.z, alpha, shift)
        changed = replace(changed, f=replace(cell.f, alpha=alpha, beta=0.5 + shift), z=z, r=r)
    if cell.g.name == "HardSigmoid" and cell.g.alpha == 1.0:
        recurrent = cell.recurrent_candidate
        alpha, shift = _commonest_factor([cell.h, recurrent]), _common_shift([cell.h])
        h = _divided_by(algebra, cell.h, alpha, shift)
        recurrent = None if recurrent is None else _divided_by(algebra, recurrent, alpha, 0.0)
        g = replace(cell.g, alpha=alpha, beta=0.5 + shift)
        changed = replace(changed, g=g, h=h, recurrent_candidate=recurrent)
    return changed


def _commonest_factor(gates: Sequence[PreActivation | None]) -> float:
    products = [p for gate in gates if gate for line in (gate.state, *(line for _, line in gate.inputs)) for p in line]
    counts = Counter(abs(product.factor) for product in products if isinstance(product.factor, float))
    return counts.most_common(1)[0][0] if counts else 1.0


def _common_shift(gates: Sequence[PreActivation | None]) -> float:
    """Return the number that all of some pre-activations add, 0 where they differ."""
    found = {constant_term(gate.bias) for gate in gates if gate}
    return found.pop() if len(found) == 1 else 0.0


def _divided_by(algebra: Algebra, gate: PreActivation, alpha: float, shift: float) -> PreActivation:
    """Return v of a pre-activation α·v + shift."""
    if (alpha, shift) == (1.0, 0.0):
        return gate

    def scaled(products: tuple[Product, ...]) -> tuple[Product, ...]:
        return tuple(Product(algebra.coefficient_product(factor, 1.0 / alpha), matrix) for factor, matrix in products)

    inputs = tuple((atom, scaled(products)) for atom, products in gate.inputs)
    bias = algebra.add(gate.bias, algebra.constant(-shift))
    return PreActivation(inputs, scaled(gate.state), algebra.scale(bias, 1.0 / alpha))
