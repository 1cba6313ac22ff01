"""Inputs of a recurrence in the body of another loop: read from values of that body.

xs[k, t, b]  with k the outer loop's counter    is x[t, b] where the outer loop's body has x = xs[k]
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.axes import ReadAlong, ReadAt
from gru_lower.passes.fuse_gru.algebra.sources import NamedValue
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine, Counter
from gru_lower.passes.fuse_gru.recognition.axes_of_leaf import axes_of_leaf

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.axes import LeafAxis
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.recognition.cell import Cell
    from gru_lower.passes.fuse_gru.recognition.pre_activation import PreActivation
    from gru_lower.passes.fuse_gru.recognition.recurrence import Recurrence
    from gru_lower.passes.fuse_gru.tensors.scope_values import NamedTensor, ScopeValues


def with_inputs_in_scope(interpreter: Interpreter, recurrence: Recurrence) -> Recurrence:
    """Return a recurrence that reads values of its own scope where it read those of scopes around it at one index.

    Args:
        interpreter: The scope.
        recurrence: The recurrence.

    """
    outer = _outer_bodies(interpreter)
    if not outer:
        return recurrence
    initial = recurrence.initial
    atoms = {atom for cell in recurrence.cells for atom in cell.x} | {initial if isinstance(initial, int) else 0}
    replaced = {}
    for atom in atoms:
        leaf = interpreter.algebra.atoms[atom]
        if isinstance(leaf, Leaf) and any(_reads_at_counter(entry, outer) for entry in leaf.axes):
            replaced[atom] = _atom_in_scope(interpreter, leaf) or atom
    if not replaced:
        return recurrence
    initial = replaced.get(initial, initial) if isinstance(initial, int) else initial
    cells = tuple(_with_inputs(cell, replaced) for cell in recurrence.cells)
    return replace(recurrence, cells=cells, initial=initial)


def _outer_bodies(interpreter: Interpreter) -> frozenset[str]:
    """Return the paths of the loop bodies that a scope is, or stands in."""
    found = set()
    here: ScopeValues | None = interpreter
    while here is not None:
        found.add(here.scope.path)
        here = here.parent
    return frozenset(found - {"main"})


def _reads_at_counter(entry: LeafAxis, bodies: frozenset[str]) -> bool:
    """Whether an axis is read at an index that depends on the counter of one of some loops."""
    index = entry.position if isinstance(entry, ReadAt) else entry.start if isinstance(entry, ReadAlong) else 0
    return isinstance(index, Affine) and any(
        isinstance(name, Counter) and name.path in bodies for name, _ in index.terms
    )


def _atom_in_scope(interpreter: Interpreter, leaf: Leaf) -> int | None:
    """Return the atom that reads from a value of this scope what a leaf reads, ``None`` if there is no such value."""
    algebra = interpreter.algebra
    for poly, home in interpreter.named_tensors.items():
        whole = None if poly.atom is None else algebra.atoms[poly.atom]
        if not isinstance(whole, Leaf) or whole.source != leaf.source or not whole.lo <= leaf.lo < leaf.hi <= whole.hi:
            continue
        axes = _axes_in(home, whole, leaf)
        if axes is not None:
            source = NamedValue(interpreter.scope.path, home.name)
            algebra.source_dims[source] = home.value.dims
            return algebra.serial_of(Leaf(source, axes, leaf.lo - whole.lo, leaf.hi - whole.lo))
    return None


def _axes_in(home: NamedTensor, whole: Leaf, leaf: Leaf) -> tuple[LeafAxis, ...] | None:
    """Return how a leaf reads the axes of a value of which it is a part."""
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
    axes = axes_of_leaf(home.value, free)
    return None if axes is None else tuple(axes)


def _with_inputs(cell: Cell, replaced: dict[int, int]) -> Cell:
    """Return a cell with some atoms of its input replaced."""

    def gate(given: PreActivation) -> PreActivation:
        return replace(given, inputs=tuple((replaced.get(atom, atom), products) for atom, products in given.inputs))

    return replace(cell, z=gate(cell.z), r=None if cell.r is None else gate(cell.r), h=gate(cell.h))
