"""Rows inside the body of a loop, whose inputs hang on that loop's own counter: read from values of the body.

xs[k, t, b]  with k the counter around    is x[t, b] where the body has x = xs[k]
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT, FEATURES, FIRST, FreeAxis, ReadAlong, ReadAt
from gru_lower.passes.fuse_gru.algebra.polynomials import Leaf
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine, Counter

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.axes import LeafAxis
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Home, Interpreter
    from gru_lower.passes.fuse_gru.recognition.read_cell import Cell, Form
    from gru_lower.passes.fuse_gru.recognition.row import Row


def located(interpreter: Interpreter, row: Row) -> Row:
    """Return a row that reads values of its own scope where it would read one index of those around.

    Args:
        interpreter: The scope.
        row: The row.

    """
    around = _around(interpreter)
    if not around:
        return row
    atoms = {atom for cell in row.cells for atom in cell.x} | {row.before if isinstance(row.before, int) else 0}
    moved = {}
    for atom in atoms:
        leaf = interpreter.algebra.atoms[atom]
        if isinstance(leaf, Leaf) and any(_hangs(entry, around) for entry in leaf.axes):
            moved[atom] = _here(interpreter, leaf) or atom
    if not moved:
        return row
    before = moved.get(row.before, row.before) if isinstance(row.before, int) else row.before
    return replace(row, cells=tuple(_moved(cell, moved) for cell in row.cells), before=before)


def _around(interpreter: Interpreter) -> frozenset[str]:
    """Return the paths of the loop bodies that a scope is, or stands in."""
    found = set()
    here: Interpreter | None = interpreter
    while here is not None:
        found.add(here.scope.path)
        here = here.parent
    return frozenset(found - {"main"})


def _hangs(entry: LeafAxis, around: frozenset[str]) -> bool:
    index = entry.position if isinstance(entry, ReadAt) else entry.start if isinstance(entry, ReadAlong) else 0
    return isinstance(index, Affine) and any(
        isinstance(name, Counter) and name.path in around for name, _ in index.terms
    )


def _here(interpreter: Interpreter, leaf: Leaf) -> int | None:
    """Return the atom that a leaf is as a view of a value of this scope."""
    algebra = interpreter.algebra
    for poly, home in interpreter.homes.items():
        whole = None if poly.atom is None else algebra.atoms[poly.atom]
        if not isinstance(whole, Leaf) or whole.source != leaf.source or not whole.lo <= leaf.lo < leaf.hi <= whole.hi:
            continue
        axes = _seen(home, whole, leaf)
        if axes is not None:
            source = (interpreter.scope.path, home.name)
            algebra.lengths[source] = home.value.dims
            return algebra.serial(Leaf(source, axes, leaf.lo - whole.lo, leaf.hi - whole.lo))
    return None


def _seen(home: Home, whole: Leaf, leaf: Leaf) -> tuple[LeafAxis, ...] | None:
    """Return how a value's axes are seen by a leaf that is a part of it."""
    free: dict[int, LeafAxis] = {}
    for own, wanted in zip(whole.axes, leaf.axes, strict=True):
        if not isinstance(own, ReadAlong):
            if own != wanted:
                return None
            continue
        label, start, step = own
        if isinstance(wanted, ReadAt) and step in (1, -1):
            free[label] = ReadAt((wanted.position - start) * step)
        elif isinstance(wanted, ReadAlong) and step in (1, -1):
            free[label] = ReadAlong(wanted.label, (wanted.start - start) * step, wanted.step * step)
        else:
            return None
    axes: list[LeafAxis] = []
    for kind, dim in zip(home.value.axes, home.value.dims, strict=True):
        if kind is FEATURES:
            axes.append(FEATURES)
        elif kind is CONSTANT and dim == 1:
            axes.append(FIRST)
        elif isinstance(kind, FreeAxis) and kind.label in free:
            axes.append(free[kind.label])
        else:
            return None
    return tuple(axes)


def _moved(cell: Cell, moved: dict[int, int]) -> Cell:
    def form(given: Form) -> Form:
        return replace(given, inputs=tuple((moved.get(atom, atom), products) for atom, products in given.inputs))

    return replace(cell, z=form(cell.z), r=None if cell.r is None else form(cell.r), h=form(cell.h))
