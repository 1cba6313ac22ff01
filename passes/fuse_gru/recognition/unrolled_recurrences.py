"""Find unrolled recurrences: steps of one GRU, each on the state of the one before, with the same weights.

A first step whose state of zeros was folded away belongs to the recurrence if it is what its step makes of a state of
zeros. An input that hangs on the recurrence's own states makes none: such a loop feeds back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.recognition.constant_first_state import first_step_on_constant
from gru_lower.passes.fuse_gru.recognition.errors import MismatchError
from gru_lower.passes.fuse_gru.recognition.masked_step import read_masked_step
from gru_lower.passes.fuse_gru.recognition.read_cell import read_cells
from gru_lower.passes.fuse_gru.recognition.recurrence import Recurrence
from gru_lower.passes.fuse_gru.recognition.rejection_reason import Rejection
from gru_lower.passes.fuse_gru.recognition.steps_alike import StepsAlike

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.interpreter.masked_updates import MaskedUpdate
    from gru_lower.passes.fuse_gru.recognition.cell import Cell
    from gru_lower.passes.fuse_gru.recognition.pre_activation import PreActivation, Product


def find_unrolled(interpreter: Interpreter, *, shortest: int = 2) -> tuple[list[Recurrence], list[Rejection]]:
    """Find the recurrences among the values of a scope: those that are GRUs, and what is no GRU's step.

    Args:
        interpreter: The scope, interpreted.
        shortest: How many steps a recurrence has at least.

    """
    algebra = interpreter.algebra
    steps = _Steps(interpreter, read_all=shortest == 1)
    with_state = [cell for cells in steps.cells.values() for cell in cells if cell.previous is not None]
    readers: dict[int, list[Cell]] = {}
    for cell in with_state:
        assert cell.previous is not None
        readers.setdefault(cell.previous, []).append(cell)
    makers = {previous: _makers(algebra, previous, steps.cells) for previous in readers}
    used: set[Poly] = set()
    found = []
    for cell in with_state:
        assert cell.previous is not None
        own = makers[cell.previous]
        is_later = any(other.previous is not None and other.parameters == cell.parameters for other in own)
        if cell.state in used or is_later:
            continue
        cells = [cell]
        used.add(cell.state)
        while (following := _following(algebra, cells[-1], readers, used)) is not None:
            cells.append(following)
            used.add(following.state)
        cells[:0] = [first for first in own if first.previous is None and is_from_zeros(first, cell)][:1]
        learned = first_step_on_constant(algebra, cell) if cells[0] is cell else None
        cells[:0] = [learned.cell] if learned else []
        if len(cells) >= shortest:
            last = cells[-1].state
            masks = steps.masks_of(cells)
            if len(masks) in (0, len(cells)):
                last_state = last if last in steps.masks else None
                name = interpreter.named_tensors[last].name
                initial = learned.initial if learned else cells[0].previous
                found.append(Recurrence(tuple(cells), len(cells), initial, name, None, masks, last_state))
            else:
                mismatch = MismatchError("some of its steps have a mask, others have none")
                steps.rejections.append(Rejection(last, (mismatch,)))
    return found, steps.rejections


class _Steps:
    """The values of a scope that may be steps.

    Args:
        interpreter: The scope.
        read_all: Whether values no matrix multiplies are read, too.

    Attributes:
        cells: Every way to read a value.
        rejections: What did not fit.
        masks: The masks of states.
        masks_of_outputs: The masks of steps that are only given out, by the step's state.

    """

    def __init__(self, interpreter: Interpreter, *, read_all: bool) -> None:
        self.interpreter, self.algebra = interpreter, interpreter.algebra
        self.cells: dict[Poly, list[Cell]] = {}
        self.rejections: list[Rejection] = []
        self.masks: dict[Poly, MaskedUpdate] = {}
        self.masks_of_outputs: dict[Poly, MaskedUpdate] = {}
        self._alike = StepsAlike(self.algebra)
        # A state is looked at as a whole, as a matrix multiplies it in the next step; the last step's need not be.
        later: dict[int, list[Poly]] = {}
        for poly in interpreter.named_tensors:
            if poly in self.algebra.atom_of or read_all:
                self._read(poly)
            else:
                for serial in _factors(self.algebra, poly) if poly.degree > 1 else ():
                    later.setdefault(serial, []).append(poly)
        previous = {cell.previous for cells in self.cells.values() for cell in cells}
        for state in [*self.cells, *(rejection.state for rejection in self.rejections)]:
            atom = self.algebra.atom_of[state].atom if state in self.algebra.atom_of else None
            if atom is not None and atom not in previous:
                for poly in later.get(atom, ()):
                    if poly not in self.cells:
                        self._read(poly)
        for poly, mask in self.masks.items():
            if poly in self.cells:
                self.cells.pop(mask.new, None)  # the step is taken only where the mask says so

    def _read(self, poly: Poly) -> None:
        alike = self._alike.read(poly)
        if alike is not None:
            self.cells[poly] = [alike]
            return
        cells, mismatches = read_cells(self.algebra, poly)
        if len(cells) == 1:
            self._alike.keep(cells[0])
        masked = None if cells else read_masked_step(self.interpreter, poly)
        if masked is not None:
            cells = [replace(cell, state=poly) for cell in masked.cells if cell.previous == masked.mask.before.atom]
            mismatches = [] if masked.cells else masked.mismatches
            if cells:
                self.masks[poly] = masked.mask
            elif masked.cells:
                self.masks_of_outputs[masked.mask.new] = masked.mask  # an output, 0 past the length
        if cells:
            self.cells[poly] = cells
        elif mismatches:
            self.rejections.append(Rejection(poly, tuple(mismatches)))

    def masks_of(self, cells: list[Cell]) -> tuple[MaskedUpdate, ...]:
        """Return the masks of those cells that have one."""
        found = tuple(self.masks[cell.state] for cell in cells if cell.state in self.masks)
        last = self.masks_of_outputs.get(cells[-1].state)
        if last is not None and len(found) == len(cells) - 1:
            return (*found, last)  # nobody asks for the state after the last step
        return found


def _factors(algebra: Algebra, poly: Poly) -> set[int]:
    """Return the atoms of a polynomial, and those of what it has as a whole."""
    found = {serial for mono, _ in poly.terms for serial in mono}
    for serial in list(found):
        inner = algebra.definition_of(algebra.poly_of(serial))
        if len(inner.terms) == 1:
            found.update(inner.terms[0][0])
    return found


def _makers(algebra: Algebra, state: int, cells: dict[Poly, list[Cell]]) -> list[Cell]:
    """Return the ways to read the step that makes a state."""
    atom = algebra.atoms[state]
    poly = algebra.definitions.get(atom.source) if isinstance(atom, Leaf) else None
    return [] if poly is None else cells.get(poly, [])


def _following(algebra: Algebra, cell: Cell, readers: dict[int, list[Cell]], used: set[Poly]) -> Cell | None:
    """Return the next step of the same GRU, if it has no place yet."""
    whole = algebra.atom_of.get(cell.state)
    if whole is None or whole.atom is None:
        return None
    candidates = readers.get(whole.atom, [])
    return next((c for c in candidates if c.state not in used and c.parameters == cell.parameters), None)


def is_from_zeros(first: Cell, cell: Cell) -> bool:
    """Whether a step without a state is what another makes of a state of zeros."""
    if (first.f, first.g, first.clip) != (cell.f, cell.g, cell.clip) or len(first.x) != len(cell.x):
        return False
    names = dict(zip(first.x, cell.x, strict=True))

    def same(one: PreActivation | None, other: PreActivation | None) -> bool:
        if one is None or other is None:
            return one is other
        inputs = {names[atom]: products for atom, products in one.inputs}
        others = dict(other.inputs)
        equal = all(_equal(inputs.get(atom, ()), products) for atom, products in others.items())
        return equal and inputs.keys() <= others.keys() and one.bias is other.bias

    if not same(first.z, cell.z) or not same(first.h, cell.h):
        return False
    recurrent = cell.recurrent_candidate
    if not cell.linear_before_reset or (recurrent is not None and not recurrent.bias.terms):
        return first.r is None
    return bool(first.linear_before_reset) and same(first.r, cell.r) and same(first.recurrent_candidate, recurrent)


def _equal(one: tuple[Product, ...], other: tuple[Product, ...]) -> bool:
    """Whether products are the same, or the same numbers with other factors."""
    if one == other:
        return True
    if len(one) != 1 or len(other) != 1:
        return False
    ((factor, matrix),), ((factor_o, matrix_o),) = one, other
    if matrix.array is None or matrix_o.array is None or matrix.shape != matrix_o.shape:
        return False
    if not isinstance(factor, float) or not isinstance(factor_o, float):
        return False
    return np.array_equal(factor * matrix.array.astype(np.float64), factor_o * matrix_o.array.astype(np.float64))
