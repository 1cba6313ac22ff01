"""Reshape on interpreted tensors: axes are laid together and taken apart again, row-major."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gru_lower.passes.fuse_gru.algebra.axes import (
    CONSTANT,
    FEATURES,
    INNER_FEATURES,
    OUTER_FEATURES,
    FreeAxis,
    MergedAxes,
    relabelled,
)
from gru_lower.passes.fuse_gru.algebra.polynomials import Stack
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import known
from gru_lower.passes.fuse_gru.tensors.tensor import (
    UNKNOWN,
    Const,
    NotUnderstoodError,
    Value,
    as_value,
    elsewhere,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.axes import TensorAxis
    from gru_lower.passes.fuse_gru.algebra.polynomials import Algebra, Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count


class Factor(NamedTuple):
    """A part of an axis: what lies along it, none of it merged, and its length."""

    axis: TensorAxis
    length: Count


def reshape(
    algebra: Algebra, value: Value | Const, shape: Sequence[Count], *, zero_is_copied: bool = True
) -> Value | Const:
    """Give a tensor another shape.

    Args:
        algebra: The tables.
        value: The tensor.
        shape: The lengths; -1 for what remains, 0 for the length of the same axis as it was.
        zero_is_copied: Whether 0 means that.

    Raises:
        NotUnderstoodError: Axes would be cut in ways that polynomials cannot follow.

    """
    wanted = [value.dims[i] if zero_is_copied and length == 0 else length for i, length in enumerate(shape)]
    if isinstance(value, Const):
        dims = _solved(wanted, value.dims)
        if all(isinstance(dim, int) for dim in value.dims):
            return Const(
                np.broadcast_to(value.array, [known(dim) for dim in value.dims]).reshape([known(dim) for dim in dims]),
                tuple(dims),
            )
        if value.array.size == 1:
            return Const(value.array.reshape((1,) * len(dims)), tuple(dims))
        value = as_value(algebra, value)
    try:
        return _arranged(algebra, value, wanted)
    except NotUnderstoodError:
        if FEATURES not in value.axes:
            raise
        return _arranged(algebra, elsewhere(algebra, value, value.axes.index(FEATURES)), wanted)


def _arranged(algebra: Algebra, value: Value, wanted: Sequence[Count]) -> Value:
    factors, pieces = _stack_apart(algebra, _factors(value), value.pieces, wanted)
    axes, dims = _regrouped(factors, wanted)
    return Value(tuple(axes), tuple(dims), pieces)


def _stack_apart(
    algebra: Algebra, factors: list[Factor], pieces: tuple[tuple[int, Poly], ...], wanted: Sequence[Count]
) -> tuple[list[Factor], tuple[tuple[int, Poly], ...]]:
    """Take a stack of a times b values for a stack of a stacks of b, where that is what is asked for."""
    if not factors or not wanted or factors[0].axis != FreeAxis(0) or len(pieces) != 1:
        return factors, pieces
    serial, count, first = pieces[0][1].atom, factors[0].length, wanted[0]
    atom = None if serial is None else algebra.atoms[serial]
    if not isinstance(atom, Stack) or not isinstance(count, int) or not isinstance(first, int):
        return factors, pieces
    if not 1 < first < count or count % first:
        return factors, pieces
    inner = count // first
    groups = [algebra.stack(atom.parts[i * inner : (i + 1) * inner]) for i in range(first)]
    rest = [Factor(relabelled(axis, lambda label: label + 1), length) for axis, length in factors[1:]]
    return [Factor(FreeAxis(0), first), Factor(FreeAxis(1), inner), *rest], ((pieces[0][0], algebra.stack(groups)),)


def _factors(value: Value) -> list[Factor]:
    factors: list[Factor] = []
    for axis, dim in zip(value.axes, value.dims, strict=True):
        if axis is CONSTANT:
            factors += [] if dim == 1 else [Factor(CONSTANT, dim)]
        elif isinstance(axis, MergedAxes):
            factors += [Factor(FreeAxis(label), length) for label, length in axis.parts]
        else:
            factors.append(Factor(axis, dim))
    return factors


def _regrouped(factors: list[Factor], wanted: Sequence[Count]) -> tuple[list[TensorAxis], list[Count]]:
    """Take factors from the left up to -1 and from the right down to it; what is left in the middle is -1."""
    rest = list(factors)
    open_at = next((i for i, length in enumerate(wanted) if length == -1), len(wanted))
    left = [_consume(rest, length, 0) for length in wanted[:open_at]]
    right = [_consume(rest, length, -1) for length in reversed(wanted[open_at + 1 :])][::-1]
    groups = list(zip(left, wanted[:open_at], strict=True))
    if open_at < len(wanted):
        middle = rest
        groups.append((middle, _product(middle)))
        rest = []
    groups += list(zip(right, wanted[open_at + 1 :], strict=True))
    if rest:
        raise NotUnderstoodError
    return [_axis(group) for group, _ in groups], [length for _, length in groups]


def _consume(rest: list[Factor], length: Count, end: int) -> list[Factor]:
    """Take factors off one end until they come to a length."""
    taken: list[Factor] = []
    product: Count = 1
    if length == 1 and rest and rest[end] == (FEATURES, 1):
        return [rest.pop(end)]
    while product != length:
        if not rest:
            raise NotUnderstoodError
        kind, dim = rest.pop(end)
        if kind is FEATURES and product == 1 and isinstance(dim, int) and isinstance(length, int) and dim != length:
            if dim == UNKNOWN or length < 1 or dim % length:
                raise NotUnderstoodError
            other = dim // length
            outer_first = (OUTER_FEATURES, INNER_FEATURES) if end == 0 else (INNER_FEATURES, OUTER_FEATURES)
            part, remainder = Factor(outer_first[0], length), Factor(outer_first[1], other)
            rest.insert(0, remainder) if end == 0 else rest.append(remainder)
            return [part]
        taken.insert(len(taken) if end == 0 else 0, Factor(kind, dim))
        product = product * dim
        if len(taken) > len(rest) + len(taken):
            raise NotUnderstoodError
    return taken


def _product(factors: Sequence[Factor]) -> Count:
    product: Count = 1
    for _, dim in factors:
        product = product * dim
    return product


def _axis(group: Sequence[Factor]) -> TensorAxis:
    if len(group) > 1:
        group = [factor for factor in group if factor.length != 1]
    axes = [factor.axis for factor in group]
    if not group:
        return CONSTANT
    if axes == [OUTER_FEATURES, INNER_FEATURES]:
        return FEATURES
    if len(group) == 1:
        return axes[0]
    if all(axis is CONSTANT for axis in axes):
        return CONSTANT
    merged = tuple((axis.label, length) for axis, length in group if isinstance(axis, FreeAxis))
    if len(merged) == len(group):
        return MergedAxes(merged)
    raise NotUnderstoodError


def _solved(wanted: Sequence[Count], dims: Sequence[Count]) -> list[Count]:
    if -1 not in wanted:
        return list(wanted)
    rest = [dim for dim in dims if dim != 1]
    known: Count = 1
    for length in wanted:
        if length == -1:
            continue
        if length in rest:
            rest.remove(length)
        else:
            known = known * length
    remaining: Count = 1
    for dim in rest:
        remaining = remaining * dim
    if known != 1:
        if not isinstance(known, int) or not isinstance(remaining, int):
            raise NotUnderstoodError
        remaining //= known
    return [remaining if length == -1 else length for length in wanted]
