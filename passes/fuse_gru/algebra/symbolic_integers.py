"""Whole numbers that are not known: lengths of axes, loops' counters, and sums of them.

A name that is a string is the length of an axis, as the model declares it (``dim_param``).
"""

from __future__ import annotations

from typing import Any

from gru_lower.graph.axis_lengths import AxisLength
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.fuse_gru.algebra.errors import UnknownNumberError

MAX_LENGTH = 10**8
"""No axis is longer: exporters write larger numbers for "to the end"."""


@dataclass(frozen=True, slots=True)
class TripCount:
    """The value that a Loop has as its number of iterations, M, and that is known at run time."""

    value: str


@dataclass(frozen=True, slots=True)
class Counter:
    """A loop's counter: 0 in the first of its steps.

    Attributes:
        path: The loop's body.
        trips: How many steps there are, ``None`` where that is not known yet.

    """

    path: str
    trips: Count | None


@dataclass(frozen=True, slots=True)
class RuntimeMinimum:
    """The lesser of a length and a value known at run time.

    Attributes:
        path: The scope of the Min.
        value: The name of its output there.
        most: The length.
        least: What it is never below, ``None`` where nothing is known.

    """

    path: str
    value: str
    most: Count
    least: int | None = None


@dataclass(frozen=True, slots=True)
class ShorterLength:
    """The lesser of two lengths: how much of an axis a Slice reads that may end beyond it.

    Attributes:
        one: Where the Slice ends.
        other: How long the axis is.

    """

    one: Count
    other: Count


@dataclass(frozen=True, slots=True)
class CarriedInteger:
    """A whole number that a loop carries, before a step.

    Attributes:
        path: The loop's body.
        place: Which of its states.

    """

    path: str
    place: int


@dataclass(frozen=True, slots=True)
class CarriedLength:
    """The length of an axis of a tensor that a loop carries, 0 before the first step.

    Attributes:
        path: The loop's body.
        place: Which of its states.
        axis: The axis.

    """

    path: str
    place: int
    axis: int


@dataclass(frozen=True, slots=True)
class Position:
    """The index on an axis: of an array whose entries count up, but whose length is not known."""


@dataclass(frozen=True, slots=True)
class Product:
    """The product of two symbolic integers."""

    left: Affine
    right: Affine


@dataclass(frozen=True, slots=True)
class Quotient:
    """The quotient of two whole numbers, rounded down."""

    dividend: Count
    divisor: Count


@dataclass(frozen=True, slots=True)
class Remainder:
    """The remainder of a division of two whole numbers."""

    dividend: Count
    divisor: Count


Unknown = (
    str
    | AxisLength
    | TripCount
    | Counter
    | RuntimeMinimum
    | ShorterLength
    | CarriedInteger
    | CarriedLength
    | Position
    | Product
    | Quotient
    | Remainder
)
LENGTHS = (str, AxisLength, TripCount)
"""Those that are at least 1."""
Terms = tuple[tuple[Unknown, int], ...]


