"""Decide masks in polynomials: what a step is where its mask is 1, and where it is 0.

A mask t < len is 0 or 1 for every sequence of a batch. A polynomial with masks is the operator's if

    every mask in it is that of its own step and sequence
    with 1 for the mask it is what the operator computes
    with 0 for the mask it is the state before

With a mask gone, an ∞ that it had kept away stands alone in a gate: σ(v + ∞) = 1, σ(v - ∞) = 0 for every finite v.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gru_lower.passes.fuse_gru.algebra.atoms import Broadcast, Function, Leaf, MatrixProduct, Stack
from gru_lower.passes.fuse_gru.algebra.axes import ReadAlong, shifted
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine, Position
from gru_lower.passes.fuse_gru.interpreter.length_masks import LengthMask, compared_number
from gru_lower.passes.fuse_gru.tensors.integer_vectors import POSITION
from gru_lower.proving.errors import NotShownError
from gru_lower.proving.infinite_gates import closed_gate

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Iterator

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.atoms import Atom
    from gru_lower.passes.fuse_gru.algebra.axes import LeafAxis
    from gru_lower.passes.fuse_gru.algebra.polynomials import Coefficient, Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count


class MaskComparison(NamedTuple):
    """The comparison that a mask is: step number < length.

    Attributes:
        lens: The source of the lengths.
        batch: How their axis is read.
        number: What is compared with them.
        step: By how much more for every index of the first free axis, 0 for a single number.

    """

    lens: Hashable
    batch: tuple[LeafAxis, ...]
    number: Count
    step: int

    def along_steps(self) -> MaskComparison:
        """Return the same for steps that lie along the first free axis and all have this mask."""
        if self.step:
            return self
        return self._replace(batch=tuple(shifted(axis, 1) for axis in self.batch))


def has_masks(algebra: Algebra, poly: Poly | None) -> bool:
    """Whether masks are among a polynomial's own atoms."""
    return poly is not None and any(
        isinstance(leaf := _unspread(algebra, serial), Leaf) and isinstance(leaf.source, LengthMask)
        for mono, _ in poly.terms
        for serial in mono
    )


def _unspread(algebra: Algebra, serial: int) -> Atom:
    atom = algebra.atoms[serial]
    return algebra.atoms[atom.part.atom] if isinstance(atom, Broadcast) and atom.part.atom is not None else atom


def comparison_of(leaf: Leaf) -> MaskComparison:
    """Return the comparison a mask is; its batch is the free axis after that of the steps, if there is one.

    Raises:
        NotShownError: The mask is none of single steps, or of one step after the other.

    """
    number = compared_number(leaf)
    source = leaf.source
    assert isinstance(source, LengthMask)
    if number is not None:
        return MaskComparison(source.lengths, leaf.axes[:-1] if source.has_positions else leaf.axes, number, 0)
    steps = leaf.axes[-1]
    factor = source.number.factor(Position()) if isinstance(source.number, Affine) else 0
    if not isinstance(steps, ReadAlong) or steps.label != 0 or not factor:
        raise NotShownError("a mask is not that of its step")
    lowered = tuple(shifted(axis, -1) for axis in leaf.axes[:-1])
    first = source.number - POSITION * factor + steps.start * factor
    return MaskComparison(source.lengths, lowered, first, steps.step * factor)


