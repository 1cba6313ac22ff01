"""In which order a value's elements stand in another that Reshape, Transpose, Squeeze and Unsqueeze make of it.

Axes are made of atoms, which a Reshape may cut in two; an axis of length 1 has none. Two values with the same atoms in
the same order hold the same bytes.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING

from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.graph.tensor_types import Dims


@dataclass(frozen=True, eq=False)
class Atom:
    """A part of an axis; its length is a symbol or ``None`` where it is not known."""

    length: int | str | None


Axes = tuple[tuple[Atom, ...], ...]


@dataclass(frozen=True)
class ElementOrder:
    """A value's axes in the atoms of the value it is a view of.

    Attributes:
        source: The axes of that value.
        axes: The axes of the view.

    """

    source: Axes
    axes: Axes

    @property
    def is_unchanged(self) -> bool:
        """Whether the elements stand as they do in the source."""
        return [*chain(*self.source)] == [*chain(*self.axes)]

    @property
    def has_same_shape(self) -> bool:
        """Whether the view is the source itself, shape and all."""
        return self.source == self.axes

    def permutation(self) -> list[int] | None:
        """Return the permutation by which one Transpose of the source makes the view, ``None`` if none does."""
        if len(self.source) != len(self.axes):
            return None
        left = list(range(len(self.source)))
        perm = []
        for axis in self.axes:
            place = next((place for place in left if self.source[place] == axis), None)
            if place is None:
                return None
            left.remove(place)
            perm.append(place)
        return perm

    def transpose(self, perm: Sequence[int]) -> ElementOrder:
        """Return the view with its axes permuted."""
        return ElementOrder(self.source, tuple(self.axes[axis] for axis in perm))

    def squeeze(self, axes: Sequence[int]) -> ElementOrder:
        """Return the view without axes of length 1."""
        gone = {axis % len(self.axes) for axis in axes}
        return ElementOrder(self.source, tuple(axis for place, axis in enumerate(self.axes) if place not in gone))

    def unsqueeze(self, axes: Sequence[int]) -> ElementOrder:
        """Return the view with axes of length 1, at the places they have among all axes then."""
        rank = len(self.axes) + len(axes)
        fresh = {axis % rank for axis in axes}
        rest = iter(self.axes)
        return ElementOrder(self.source, tuple(() if place in fresh else next(rest) for place in range(rank)))

    def reshape(self, dims: Dims) -> ElementOrder | None:
        """Return the view reshaped, ``None`` where the new axes are no parts and products of the old ones."""
        order, atoms = self, list(chain(*self.axes))
        axes: list[tuple[Atom, ...]] = []
        for dim in _with_one_unknown(dims, [atom.length for atom in atoms]):
            axis: list[Atom] = []
            left = dim
            while left != 1:
                if not atoms:
                    return None
                atom = atoms[0]
                if isinstance(left, int) and isinstance(atom.length, int) and left > 0 and atom.length > 0:
                    if left % atom.length and atom.length % left:
                        return None
                    if atom.length > left:
                        parts = Atom(left), Atom(atom.length // left)
                        order, atoms = order.with_cut(atom, parts), [*parts, *atoms[1:]]
                        atom = parts[0]
                    left //= atom.length if isinstance(atom.length, int) else 1
                elif left is not None and left == atom.length:
                    left = 1
                else:
                    return None
                axis.append(atom)
                atoms = atoms[1:]
            axes.append(tuple(axis))
        if atoms:
            return None
        return ElementOrder(order.source, tuple(axes))

    def with_cut(self, atom: Atom, parts: tuple[Atom, Atom]) -> ElementOrder:
        """Return the same with an atom cut in two."""
        return ElementOrder(_cut(self.source, atom, parts), _cut(self.axes, atom, parts))

    def pick_first_of(self, axis: int, count: int) -> tuple[int, ElementOrder] | None:
        """Return what one entry of an axis is in the source, if it is one of equal pieces that make up an axis there.

        Args:
            axis: The view's axis.
            count: How many pieces there are.

        Returns:
            The source's axis, and the order of one piece, where the view's axis is one of length 1.

        """
        picked = self.axes[axis]
        if len(picked) != 1 or picked[0].length != count:
            return None
        place = next((p for p, atoms in enumerate(self.source) if atoms[:1] == picked), None)
        if place is None:
            return None
        source = tuple(atoms[1:] if p == place else atoms for p, atoms in enumerate(self.source))
        return place, ElementOrder(source, tuple(() if p == axis else atoms for p, atoms in enumerate(self.axes)))


def order_of(dims: Dims) -> ElementOrder:
    """Return the order of a value as it is."""
    axes = tuple(() if dim == 1 else (Atom(dim),) for dim in dims)
    return ElementOrder(axes, axes)


def _with_one_unknown(dims: Dims, lengths: Sequence[int | str | None]) -> Dims:
    """Return dims of which the only unknown one is spelled as the only unknown length it has to be equal to."""
    open_dims = [dim for dim in dims if not isinstance(dim, int)]
    open_lengths = [length for length in lengths if not isinstance(length, int)]
    known = [[each for each in one if isinstance(each, int)] for one in (dims, lengths)]
    if len(open_dims) != 1 or len(open_lengths) != 1 or not 0 < math.prod(known[0]) == math.prod(known[1]):
        return dims
    return tuple(dim if isinstance(dim, int) else open_lengths[0] for dim in dims)


def _cut(axes: Axes, atom: Atom, parts: tuple[Atom, Atom]) -> Axes:
    return tuple(tuple(chain(*(parts if each is atom else (each,) for each in axis))) for axis in axes)