class Affine:
    """A sum of unknown whole numbers with whole factors; equal ones are equal and hash alike.

    Attributes:
        terms: Names with their factors, sorted.
        constant: What is added.

    """

    __slots__ = ("constant", "terms")

    def __init__(self, terms: Terms, constant: int) -> None:
        """Hold the parts; :func:`symbol` and arithmetic make new ones."""
        self.terms, self.constant = terms, constant

    def __eq__(self, other: object) -> bool:
        """Whether the sums are the same."""
        return isinstance(other, Affine) and self.terms == other.terms and self.constant == other.constant

    def __hash__(self) -> int:
        """Hash the parts."""
        return hash((self.terms, self.constant))

    def __add__(self, other: Affine | int) -> Affine | int:
        """Return the sum."""
        if isinstance(other, Affine):
            return _sum(_merged_terms(self.terms, other.terms), self.constant + other.constant)
        return Affine(self.terms, self.constant + _whole(other))

    __radd__ = __add__

    def __neg__(self) -> Affine:
        """Return the sum with all signs changed."""
        return Affine(tuple((name, -factor) for name, factor in self.terms), -self.constant)

    def __sub__(self, other: Affine | int) -> Affine | int:
        """Return the difference."""
        return self + (-other)

    def __rsub__(self, other: int) -> Affine | int:
        """Return the difference from a number."""
        return (-self) + other

    def __mul__(self, other: Affine | int) -> Affine | int:
        """Return the product; that of two unknown ones is a new unknown."""
        if isinstance(other, Affine):
            left, right = sorted((self, other), key=repr)
            return symbol(Product(left, right))
        factor = _whole(other)
        if not factor:
            return 0
        return Affine(tuple((name, old * factor) for name, old in self.terms), self.constant * factor)

    __rmul__ = __mul__

    def __floordiv__(self, other: Affine | int) -> Affine | int:
        """Return the quotient where it is whole for sure, else a new unknown."""
        if isinstance(other, int) and other and not any(f % other for _, f in self.terms) and not self.constant % other:
            return Affine(tuple((name, factor // other) for name, factor in self.terms), self.constant // other)
        return symbol(Quotient(self, other))

    def __rfloordiv__(self, other: int) -> Affine:
        """Return a new unknown."""
        return symbol(Quotient(other, self))

    def __mod__(self, other: Affine | int) -> Affine | int:
        """Return a new unknown, or 0 where it divides for sure."""
        whole = isinstance(other, int) and other and not any(f % other for _, f in self.terms)
        return self.constant % other if whole and isinstance(other, int) else symbol(Remainder(self, other))

    def __repr__(self) -> str:
        """Return the sum as text."""
        parts = [f"{factor}*{name}" if factor != 1 else str(name) for name, factor in self.terms]
        return " + ".join([*parts, str(self.constant)] if self.constant else parts)

    @property
    def is_unknown(self) -> bool:
        """Whether it is one of the unknown numbers, with nothing added."""
        return not self.constant and len(self.terms) == 1 and self.terms[0][1] == 1

    def lower_bound(self) -> int | None:
        """Return a number that the sum is never below, ``None`` if there is none.

        A counter is 0 to its trips - 1, a minimum at most what it is the minimum of, the length of an axis 1 to
        :data:`MAX_LENGTH`; of other unknown numbers nothing is known.
        """
        bound: Count = self
        for name, factor in self.terms:
            if isinstance(name, Counter):
                if factor < 0 and name.trips is None:
                    return None
                bound = bound - factor * symbol(name)
                if factor < 0 and name.trips is not None:
                    bound = bound + factor * (name.trips - 1)
            elif isinstance(name, RuntimeMinimum) and factor < 0:
                bound = bound - factor * symbol(name) + factor * name.most
            elif isinstance(name, RuntimeMinimum) and name.least is not None:
                bound = bound - factor * symbol(name) + factor * name.least
        if not isinstance(bound, Affine):
            return bound
        if not all(isinstance(name, LENGTHS) for name, _ in bound.terms):
            shorter = next(((name, factor) for name, factor in bound.terms if isinstance(name, ShorterLength)), None)
            return None if shorter is None else _lower_bound_with_either(bound, *shorter)
        return bound.constant + sum(factor if factor > 0 else factor * MAX_LENGTH for _, factor in bound.terms)

    def factor(self, name: Unknown) -> int:
        """Return the factor of an unknown."""
        return next((factor for term, factor in self.terms if term == name), 0)


Count = int | Affine


def to_int(count: Count) -> int:
    """Return a whole number as an ``int``.

    Raises:
        UnknownNumberError: It is not known.

    """
    if isinstance(count, Affine):
        raise UnknownNumberError(count)
    return int(count)


def exact_quotient(count: Count, of: Count) -> int:
    """Return a quotient of two whole numbers that is the same whatever the unknown ones are.

    Raises:
        UnknownNumberError: There is none, or it is not a whole number.

    """
    if isinstance(count, int) and (isinstance(of, int) or not count):
        times = count // of if isinstance(of, int) else 0
    elif isinstance(count, Affine) and isinstance(of, Affine):
        name, factor = of.terms[0]
        times = count.factor(name) // factor
    else:
        raise UnknownNumberError(count)
    if of * times != count:
        raise UnknownNumberError(count)
    return times


def _whole(number: Any) -> int:  # noqa: ANN401 - a number of any type
    if int(number) != number:
        raise UnknownNumberError(number)
    return int(number)


def is_negative(count: Count) -> bool | None:
    """Whether a number is below 0, ``None`` if that depends."""
    if not isinstance(count, Affine):
        return bool(count < 0)
    lowest, opposite = count.lower_bound(), (-count).lower_bound()
    if lowest is not None and lowest >= 0:
        return False
    return True if opposite is not None and opposite > 0 else None


def _lower_bound_with_either(count: Affine, name: ShorterLength, factor: int) -> int | None:
    """Return the lower bound of a sum with the one length and the other in place of the lesser of them."""
    either = [count + factor * (length - symbol(name)) for length in (name.one, name.other)]
    found = [bound.lower_bound() if isinstance(bound, Affine) else bound for bound in either]
    known = [bound for bound in found if bound is not None]
    if factor > 0:
        return min(known) if len(known) == len(found) else None
    return max(known, default=None)


def lesser(one: Count, other: Count) -> Count:
    """Return the lesser of two lengths, a new unknown where that depends."""
    if is_negative(other - one) is False:
        return one
    return other if is_negative(one - other) is False else symbol(ShorterLength(one, other))


def symbol(name: Unknown) -> Affine:
    """Return an unknown number."""
    return Affine(((name, 1),), 0)


def _merged_terms(left: Terms, right: Terms) -> Terms:
    total = dict(left)
    for name, factor in right:
        total[name] = total.get(name, 0) + factor
    return tuple(sorted(((name, factor) for name, factor in total.items() if factor), key=lambda term: repr(term[0])))


def _sum(terms: Terms, constant: int) -> Affine | int:
    return Affine(terms, constant) if terms else constant
