"""Tables of interned atoms, vectors and polynomials: equal ones are the same object."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.passes.fuse_gru.algebra.atoms import Broadcast, Function, Leaf, MatrixProduct, Stack
from gru_lower.passes.fuse_gru.algebra.axes import ReadAlong
from gru_lower.passes.fuse_gru.algebra.errors import TooLargeError
from gru_lower.passes.fuse_gru.algebra.polynomials import MAX_DEGREE, MAX_TERMS, ONE, Poly, Vector
from gru_lower.passes.fuse_gru.algebra.sources import ONE_SOURCE

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.atoms import Atom
    from gru_lower.passes.fuse_gru.algebra.matrices import Array
    from gru_lower.passes.fuse_gru.algebra.polynomials import Coefficient, Monomial


class InternTables:
    """The atoms, vectors and polynomials of one analysis.

    Attributes:
        atoms: The atoms, by serial number.
        widths: How many features each has, 0 for any number.
        ranks: How many free axes each has.
        zero: The polynomial 0.

    """

    def __init__(self) -> None:
        """Start with the atom ONE."""
        self.atoms: list[Atom] = [Leaf(ONE_SOURCE, (), 0, 0)]
        self.widths: list[int] = [0]
        self.ranks: list[int] = [0]
        self._serials: dict[Atom, int] = {}
        self._vectors: dict[bytes, Vector] = {}
        self._polys_of_atoms: dict[int, Poly] = {}
        self._polys: dict[tuple[Any, ...], Poly] = {}
        self.zero = self.poly({})

    def coefficient(self, data: Array) -> Coefficient:
        """Return a constant vector over features as a coefficient: a number where all its entries are equal."""
        data = np.asarray(data, np.float64)
        if data.size and (data == data.flat[0]).all():
            return float(data.flat[0])
        return self._vectors.setdefault(data.tobytes(), Vector(data))

    def constant(self, value: Coefficient) -> Poly:
        """Return a constant polynomial."""
        return self.poly({(ONE,) if isinstance(value, Vector) else (): value})

    def poly(self, terms: dict[Monomial, Coefficient]) -> Poly:
        """Return the polynomial with these terms.

        Raises:
            TooLargeError: It has too many terms, or too high a degree.

        """
        kept = [entry for entry in terms.items() if entry[1] != 0.0]
        if len(kept) > 1:
            kept.sort(key=itemgetter(0))
        key = tuple(kept)
        found = self._polys.get(key)
        if found is None:
            found = Poly(key)
            if len(key) > MAX_TERMS or found.degree > MAX_DEGREE:
                raise TooLargeError
            found = self._polys[key] = self._simplified(found) or found
        return found

    def _simplified(self, poly: Poly) -> Poly | None:
        """Return another polynomial that equals this one and is used in its place, ``None`` for this one."""
        del poly
        return None

    def poly_of_atom(self, atom: Atom) -> Poly:
        """Return the polynomial that is an atom."""
        return self.poly_of(self.serial_of(atom))

    def poly_of(self, serial: int) -> Poly:
        """Return the polynomial that is the atom of a serial number."""
        found = self._polys_of_atoms.get(serial)
        if found is None:
            found = self._polys_of_atoms[serial] = self.poly({(serial,): 1.0})
        return found

    def atom_in(self, poly: Poly) -> Atom | None:
        """Return the atom that a polynomial is, ``None`` if it is anything else."""
        return None if poly.atom is None else self.atoms[poly.atom]

    def has_atom(self, atom: Atom) -> bool:
        """Whether an atom is there already."""
        return atom in self._serials

    def serial_of(self, atom: Atom) -> int:
        """Return an atom's serial number."""
        found = self._serials.get(atom)
        if found is None:
            found = self._serials[atom] = len(self.atoms)
            self.atoms.append(atom)
            width, rank = self._size(atom)
            self.widths.append(width)
            self.ranks.append(rank)
        return found

    def _size(self, atom: Atom) -> tuple[int, int]:
        match atom:
            case Leaf():
                return atom.hi - atom.lo, sum(isinstance(axis, ReadAlong) for axis in atom.axes)
            case Function():
                return max(map(self.width_of, atom.arguments)), max(map(self.rank_of, atom.arguments))
            case MatrixProduct():
                return atom.matrix.shape[0], self.ranks[atom.atom]
            case Stack():
                return max(map(self.width_of, atom.parts)), 1 + max(map(self.rank_of, atom.parts))
            case Broadcast():
                return 0, self.rank_of(atom.part)

    def width_of(self, poly: Poly) -> int:
        """Return how many features a polynomial's atoms have; 0 for a number, which has any."""
        if poly.atom is not None:
            return self.widths[poly.atom]
        width = 0
        for mono, coefficient in poly.terms:
            if isinstance(coefficient, Vector):
                width = max(width, coefficient.data.size)
            for serial in mono:
                width = max(width, self.widths[serial])
        return width

    def rank_of(self, poly: Poly) -> int:
        """Return how many free axes a polynomial has."""
        if poly.atom is not None:
            return self.ranks[poly.atom]
        rank = 0
        for mono, _ in poly.terms:
            for serial in mono:
                rank = max(rank, self.ranks[serial])
        return rank

    def has_uniform_rank(self, poly: Poly) -> bool:
        """Whether every atom of a polynomial has all of its free axes or none."""
        rank = self.rank_of(poly)
        return all(self.ranks[serial] in (0, rank) for mono, _ in poly.terms for serial in mono)
