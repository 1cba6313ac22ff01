"""Sources of leaves: which tensor a leaf reads.

A source is compared by its fields, a :class:`Definition` by identity. Loops and masks have sources of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable

    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count

ONE_SOURCE = "one"
"""The source of the atom that is 1."""


class NamedValue(NamedTuple):
    """A value of the model.

    Attributes:
        path: The scope it belongs to.
        name: Its name there.

    """

    path: str
    name: str


class ConstantArray(NamedTuple):
    """A constant array; equal numbers are one source, whatever initializer or node they come from.

    Attributes:
        dtype: Its numbers' type, as numpy writes it.
        shape: Its shape.
        digest: A fingerprint of its numbers.

    """

    dtype: str
    shape: tuple[int, ...]
    digest: bytes


class Definition:
    """A polynomial that has been given an atom of its own: ``algebra.definitions`` has it.

    Attributes:
        number: How many were defined before it.

    """

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __repr__(self) -> str:
        return f"Definition({self.number})"


class Concatenation(NamedTuple):
    """Polynomials that lie one behind the other along the first free axis."""

    parts: tuple[Poly, ...]


class IndexedSource(NamedTuple):
    """A tensor of several matrices, read at one index of each axis in front: the source of one of the matrices.

    Attributes:
        source: The tensor.
        indices: The indices.

    """

    source: Hashable
    indices: tuple[Count, ...]


def whole_source(source: Hashable) -> Hashable:
    """Return the source of the tensor that a matrix is read from, which may hold several."""
    return source.source if isinstance(source, IndexedSource) else source
