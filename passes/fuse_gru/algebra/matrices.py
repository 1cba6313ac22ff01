"""Matrices: blocks of constants, or of values that are only known at run time.

A matrix is held as (out, in): row i makes feature i of the product. Equal numbers are one matrix,
whatever initializer or node they come from. Of those that a few numbers tell apart, the others are not looked at: all
of a matrix is hashed only where another one is like it in those, once for every block of memory.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from itertools import accumulate, count
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.graph.read_arrays import LARGE, let_go, place_of
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Hashable

Array = np.ndarray[Any, np.dtype[Any]]
BLOCK = 1 << 24
"""Bytes that are hashed at once."""
SAMPLED = 8
"""Of so many rows, and so many columns, the numbers tell most matrices apart."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """A block of a matrix; interned, so that equal ones are the same object.

    Attributes:
        array: Its numbers, (out, in), ``None`` for one that is only known at run time.
        source: The run-time value it is a block of, two axes after leaving out those of length 1.
        transposed: Whether the source's first axis is in.
        block: First and last (exclusive) row and column in the source, as (out, in).
        serial: Its number; those made first have the lower ones.
        selects: Whether it was made up: rows of an identity, for features that are read as they are.

    """

    array: Array | None
    source: Hashable = None
    transposed: bool = False
    block: tuple[int, int, int, int] = (0, 0, 0, 0)
    serial: int = 0
    selects: bool = False

    @cached_property
    def content(self) -> bytes:
        """A fingerprint of its numbers."""
        return b"" if self.array is None else digest(self.array)

    @cached_property
    def is_zero(self) -> bool:
        """Whether it is known to be all zeros."""
        found = self.array is not None and not any(row.any() for row in _in_memory_order(self.array))
        self._let_go()
        return found

    @cached_property
    def is_identity(self) -> bool:
        """Whether it is known to be an identity."""
        rows, columns = self.shape
        if self.array is None or rows != columns:
            return False
        in_order = enumerate(_in_memory_order(self.array))
        found = all(row[place] == 1 and np.count_nonzero(row) == 1 for place, row in in_order)
        self._let_go()
        return found

    @cached_property
    def is_negative(self) -> bool:
        """Whether the first of its numbers that is not 0 is below 0."""
        firsts = (row[row != 0][0] for row in (() if self.array is None else self.array) if row.any())
        found = bool(next(firsts, 0) < 0)
        self._let_go()
        return found

    def _let_go(self) -> None:
        """Let go of what was looked at of a large matrix in a file: of each a few rows, which are megabytes mapped."""
        if self.array is not None:
            let_go(self.array)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        r0, r1, c0, c1 = self.block
        return r1 - r0, c1 - c0


class Matrices:
    """The matrices of one analysis."""

    def __init__(self) -> None:
        """Start with no matrix."""
        self._by_content: dict[Hashable, Matrix] = {}
        self._first_of: dict[Hashable, Matrix] = {}
        self._serials = count()
        self._negatives: dict[Matrix, Matrix] = {}
        self._by_memory: dict[Hashable, Matrix] = {}
        self._kept: list[Array] = []
        self._made: dict[Hashable, Matrix] = {}
        self._parts: dict[tuple[Matrix, int, int, int, int], Matrix] = {}
        self._diagonal: dict[tuple[Matrix, tuple[int, ...]], bool] = {}

    def constant(self, array: Array) -> Matrix:
        """Return the matrix of an array of two axes, (out, in)."""
        where = (array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.str)
        found = self._by_memory.get(where)
        if found is None:
            sample = _sample(array)
            found = self._equal(array, sample)
            if found is None:
                whole = (0, array.shape[0], 0, array.shape[1])
                found = Matrix(array, block=whole, serial=next(self._serials))
                if self._first_of.setdefault(sample, found) is not found:
                    self._by_content[sample, found.content] = found
            self._by_memory[where] = found
            self._kept.append(array)  # lest its address be given to another one
        return found

    def _equal(self, array: Array, sample: Hashable, *, negative: bool = False) -> Matrix | None:
        """Return the constant matrix that has the numbers of an array, or their negatives, if there is one."""
        first = self._first_of.get(sample)
        if first is None:
            return None
        content = digest(-array if negative else array)
        return first if first.content == content else self._by_content.get((sample, content))

    def symbol(self, source: Hashable, rows: int, columns: int, *, transposed: bool) -> Matrix:
        """Return the matrix that a run-time value is."""
        key = (source, rows, columns, transposed)
        if key not in self._by_content:
            self._by_content[key] = Matrix(None, source, transposed, (0, rows, 0, columns), next(self._serials))
        return self._by_content[key]

    def negative(self, matrix: Matrix) -> Matrix | None:
        """Return the negative of a constant matrix, if that is one of the matrices."""
        if matrix.array is None:
            return None
        found = self._negatives.get(matrix)
        if found is None:
            found = self._equal(matrix.array, _sample(matrix.array, negative=True), negative=True)
        if found is not None:
            self._negatives[matrix] = found
        return found

    def scaled(self, matrix: Matrix, factors: Array) -> Matrix:
        """Return a constant matrix with its columns multiplied by numbers."""
        key = (matrix, factors.tobytes())
        if key not in self._made:
            assert matrix.array is not None
            self._made[key] = self.constant((matrix.array * factors).astype(matrix.array.dtype))
        return self._made[key]

    def selection(self, lo: int, hi: int, width: int) -> Matrix:
        """Return the matrix that reads features lo to hi of so many."""
        key = ("selection", lo, hi, width)
        if key not in self._by_content:
            array = np.eye(width, dtype=np.float32)[lo:hi]
            whole = (0, hi - lo, 0, width)
            self._by_content[key] = Matrix(array, block=whole, serial=next(self._serials), selects=True)
        return self._by_content[key]

    def product(self, left: Matrix, right: Matrix) -> Matrix | None:
        """Return the product of two constant matrices, ``None`` if one is not known."""
        if left.array is None or right.array is None:
            return None
        key = (left, right)
        if key not in self._made:
            product = left.array.astype(np.float64) @ right.array.astype(np.float64)
            self._made[key] = self.constant(product.astype(left.array.dtype))
        return self._made[key]

    def is_block_diagonal(self, matrix: Matrix, widths: tuple[int, ...]) -> bool:
        """Whether a matrix is known to have zeros around square blocks of these widths on its diagonal."""
        if matrix.array is None or matrix.shape != (sum(widths), sum(widths)):
            return False
        key = (matrix, widths)
        if key not in self._diagonal:
            ends = zip(widths, accumulate(widths), strict=True)
            self._diagonal[key] = not any(
                matrix.array[end - width : end, : end - width].any() or matrix.array[end - width : end, end:].any()
                for width, end in ends
            )
        return self._diagonal[key]

    def block(self, matrix: Matrix, r0: int, r1: int, c0: int, c1: int) -> Matrix:
        """Return rows r0 to r1 and columns c0 to c1."""
        if (r0, r1, c0, c1) == (0, matrix.shape[0], 0, matrix.shape[1]):
            return matrix
        key = (matrix, r0, r1, c0, c1)
        found = self._parts.get(key)
        if found is None:
            if matrix.array is not None:
                found = self.constant(matrix.array[r0:r1, c0:c1])
            else:
                first_row, _, first_column, _ = matrix.block
                block = (first_row + r0, first_row + r1, first_column + c0, first_column + c1)
                name = (matrix.source, matrix.transposed, block)
                new = Matrix(None, matrix.source, matrix.transposed, block, next(self._serials))
                found = self._by_content.setdefault(name, new)
            self._parts[key] = found
        return found


def _in_memory_order(array: Array) -> Array:
    """Return a matrix, or its transposed where that lies in memory row by row: a row of it is not all over a file."""
    return array.T if array.T.flags.c_contiguous else array


def _sample(array: Array, *, negative: bool = False) -> Hashable:
    """Return what equal arrays, or negative ones, have in common: type, shape and some numbers from all over them."""
    row_step, column_step = (max(1, -(-size // SAMPLED)) for size in array.shape)
    some = array[::row_step, ::column_step]
    found = array.dtype.str, array.shape, (-some if negative else some).tobytes()
    let_go(array)
    return found


def digest(array: Array) -> bytes:
    """Return a fingerprint of an array's numbers."""
    found = hashlib.blake2b(digest_size=16)
    if not array.flags.c_contiguous and array.nbytes >= LARGE and place_of(array.T) is not None:
        return digest(array.T)[::-1]  # in the order of the file: column by column all of it would be in memory
    if array.flags.c_contiguous:
        flat = array.reshape(-1).view(np.uint8)
        for start in range(0, len(flat), BLOCK):
            block = flat[start : start + BLOCK]
            found.update(block.data)
            let_go(block)
    else:
        rows = max(1, BLOCK // array[0].nbytes)
        for start in range(0, len(array), rows):
            found.update(np.ascontiguousarray(array[start : start + rows]).reshape(-1).view(np.uint8).data)
    let_go(array)
    return found.digest()
