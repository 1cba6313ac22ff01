"""What is known of a model's values before it is streamed: their dims, and which of these follow time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.passes.stream.open_dim import Open
from gru_lower.passes.stream.sizes import Sizes
from gru_lower.passes.stream.timing import LONG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.stream.input_dims import InputDims

Array = np.ndarray[Any, np.dtype[Any]]

PRIMES = (7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97)
"""Sizes for open dims: primes that no feature count is made of, so that a product says what it is a product of."""


class Known:
    """Shapes and values of the main graph at sizes that differ in time, or in everything else.

    Args:
        scope: The main graph.
        facts: What is known of it.
        dims: The dims of its inputs.
        times: The axis of time, by input.

    """

    def __init__(self, scope: Scope, facts: Facts, dims: InputDims, times: Mapping[str, int]) -> None:
        """Work the shapes out at three sets of sizes."""
        self.frames = dims.frames(times) or LONG
        """How many frames the inputs have at the sizes that were worked out."""
        self.is_open = dims.frames(times) is None
        """Whether the model takes sequences of any length."""
        self.symbols = dims.other_symbols(times)
        one = dict(zip(self.symbols, PRIMES[::2], strict=False))
        two = dict(zip(self.symbols, PRIMES[1::2], strict=False))
        self.at = Sizes(scope, facts, dims.shapes(times, self.frames, one))
        self._other = Sizes(scope, facts, dims.shapes(times, self.frames, two)) if self.symbols else self.at
        longer = Sizes(scope, facts, dims.shapes(times, 2 * self.frames, one))
        self._longer = longer if longer.failed in (None, self.at.failed) else None
        self._sizes = one, two
        self._dims: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int | Open]] = {}

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Return the dims at the sizes that were worked out."""
        return self.at.shapes.get(name)

    def elem_type(self, name: str) -> int:
        """Return the ``TensorProto.DataType``, 0 where it is unknown."""
        return self.at.types.get(name, 0)

    def value(self, name: str) -> Array | None:
        """Return what a value always is, whatever the sizes; ``None`` where they matter, or it is not known."""
        value = self.at.value(name)
        if value is None or self.follows_time(name) or self.follows_others(name):
            return None
        return value

    def pair(self, name: str) -> tuple[Array, Array] | None:
        """Return a small value for sequences of one length and of twice that, ``None`` where it is not known."""
        one = self.at.value(name)
        if one is None:
            return None
        two = self._longer.value(name) if self._longer is not None else one
        return None if two is None else (one, two)

    def pair_of_shapes(self, name: str) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Return the dims of a value for sequences of one length and of twice that."""
        one = self.at.shapes.get(name)
        two = one if self._longer is None else self._longer.shapes.get(name)
        return None if one is None or two is None else (one, two)

    def follows_time(self, name: str) -> bool:
        """Whether a small value depends on how many frames there are."""
        if name not in self.at.values or self._longer is None:
            return False
        return not _same(self.at.values[name], self._longer.values.get(name))

    def follows_others(self, name: str) -> bool:
        """Whether a small value depends on an open dim that is not time."""
        return name in self.at.values and not _same(self.at.values[name], self._other.values.get(name))

    def differs_by_content(self, name: str) -> bool:
        """Whether what a small value holds, not only how often, depends on the sizes."""
        for other in (self._other, self._longer):
            here, there = self.at.values.get(name), None if other is None else other.values.get(name)
            if here is None or there is None:
                continue
            if here.ndim != there.ndim or not np.array_equal(*_overlap(here, there)):
                return True
        return False

    def grows(self, name: str) -> list[int]:
        """Return the axes of a value that are longer where there are more frames."""
        here = self.at.shapes.get(name)
        there = None if self._longer is None else self._longer.shapes.get(name)
        if here is None or there is None or len(here) != len(there):
            return []
        return [axis for axis, (a, b) in enumerate(zip(here, there, strict=True)) if a != b]

    def growth(self, name: str, axis: int) -> int:
        """Return by how much an axis of a value is longer where there are twice as many frames."""
        here = self.at.shapes.get(name)
        there = None if self._longer is None else self._longer.shapes.get(name)
        return 0 if here is None or there is None else there[axis] - here[axis]

    def dims(self, name: str) -> list[int | Open] | None:
        """Return the dims of a value: numbers, and what is open; time is a number, as it was worked out."""
        here, there = self.at.shapes.get(name), self._other.shapes.get(name)
        if here is None or there is None or len(here) != len(there):
            return None
        if here == there:
            return list(here)
        if (here, there) not in self._dims:
            self._dims[here, there] = [a if a == b else self._open(a, b) for a, b in zip(here, there, strict=True)]
        return list(self._dims[here, there])

    def part(self, whole: int | Open, size: int) -> int | Open:
        """Return what a factor of a dim is: open where the dim is, and what it is a product of divides the factor."""
        if isinstance(whole, int):
            return size
        product = int(np.prod([self._sizes[0].get(symbol, 0) for symbol in whole.symbols]))
        return Open(size // product, whole.symbols) if product and size % product == 0 else size

    def size(self, dim: Open) -> int:
        """Return how long an open dim is at the sizes that were worked out."""
        return dim.times * int(np.prod([self._sizes[0].get(symbol, 1) for symbol in dim.symbols]))

    def _open(self, a: int, b: int) -> Open:
        for symbols in self._products():
            one, two = (int(np.prod([sizes[symbol] for symbol in symbols])) for sizes in self._sizes)
            if a % one == 0 and b % two == 0 and a // one == b // two:
                return Open(a // one, symbols)
        return Open(1, ("unknown",))

    def _products(self) -> Sequence[tuple[str, ...]]:
        single = [(symbol,) for symbol in self.symbols]
        return [(a, b) for a in self.symbols for b in self.symbols if a < b] + single


def _overlap(a: Array, b: Array) -> tuple[Array, Array]:
    least = tuple(slice(0, min(x, y)) for x, y in zip(a.shape, b.shape, strict=True))
    return a[least], b[least]


def _same(a: Array, b: Array | None) -> bool:
    return b is not None and a.shape == b.shape and bool(np.array_equal(a, b))
