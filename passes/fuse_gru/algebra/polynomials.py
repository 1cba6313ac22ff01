"""The algebra values are interpreted in: polynomials over atoms, one for every stretch of features.

    Poly = {sorted tuple of atoms: coefficient}        coefficient: a number, or a vector over the features
    Atom = Leaf(value, view) | Fn(f, parameters, Polys) | Lin(matrix, atom) | Stack(Polys) | Spread(Poly)

A polynomial says what one element of a tensor is, at any index of its free axes; atoms say how
they depend on these. Atoms, vectors and polynomials are interned: equal ones are the same object.
The atom ONE is 1: it holds the constant vectors apart from the constant numbers, so that
the one half of a hard sigmoid is still there when a bias is added.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gru_lower.passes.fuse_gru.algebra.axes import LeafAxis, ReadAlong, ReadAt, whole_axes
from gru_lower.passes.fuse_gru.algebra.matrices import Array, Matrices, Matrix

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count

CONDITIONS = {"Less", "LessOrEqual", "Equal", "Or", "Mod"}
"""Functions that say of indices whether something holds."""
MAX_TERMS, MAX_DEGREE = 64, 4
FLOAT32 = 2**23
"""Steps of a float32 between 1 and 2."""
SATURATED = 128.0
"""A sigmoid or tanh of more than this is 1, and of less than its negative is 0 or -1, to any arithmetic of floats."""
ODD = ("Tanh", "Softsign")
"""Functions with f(-v) = -f(v)."""
ONE = 0
"""The serial number of the atom that is 1."""


class Vector:
    """A constant vector over features, in float64; interned."""

    __slots__ = ("data",)

    def __init__(self, data: Array) -> None:
        """Hold the numbers."""
        self.data = data


Coefficient = float | Vector
Mono = tuple[int, ...]


class Poly:
    """A polynomial; interned, so that ``is`` compares.

    Attributes:
        terms: Monomials with their coefficients, sorted; no coefficient is 0.
        degree: How many atoms the longest monomial has.
        atom: The atom this is, if it is just one.

    """

    __slots__ = ("atom", "degree", "terms")

    def __init__(self, terms: tuple[tuple[Mono, Coefficient], ...]) -> None:
        """Hold the terms; :meth:`Algebra.poly` makes polynomials."""
        self.terms = terms
        self.degree = 0
        for mono, _ in terms:
            self.degree = max(self.degree, len(mono))
        alone = len(terms) == 1 and terms[0][1] == 1.0 and self.degree == 1
        self.atom: int | None = (terms[0][0][0] or None) if alone else None


class Leaf(NamedTuple):
    """A value that is not interpreted, or one that is looked at as a whole, seen through a view.

    ``axes`` has one entry per axis of the value; of its features, ``lo`` to ``hi`` are seen.
    """

    source: Hashable
    axes: tuple[LeafAxis, ...]
    lo: int
    hi: int


class Fn(NamedTuple):
    """A function of polynomials, elementwise."""

    op: str
    parameters: tuple[float, ...]
    arguments: tuple[Poly, ...]


class Lin(NamedTuple):
    """A matrix times an atom."""

    matrix: Matrix
    atom: int


class Stack(NamedTuple):
    """Polynomials along a new first free axis."""

    parts: tuple[Poly, ...]


class Spread(NamedTuple):
    """One feature seen as many equal ones."""

    part: Poly


Atom = Leaf | Fn | Lin | Stack | Spread


class AtIndex(NamedTuple):
    """A view of polynomials at one index of a free axis, which goes; the labels above it move down."""

    label: int
    position: Count


class AlongAxis(NamedTuple):
    """A view of polynomials at ``start + step · i`` of a free axis, for ``size`` indices i."""

    label: int
    start: Count
    step: int
    size: Count


class FeatureRange(NamedTuple):
    """A view of polynomials that sees features ``lo`` to ``hi``."""

    lo: int
    hi: int


View = AtIndex | AlongAxis | FeatureRange


class TooLargeError(Exception):
    """A polynomial would have more terms or a higher degree than anything a GRU makes."""


class Algebra:
    """The tables of one analysis.

    Attributes:
        block: How wide the stretches are into which features are taken apart, 0 for not at all.
        weights_in_parts: Whether rows of a value are seen as rows of one matrix; else they are a matrix of their own.

    """

    block = 0
    weights_in_parts = False

    def __init__(self) -> None:
        """Start with the atom ONE."""
        self.matrices = Matrices()
        self.atoms: list[Atom] = [Leaf("one", (), 0, 0)]
        self.width: list[int] = [0]
        self.free: list[int] = [0]
        """How many free axes an atom has."""
        self._serial: dict[Atom, int] = {}
        self._vectors: dict[bytes, Vector] = {}
        self._of: dict[int, Poly] = {}
        self._polys: dict[tuple[Any, ...], Poly] = {}
        self._moved: dict[tuple[int, AtIndex | AlongAxis], Poly] = {}
        self._parts: dict[tuple[int, FeatureRange], Poly] = {}
        self.constants: dict[Hashable, Array] = {}
        """Constants that are looked at as leaves, by source."""
        self.lengths: dict[Hashable, tuple[Count, ...]] = {}
        """How long the axes are that leaves had at first, by source."""
        self.data: set[Hashable] = set()
        """Leaves that are known to be no matrices, by source."""
        self.whole: dict[Poly, Poly] = {}
        """Polynomials that are looked at as a whole wherever they stand: the atom of each."""
        self.defined: dict[Hashable, Poly] = {}
        """What such an atom's source stands for."""
        self.zero = self.poly({})
        self.computed: dict[Hashable, Poly] = {}
        """What the body of a loop computed that the loop left behind, by source."""
        self.trips: dict[str, Count] = {}
        """How many steps a loop takes, by the path of its body."""

    def as_state(self, poly: Poly) -> Poly:
        """Return a state as it stands in products and under matrices: a whole in both."""
        return self.of(self.cut(poly)) if poly.atom is None else poly

    def record_final_state(self, inner: Any, last: Any) -> Any:  # noqa: ANN401 - Values, which know this module
        """Return what a loop's state is after its last step."""
        del inner
        return last

    def at_final_states(self, poly: Poly) -> Poly | None:
        """Return what a polynomial in the states of a loop is of the last ones, ``None`` if it cannot be told."""
        del poly
        return None

    def concatenated_steps(self, parts: list[Poly], total: Count) -> Poly | None:
        """Return what polynomials are that lie one behind the other along a loop's steps, if they are one value."""
        del parts, total
        return None

    # -- making --------------------------------------------------------------------------------

    def vector(self, data: Array) -> Coefficient:
        """Return a constant vector; a number where all its entries are equal."""
        data = np.asarray(data, np.float64)
        if data.size and (data == data.flat[0]).all():
            return float(data.flat[0])
        return self._vectors.setdefault(data.tobytes(), Vector(data))

    def constant(self, value: Coefficient) -> Poly:
        """Return a constant polynomial."""
        return self.poly({(ONE,) if isinstance(value, Vector) else (): value})

    def poly(self, terms: dict[Mono, Coefficient]) -> Poly:
        """Return a polynomial.

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
            found = self._polys[key] = self._spelled_by_tanh(found) or found
        return found

    def _spelled_by_tanh(self, poly: Poly) -> Poly | None:
        """Recognise ½ tanh(v) + ½ as a sigmoid of 2v, and 2σ(v) - 1 as a tanh of ½v."""
        if len(poly.terms) != 2 or poly.terms[0][0] != () or len(poly.terms[1][0]) != 1:
            return None
        (_, constant), ((serial,), factor) = poly.terms
        atom = self.atoms[serial]
        if not isinstance(atom, Fn) or isinstance(factor, Vector) or isinstance(constant, Vector):
            return None
        if atom.op == "Tanh" and (abs(factor), constant) == (0.5, 0.5):
            return self.fn("Sigmoid", self.scale(atom.arguments[0], 4 * factor))
        if atom.op == "Sigmoid" and (abs(factor), constant) == (2.0, -factor / 2):
            return self.fn("Tanh", self.scale(atom.arguments[0], factor / 4))
        return None

    def atom(self, atom: Atom) -> Poly:
        """Return an atom as a polynomial."""
        return self.of(self.serial(atom))

    def of(self, serial: int) -> Poly:
        """Return the polynomial that is one atom."""
        found = self._of.get(serial)
        if found is None:
            found = self._of[serial] = self.poly({(serial,): 1.0})
        return found

    def serial(self, atom: Atom) -> int:
        """Return an atom's number."""
        found = self._serial.get(atom)
        if found is None:
            found = self._serial[atom] = len(self.atoms)
            self.atoms.append(atom)
            width, free = self._size(atom)
            self.width.append(width)
            self.free.append(free)
        return found

    def _size(self, atom: Atom) -> tuple[int, int]:
        match atom:
            case Leaf():
                return atom.hi - atom.lo, sum(isinstance(axis, ReadAlong) for axis in atom.axes)
            case Fn():
                return max(map(self.width_of, atom.arguments)), max(map(self.free_of, atom.arguments))
            case Lin():
                return atom.matrix.shape[0], self.free[atom.atom]
            case Stack():
                return max(map(self.width_of, atom.parts)), 1 + max(map(self.free_of, atom.parts))
            case Spread():
                return 0, self.free_of(atom.part)

    def width_of(self, poly: Poly) -> int:
        """Return how many features a polynomial's atoms have; 0 for a number, which has any."""
        if poly.atom is not None:
            return self.width[poly.atom]
        width = 0
        for mono, coefficient in poly.terms:
            if isinstance(coefficient, Vector):
                width = max(width, coefficient.data.size)
            for serial in mono:
                width = max(width, self.width[serial])
        return width

    def free_of(self, poly: Poly) -> int:
        """Return how many free axes a polynomial has."""
        if poly.atom is not None:
            return self.free[poly.atom]
        free = 0
        for mono, _ in poly.terms:
            for serial in mono:
                free = max(free, self.free[serial])
        return free

    def uniform(self, poly: Poly, free: int) -> bool:
        """Whether every atom depends on all of so many free axes or on none."""
        return all(self.free[serial] in (0, free) for mono, _ in poly.terms for serial in mono)

    # -- arithmetic ----------------------------------------------------------------------------

    def add(self, *polys: Poly) -> Poly:
        """Return the sum."""
        first, *others = [poly for poly in polys if poly.terms] or [self.zero]
        if not others:
            return first
        terms = dict(first.terms)
        for poly in others:
            for mono, coefficient in poly.terms:
                if mono in terms or not any(mono):
                    self._accumulate(terms, mono, coefficient)
                else:
                    terms[mono] = coefficient
        return self.poly(terms)

    def _accumulate(self, terms: dict[Mono, Coefficient], mono: Mono, coefficient: Coefficient) -> None:
        if not any(mono):  # a constant: numbers and vectors apart
            mono = (ONE,) if isinstance(coefficient, Vector) else ()
        there = terms.get(mono)
        if there is None:
            terms[mono] = coefficient
            return
        total = self._sum(there, coefficient)
        if not any(mono) and not isinstance(total, Vector) and mono:
            del terms[mono]
            self._accumulate(terms, (), total)
        else:
            terms[mono] = total

    def _sum(self, left: Coefficient, right: Coefficient) -> Coefficient:
        if isinstance(left, float) and isinstance(right, float):
            return left + right
        return self.vector(_data(left) + _data(right))

    def product_of(self, left: Coefficient, right: Coefficient) -> Coefficient:
        """Return the product of two coefficients."""
        if isinstance(left, float) and isinstance(right, float):
            return _settled(left * right)
        return self.vector(_data(left) * _data(right))

    def scale(self, poly: Poly, factor: Coefficient) -> Poly:
        """Return a polynomial times a constant."""
        if factor == 1.0:
            return poly
        if isinstance(factor, float):
            return self.poly({mono: self.product_of(coefficient, factor) for mono, coefficient in poly.terms})
        terms: dict[Mono, Coefficient] = {}
        for mono, coefficient in poly.terms:
            self._accumulate(terms, mono, self.product_of(coefficient, factor))
        return self.poly(terms)

    def mul(self, left: Poly, right: Poly) -> Poly:
        """Return the product."""
        terms: dict[Mono, Coefficient] = {}
        for mono_l, coefficient_l in left.terms:
            for mono_r, coefficient_r in right.terms:
                mono = tuple(sorted(filter(None, mono_l + mono_r)))
                self._accumulate(terms, mono, self.product_of(coefficient_l, coefficient_r))
        return self.poly(terms)

    def fn(self, op: str, *arguments: Poly, parameters: tuple[float, ...] = ()) -> Poly:
        """Return a function of polynomials. Of f(v) and f(-v) = 1 - f(v), or -f(v), only one is ever an atom."""
        if op == "HardSigmoid":
            shifted = self.add(self.scale(arguments[0], parameters[0]), self.constant(parameters[1] - 0.5))
            arguments, parameters = (shifted,), (1.0, 0.5)
        complements = op in ("Sigmoid", "HardSigmoid")
        if complements or op == "Tanh":
            arguments = (self._unclipped(arguments[0]),)
        if complements and self._is_negative(arguments[0]):
            flipped = self.atom(Fn(op, parameters, (self.scale(arguments[0], -1.0),)))
            return self.add(self.constant(1.0), self.scale(flipped, -1.0))
        if op in ODD and self._is_negative(arguments[0]):
            return self.scale(self.atom(Fn(op, parameters, (self.scale(arguments[0], -1.0),))), -1.0)
        return self.atom(Fn(op, parameters, arguments))

    def _unclipped(self, poly: Poly) -> Poly:
        """Leave out a bound that a function does not feel."""
        if len(poly.terms) != 1 or len(poly.terms[0][0]) != 1:
            return poly
        ((serial,), factor) = poly.terms[0]
        inner = self.atoms[serial]
        if (
            isinstance(factor, Vector)
            or not isinstance(inner, Fn)
            or inner.op != "Clip"
            or -inner.parameters[0] != inner.parameters[1]
        ):
            return poly
        return self.scale(inner.arguments[0], factor) if abs(factor) * inner.parameters[1] >= SATURATED else poly

    @staticmethod
    def _is_negative(poly: Poly) -> bool:
        signs = [coefficient for mono, coefficient in poly.terms if any(mono) and isinstance(coefficient, float)]
        below = sum(sign < 0 for sign in signs)
        return 2 * below > len(signs) or (2 * below == len(signs) and below > 0 and signs[0] < 0)

    # -- views, pushed down to the leaves --------------------------------------------------------

    def part(self, poly: Poly, lo: int, hi: int, width: int) -> Poly:
        """Return features lo to hi of a polynomial over ``width`` features."""
        return poly if (lo, hi) == (0, width) else self._seen(poly, FeatureRange(lo, hi))

    def at(self, poly: Poly, label: int, index: Count) -> Poly:
        """Return a polynomial at one index of a free axis; the labels above move down."""
        return self._seen(poly, AtIndex(label, index))

    def along(self, poly: Poly, label: int, start: Count, step: int, size: Count) -> Poly:
        """Return a polynomial read at start + step · i on a free axis."""
        return self._seen(poly, AlongAxis(label, start, step, size))

    def _seen(self, poly: Poly, view: View) -> Poly:
        if poly.atom is not None:
            return self._seen_atom(poly.atom, view)
        result: list[Poly] = []
        for mono, coefficient in poly.terms:
            if isinstance(coefficient, Vector) and isinstance(view, FeatureRange):
                coefficient = self.vector(coefficient.data[view.lo : view.hi])  # noqa: PLW2901
            term = self.constant(coefficient)
            for serial in filter(None, mono):
                term = self.mul(term, self._seen_atom(serial, view))
            result.append(term)
        return self.add(*result)

    def _seen_atom(self, serial: int, view: View) -> Poly:
        if isinstance(view, FeatureRange):
            found = self._parts.get((serial, view))
            if found is None:
                found = self._parts[serial, view] = self._part_of(self.atoms[serial], view)
            return found
        if self.free[serial] == 0:
            return self.of(serial)
        found = self._moved.get((serial, view))
        if found is None:
            found = self._moved[serial, view] = self._moved_atom(self.atoms[serial], view)
        return found

    def _part_of(self, atom: Atom, view: FeatureRange) -> Poly:
        match atom:
            case Leaf():
                return self.atom(atom._replace(lo=atom.lo + view.lo, hi=atom.lo + view.hi))
            case Fn():
                return self._seen_function(atom, view)
            case Lin():
                rows = self.matrices.block(atom.matrix, view.lo, view.hi, 0, atom.matrix.shape[1])
                return self.zero if rows.is_zero else self.atom(Lin(rows, atom.atom))
            case Stack():
                return self.stack(self._seen(part, view) for part in atom.parts)
            case Spread():
                return self.atom(atom)

    def _moved_atom(self, atom: Atom, view: AtIndex | AlongAxis) -> Poly:
        match atom:
            case Leaf():
                return self.atom(atom._replace(axes=tuple(_moved_axis(axis, view) for axis in atom.axes)))
            case Fn():
                return self._seen_function(atom, view)
            case Lin():
                return self.linear(atom.matrix, self._seen_atom(atom.atom, view))
            case Stack():
                return self._moved_stack(atom, view)
            case Spread():
                return self.atom(Spread(self._seen(atom.part, view)))

    def _seen_function(self, atom: Fn, view: View) -> Poly:
        seen = [self._seen(argument, view) for argument in atom.arguments]
        return self.fn(atom.op, *seen, parameters=atom.parameters)

    def _moved_stack(self, atom: Stack, view: AtIndex | AlongAxis) -> Poly:
        if view.label:
            inner = view._replace(label=view.label - 1)
            return self.stack(self._seen(part, inner) for part in atom.parts)
        if isinstance(view, AtIndex):
            if not isinstance(view.position, int) or not -len(atom.parts) <= view.position < len(atom.parts):
                raise TooLargeError
            return self.whole.get(atom.parts[view.position], atom.parts[view.position])
        if not isinstance(view.start, int) or not isinstance(view.size, int):
            raise TooLargeError
        return self.stack(atom.parts[view.start + view.step * i] for i in range(view.size))

    def stack(self, parts: Iterable[Poly]) -> Poly:
        """Return polynomials along a new first free axis."""
        return self.atom(Stack(tuple(self.whole.get(part, part) for part in parts)))

    def opened(self, poly: Poly) -> Poly:
        """Return what a polynomial is where it is looked at as a whole, itself otherwise."""
        leaf = None if poly.atom is None else self.atoms[poly.atom]
        return self.defined.get(leaf.source, poly) if isinstance(leaf, Leaf) else poly

    def cut(self, poly: Poly) -> int:
        """Make an atom of a polynomial: from now on it is looked at as a whole."""
        found = self.whole.get(poly)
        if found is None:
            source = ("cut", len(self.defined))
            self.defined[source] = poly
            found = self.whole[poly] = self.atom(Leaf(source, whole_axes(self.free_of(poly)), 0, self.width_of(poly)))
        assert found.atom is not None
        return found.atom

    def at_rest(self, poly: Poly) -> Poly:
        """Look at a polynomial as a whole if it is computed from its leaves by more than products with matrices.

        What is read index by index - an input that some layer made - is then one value that is read, not many.
        """
        if poly.atom is not None and isinstance(self.atoms[poly.atom], (Leaf, Stack)):
            return poly
        for mono, _ in poly.terms:
            atoms = [self.atoms[serial] for serial in mono if serial]
            if len(atoms) > 1 or any(isinstance(atom, Fn) and atom.op not in CONDITIONS for atom in atoms):
                return self.poly({(self.cut(poly),): 1.0})
        return poly

    def linear(self, matrix: Matrix, poly: Poly) -> Poly:
        """Return a matrix times a polynomial, which is looked at as a whole unless it is an atom or 0."""
        if not poly.terms or matrix.is_zero:
            return self.zero
        if all(not any(mono) for mono, _ in poly.terms):
            return self._folded(matrix, poly)
        if len(poly.terms) == 1 and poly.terms[0][1] != 1.0:
            mono, factor = poly.terms[0]
            one = self.poly({mono: 1.0})
            if isinstance(factor, Vector):
                if matrix.array is not None:
                    return self.linear(self.matrices.scaled(matrix, factor.data), one)
            elif len(mono) == 1 and isinstance(self.atoms[mono[0]], Leaf):
                return self.scale(self.linear(matrix, one), factor)
        if poly.atom is not None and isinstance(self.atoms[poly.atom], (Leaf, Stack)):
            return self.atom(Lin(matrix, poly.atom))
        if matrix.is_identity and any(len(mono) > 1 and self._has_product(mono) for mono, _ in poly.terms):
            return poly
        return self.atom(Lin(matrix, self.cut(poly)))

    def _has_product(self, mono: Mono) -> bool:
        """Whether a product with a matrix is a factor: no state is that, so its own product need not be seen as one."""
        return any(isinstance(self.atoms[serial], Lin) for serial in mono)

    def _folded(self, matrix: Matrix, poly: Poly) -> Poly:
        if matrix.array is None:
            raise TooLargeError
        vector = sum(np.broadcast_to(_data(factor), matrix.shape[1:]) for _, factor in poly.terms)
        with np.errstate(invalid="ignore"):  # infinities stand for closed gates; what they make of weights is NaN
            return self.constant(self.vector(matrix.array.astype(np.float64) @ vector))


def _settled(number: float) -> float:
    """Take a number for the whole one that it misses by less than a float32 can tell: 6 · float32(1/6) is 1."""
    whole = float(round(number)) if abs(number) < FLOAT32 else 0.0
    return whole if whole and abs(number - whole) <= abs(whole) / FLOAT32 else number


def _data(coefficient: Coefficient) -> Any:  # noqa: ANN401 - a number or an array
    return coefficient.data if isinstance(coefficient, Vector) else coefficient


def _moved_axis(axis: LeafAxis, view: AtIndex | AlongAxis) -> LeafAxis:
    if not isinstance(axis, ReadAlong):
        return axis
    label, start, step = axis
    if label != view.label:
        return axis._replace(label=label - 1) if isinstance(view, AtIndex) and label > view.label else axis
    if isinstance(view, AtIndex):
        return ReadAt(start + step * view.position)
    return ReadAlong(label, start + step * view.start, step * view.step)
