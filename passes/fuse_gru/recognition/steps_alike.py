"""Steps that differ from one that was read before only in the values they read: read by putting these in its place.

A recurrence of thousands of steps is one step, thousands of times. To compare two of them takes a tenth of the time of
reading one.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.atoms import Function, Leaf, MatrixProduct
from gru_lower.passes.fuse_gru.recognition.projected_input import selected_inputs

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.recognition.cell import Cell
    from gru_lower.passes.fuse_gru.recognition.pre_activation import PreActivation

MOST_KEPT = 8
"""With so many steps that were read before, of as many GRUs, another one is compared."""


class StepsAlike:
    """Steps that were read, one of each GRU met last.

    Args:
        algebra: The tables.

    """

    def __init__(self, algebra: Algebra) -> None:
        """Begin with none."""
        self._algebra = algebra
        self._kept: list[Cell] = []

    def keep(self, cell: Cell) -> None:
        """Keep a step that was read, if all it reads are leaves that matrices multiply.

        What else reading asks of the leaves - what they are made of, how wide the tensor is - is then all the same.
        """
        if cell.previous is not None and cell.linear_before_reset and not selected_inputs(cell):
            self._kept = [cell, *self._kept[: MOST_KEPT - 1]]

    def read(self, state: Poly) -> Cell | None:
        """Return the step that a polynomial is, ``None`` where it is like no step that was kept."""
        for place, kept in enumerate(self._kept):
            renamed = _Renaming(self._algebra)
            if renamed.turns(kept.state, state) and renamed.keeps_bias(kept):
                if place:
                    self._kept.insert(0, self._kept.pop(place))
                return renamed.cell(kept, state)
        return None


class _Renaming:
    """Which leaves stand in place of which, so that a polynomial becomes another one."""

    def __init__(self, algebra: Algebra) -> None:
        self._algebra, self._atoms = algebra, algebra.atoms
        self._to: dict[int, int] = {}
        self._taken: set[int] = set()

    def turns(self, old: Poly, new: Poly) -> bool:
        """Whether leaves may be renamed so that one polynomial becomes another, term by term."""
        if len(old.terms) != len(new.terms):
            return False
        for (old_mono, old_factor), (new_mono, new_factor) in zip(old.terms, new.terms, strict=True):
            if old_factor is not new_factor and old_factor != new_factor:
                return False
            if len(old_mono) != len(new_mono):
                return False
            for one, other in zip(old_mono, new_mono, strict=True):
                if not self._renames(one, other):
                    return False
        return True

    def _renames(self, one: int, other: int) -> bool:
        there = self._to.get(one)
        if there is not None:
            return there == other
        if not one or not other or other in self._taken:
            if one or other:
                return False
        elif not self._alike(one, other):
            return False
        self._to[one] = other
        self._taken.add(other)
        return True

    def _alike(self, one: int, other: int) -> bool:
        old, new = self._atoms[one], self._atoms[other]
        if isinstance(old, MatrixProduct):
            return isinstance(new, MatrixProduct) and old.matrix is new.matrix and self._renames(old.atom, new.atom)
        if isinstance(old, Function):
            return (
                isinstance(new, Function)
                and (old.op, old.parameters, len(old.arguments)) == (new.op, new.parameters, len(new.arguments))
                and all(map(self.turns, old.arguments, new.arguments))
            )
        sizes = self._algebra.widths, self._algebra.ranks
        return isinstance(old, Leaf) and isinstance(new, Leaf) and all(size[one] == size[other] for size in sizes)

    def keeps_bias(self, cell: Cell) -> bool:
        """Whether the step's biases, which may be leaves, stay what they are."""
        gates = (cell.z, cell.r, cell.h, cell.recurrent_candidate)
        terms = chain.from_iterable(gate.bias.terms for gate in gates if gate is not None)
        return all(self._to.get(serial, serial) == serial for mono, _ in terms for serial in mono)

    def cell(self, kept: Cell, state: Poly) -> Cell:
        """Return a step as it is with the leaves renamed."""
        assert kept.previous is not None
        return replace(
            kept,
            state=state,
            previous=self._to[kept.previous],
            z=self._gate(kept.z),
            r=None if kept.r is None else self._gate(kept.r),
            h=self._gate(kept.h),
        )

    def _gate(self, gate: PreActivation) -> PreActivation:
        return replace(gate, inputs=tuple((self._to[atom], products) for atom, products in gate.inputs))