class MaskCases:
    """Replaces masks in polynomials by 1 or 0.

    Args:
        algebra: The tables.
        states: The atoms of states: what is made of them is looked into, wherever it is looked at as a whole.

    """

    def __init__(self, algebra: Algebra, states: Collection[int] = ()) -> None:
        """Keep the algebra and the states' atoms."""
        self.algebra, self.states = algebra, frozenset(states)

    def own_masks(self, poly: Poly) -> list[Leaf]:
        """Return the masks among a polynomial's own atoms."""
        atoms = [_unspread(self.algebra, serial) for mono, _ in poly.terms for serial in mono]
        return [atom for atom in atoms if isinstance(atom, Leaf) and isinstance(atom.source, LengthMask)]

    def without_mask(self, poly: Poly, mask: MaskComparison) -> Poly | None:
        """Return what a mask is multiplied by, ``None`` where a polynomial is no product with it."""
        common = set.intersection(*(set(mono) for mono, _ in poly.terms)) if poly.terms else set()
        serial = next((serial for serial in common if self._is_mask(serial, mask)), None)
        if serial is None:
            return None
        rest: dict[tuple[int, ...], Coefficient] = {}
        for mono, factor in poly.terms:
            place = mono.index(serial)
            rest[mono[:place] + mono[place + 1 :]] = factor
        return self.algebra.poly(rest)

    def _is_mask(self, serial: int, mask: MaskComparison) -> bool:
        atom = _unspread(self.algebra, serial)
        return isinstance(atom, Leaf) and isinstance(atom.source, LengthMask) and comparison_of(atom) == mask

    def check_masks(self, poly: Poly, *allowed: MaskComparison) -> None:
        """Check that every mask in a polynomial is one of those allowed.

        Raises:
            NotShownError: One is not.

        """
        self.check_comparisons(self._masks(poly, set()), *allowed)

    @staticmethod
    def check_comparisons(leaves: Iterable[Leaf], *allowed: MaskComparison) -> None:
        """Check that every mask is one of those allowed.

        Raises:
            NotShownError: One is not.

        """
        if any(comparison_of(leaf) not in allowed for leaf in leaves):
            raise NotShownError("a mask is not that of its step")

    def _masks(self, poly: Poly, seen: set[int]) -> Iterator[Leaf]:
        for serial in {serial for mono, _ in poly.terms for serial in mono} - seen:
            seen.add(serial)
            atom = self.algebra.atoms[serial]
            if isinstance(atom, Leaf) and isinstance(atom.source, LengthMask):
                yield atom
            for part in self._parts(serial):
                yield from self._masks(part, seen)

    def _parts(self, serial: int) -> tuple[Poly, ...]:
        match self.algebra.atoms[serial]:
            case Function() as atom:
                return atom.arguments
            case Broadcast() as atom:
                return (atom.part,)
            case Stack() as atom:
                return atom.parts
            case MatrixProduct() as atom:
                return (self.algebra.poly_of(atom.atom),)
            case Leaf() as leaf:
                inner = self._opened(serial, leaf)
                return () if inner is None else (inner,)

    def _opened(self, serial: int, leaf: Leaf) -> Poly | None:
        """Return what a product of a state with something is that is looked at as a whole."""
        inner = self.algebra.definitions.get(leaf.source)
        if serial in self.states or inner is None or inner.atom is not None:
            return None
        if not any(set(mono) & self.states for mono, _ in inner.terms):
            return None
        return inner

    def with_masks(self, poly: Poly, value: float, which: Collection[Leaf] | None = None) -> Poly:
        """Return a polynomial with a number for its masks.

        Args:
            poly: The polynomial.
            value: 1 or 0.
            which: The masks, all of them if none are named.

        """
        return self._with_masks(poly, value, which, {})

    def _with_masks(self, poly: Poly, value: float, which: Collection[Leaf] | None, known: dict[int, Poly]) -> Poly:
        terms = []
        for mono, factor in poly.terms:
            product = self.algebra.constant(factor)
            for serial in filter(None, mono):
                if serial not in known:
                    known[serial] = self._atom(serial, value, which, known)
                product = self.algebra.mul(product, known[serial])
            terms.append(product)
        return self.algebra.add(*terms)

    def _atom(self, serial: int, value: float, which: Collection[Leaf] | None, known: dict[int, Poly]) -> Poly:
        algebra = self.algebra
        atom = algebra.atoms[serial]
        if isinstance(atom, Leaf) and isinstance(atom.source, LengthMask):
            return algebra.constant(value) if which is None or atom in which else algebra.poly_of(serial)
        parts = self._parts(serial)
        made = [self._with_masks(part, value, which, known) for part in parts]
        if all(one is other for one, other in zip(parts, made, strict=True)):
            return algebra.poly_of(serial)
        match atom:
            case Function():
                return closed_gate(self.algebra, atom, made)
            case Broadcast():
                number = not any(mono for mono, _ in made[0].terms)
                return made[0] if number else algebra.poly_of_atom(Broadcast(made[0]))
            case Stack():
                return algebra.stack(made)
            case MatrixProduct():
                return algebra.matrix_product(atom.matrix, made[0])
            case Leaf():
                return made[0]
