"""Whole numbers that are not known: lengths of axes, loop counters, and sums of them."""

from __future__ import annotations

from typing import Any, NamedTuple

LONGEST = 10**8
"""No axis is longer: exporters write larger numbers for "to the end"."""
RESULTS = ("times", "over", "rest", "carried", "#")
"""What the names of unknowns begin with that are no lengths."""


class Counter(NamedTuple):
    """The name of a loop's counter: 0 in the first of its steps.

    Attributes:
        path: The loop's body.
        trips: How many steps there are, ``None`` where that is not known yet.

    """

    path: str
    trips: Any


class RuntimeMinimum(NamedTuple):
    """The name of the minimum of a length and a number known at run time, such as the longest of the sequences.

    Attributes:
        path: The scope.
        value: The minimum's name there.
        most: The length, which it does not exceed.

    """

    path: str
    value: str
    most: Any


class Affine:
    """A sum of unknown whole numbers with whole factors; equal ones are equal and hash alike.

    Attributes:
        terms: Names with their factors, sorted.
        constant: What is added.

    """

    __slots__ = ("constant", "terms")

    def __init__(self, terms: tuple[tuple[Any, int], ...], constant: int) -> None:
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
            return _made(_merged(self.terms, other.terms, 1), self.constant + other.constant)
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
            return symbol(("times", *sorted((self, other), key=repr)))
        factor = _whole(other)
        if not factor:
            return 0
        return Affine(tuple((name, old * factor) for name, old in self.terms), self.constant * factor)

    __rmul__ = __mul__

    def __floordiv__(self, other: Affine | int) -> Affine | int:
        """Return the quotient where it is whole for sure, else a new unknown."""
        if isinstance(other, int) and other and not any(f % other for _, f in self.terms) and not self.constant % other:
            return Affine(tuple((name, factor // other) for name, factor in self.terms), self.constant // other)
        return symbol(("over", self, other))

    def __rfloordiv__(self, other: int) -> Affine:
        """Return a new unknown."""
        return symbol(("over", other, self))

    def __mod__(self, other: Affine | int) -> Affine | int:
        """Return a new unknown, or 0 where it divides for sure."""
        whole = isinstance(other, int) and other and not any(f % other for _, f in self.terms)
        return self.constant % other if whole and isinstance(other, int) else symbol(("rest", self, other))

    def __repr__(self) -> str:
        """Return the sum as text."""
        parts = [f"{factor}*{name}" if factor != 1 else str(name) for name, factor in self.terms]
        return " + ".join([*parts, str(self.constant)] if self.constant else parts)

    def least(self) -> int | None:
        """Return a bound below, ``None`` if there is none.

        A counter is 0 to its trips - 1; what has a ``most`` does not exceed that; an axis is 1 to :data:`LONGEST`
        long, and of other unknowns nothing is known.
        """
        bound: Count = self
        for name, factor in self.terms:
            if isinstance(name, Counter):
                trips = name.trips
                if factor < 0 and trips is None:
                    return None
                bound = bound - factor * symbol(name) + (factor * (trips - 1) if factor < 0 else 0)
            most = getattr(name, "most", None)
            if most is not None and factor < 0:
                bound = bound - factor * symbol(name) + factor * most
        if not isinstance(bound, Affine):
            return bound
        if any(
            isinstance(name, Counter) or hasattr(name, "most") or (isinstance(name, tuple) and name[0] in RESULTS)
            for name, _ in bound.terms
        ):
            return None
        return bound.constant + sum(factor if factor > 0 else factor * LONGEST for _, factor in bound.terms)

    def factor(self, name: object) -> int:
        """Return the factor of an unknown."""
        return next((factor for term, factor in self.terms if term == name), 0)


Count = int | Affine


def known(count: Count) -> int:
    """Return a number that is known.

    Raises:
        ValueError: It is not.

    """
    if isinstance(count, Affine):
        raise ValueError(count)  # noqa: TRY004 - the number is unknown, its type is right
    return int(count)


def multiple(count: Count, of: Count) -> int:
    """Return how many times one number another is, whatever the unknowns are.

    Raises:
        ValueError: It is not known to be so a whole number of times.

    """
    if isinstance(count, int) and (isinstance(of, int) or not count):
        times = count // of if isinstance(of, int) else 0
    elif isinstance(count, Affine) and isinstance(of, Affine):
        name, factor = of.terms[0]
        times = count.factor(name) // factor
    else:
        raise ValueError(count)
    if of * times != count:
        raise ValueError(count)
    return times


def _whole(number: Any) -> int:  # noqa: ANN401 - a number of any type
    if int(number) != number:
        raise ValueError(number)
    return int(number)


def is_negative(count: Count) -> bool | None:
    """Whether a number is below 0, ``None`` if that depends."""
    if not isinstance(count, Affine):
        return bool(count < 0)
    least, opposite = count.least(), (-count).least()
    if least is not None and least >= 0:
        return False
    return True if opposite is not None and opposite > 0 else None


def symbol(name: object) -> Affine:
    """Return an unknown number."""
    return Affine(((name, 1),), 0)


def _merged(
    left: tuple[tuple[Any, int], ...], right: tuple[tuple[Any, int], ...], sign: int
) -> tuple[tuple[Any, int], ...]:
    total = dict(left)
    for name, factor in right:
        total[name] = total.get(name, 0) + sign * factor
    return tuple(sorted(((name, factor) for name, factor in total.items() if factor), key=lambda term: repr(term[0])))


def _made(terms: tuple[tuple[Any, int], ...], constant: int) -> Affine | int:
    return Affine(terms, constant) if terms else constant
