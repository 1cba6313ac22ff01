"""Inputs of a recurrence that are a part of a tensor: read from values of its own scope that are that part.

xs[k, t, b]  with k the outer loop's counter    is x[t, b] where the outer loop's body has x = xs[k]
xs[t, b] for the first 16 b                     is x[t, b] where the graph has x = xs[:, :16]
xs[T - 1 - t, b]                                is x[t, b] where the graph has x = xs[::-1]
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.axes import FeatureAxis, ReadAlong, ReadAt, index_at, read_within
from gru_lower.passes.fuse_gru.algebra.sources import NamedValue
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine, Counter
from gru_lower.passes.fuse_gru.recognition.axes_of_leaf import axes_of_leaf

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.axes import LeafAxis
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
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
    initial = recurrence.initial
    atoms = {atom for cell in recurrence.cells for atom in cell.x} | {initial if isinstance(initial, int) else 0}
    replaced = {}
    for atom in atoms:
        leaf = interpreter.algebra.atoms[atom]
        if not isinstance(leaf, Leaf):
            continue
        at_counter = bool(outer) and any(_reads_at_counter(entry, outer) for entry in leaf.axes)
        if at_counter or (recurrence.loop is None and any(map(_reads_from_open_end, leaf.axes))):
            replaced[atom] = _atom_in_scope(interpreter, leaf) or atom
        elif is_cut(leaf) or _is_read_in_part(interpreter, recurrence, leaf):
            replaced[atom] = _atom_in_scope(interpreter, leaf, recurrence.steps) or atom
    if not replaced:
        return recurrence
    initial = replaced.get(initial, initial) if isinstance(initial, int) else initial
    cells = tuple(with_inputs(cell, replaced) for cell in recurrence.cells)
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


def _reads_from_open_end(entry: LeafAxis) -> bool:
    """Whether an axis is read at an index that counts from its end, which is not known: where it was turned before."""
    return isinstance(entry, ReadAt) and isinstance(entry.position, Affine)


def is_cut(leaf: Leaf) -> bool:
    """Whether a leaf reads an axis only as far as some Slice."""
    return any(isinstance(entry, ReadAlong) and entry.size is not None for entry in leaf.axes)


def _is_read_in_part(interpreter: Interpreter, recurrence: Recurrence, leaf: Leaf) -> bool:
    """Whether a loop's steps read a part of an axis that is not known: as far as some Slice."""
    loop = recurrence.loop
    if loop is None or isinstance(loop.trips, int):
        return False
    name = loop.counter.terms[0][0]
    lengths = interpreter.algebra.source_dims.get(leaf.source, ())
    read = zip(leaf.axes, lengths, strict=False)
    return any(index_at(entry, name) is not None and length != loop.trips for entry, length in read)


def leaf_in_scope(interpreter: Interpreter, leaf: Leaf) -> Leaf:
    """Return a leaf that is read as far as some Slice as one that reads the Slice's output, where the scope has it."""
    found = _atom_in_scope(interpreter, leaf) if is_cut(leaf) else None
    other = leaf if found is None else interpreter.algebra.atoms[found]
    return other if isinstance(other, Leaf) else leaf


def _atom_in_scope(interpreter: Interpreter, leaf: Leaf, steps: Count | None = None) -> int | None:
    """Return the atom that reads from a value of this scope what a leaf reads.

    Args:
        interpreter: The scope.
        leaf: The leaf.
        steps: Where it is read as far as some Slice: the value has only what that left, and on an axis that is read
            step by step as many indices as there are steps.

    Returns:
        ``None`` if there is no such value.

    """
    algebra = interpreter.algebra
    for poly, home in interpreter.named_tensors.items():
        whole = None if poly.atom is None else algebra.atoms[poly.atom]
        if not isinstance(whole, Leaf) or whole.source != leaf.source or not whole.lo <= leaf.lo < leaf.hi <= whole.hi:
            continue
        axes = _axes_in(home, whole, leaf)
        if axes is not None and (steps is None or _has_no_more(whole, leaf, steps)):
            source = NamedValue(interpreter.scope.path, home.name)
            algebra.source_dims[source] = home.value.dims
            return algebra.serial_of(Leaf(source, axes, leaf.lo - whole.lo, leaf.hi - whole.lo))
    return None


def _has_no_more(whole: Leaf, leaf: Leaf, steps: Count) -> bool:
    """Whether a leaf with all its axes has nothing along them that another one does not read."""
    pairs = zip(whole.axes, leaf.axes, strict=True)
    cut = [(own, wanted) for own, wanted in pairs if isinstance(own, ReadAlong) and own.size is not None]
    wanted_cut = [entry for entry in leaf.axes if isinstance(entry, ReadAlong) and entry.size is not None]
    read = [entry for entry, wanted in cut if isinstance(wanted, ReadAlong)]
    return (
        bool(cut)
        and len(read) == len(wanted_cut)
        and all(
            own.size == (steps if isinstance(wanted, ReadAt) else wanted.size)
            for own, wanted in cut
            if isinstance(wanted, (ReadAt, ReadAlong))
        )
    )


def _axes_in(home: NamedTensor, whole: Leaf, leaf: Leaf) -> tuple[LeafAxis, ...] | None:
    """Return how a leaf reads the axes of a value of which it is a part."""
    free: dict[int, LeafAxis] = {}
    for own, wanted in zip(whole.axes, leaf.axes, strict=True):
        if not isinstance(own, ReadAlong):
            if own != wanted:
                return None
            continue
        read = None if isinstance(wanted, FeatureAxis) else read_within(own, wanted)
        if read is None:
            return None
        free[own.label] = read
    axes = axes_of_leaf(home.value, free)
    return None if axes is None else tuple(axes)


def with_inputs(cell: Cell, replaced: dict[int, int]) -> Cell:
    """Return a cell with some atoms of its input replaced."""

    def gate(given: PreActivation) -> PreActivation:
        return replace(given, inputs=tuple((replaced.get(atom, atom), products) for atom, products in given.inputs))

    return replace(cell, z=gate(cell.z), r=None if cell.r is None else gate(cell.r), h=gate(cell.h))
