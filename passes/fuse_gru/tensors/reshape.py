"""Reshape: axes are merged and split, row-major."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gru_lower.passes.fuse_gru.algebra.atoms import Stack
from gru_lower.passes.fuse_gru.algebra.axes import (
    CONSTANT,
    FEATURES,
    INNER_FEATURES,
    OUTER_FEATURES,
    FreeAxis,
    MergedAxes,
    relabelled,
)
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import to_int
from gru_lower.passes.fuse_gru.tensors.broadcasting import as_polynomials
from gru_lower.passes.fuse_gru.tensors.feature_axis import with_other_feature_axis
from gru_lower.passes.fuse_gru.tensors.tensor import UNKNOWN, ConstTensor, PolyTensor, full_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.axes import TensorAxis
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.tensors.tensor import Tensor


class Factor(NamedTuple):
    """An axis that is not merged, or one of those that merged ones are made of, and its length."""

    axis: TensorAxis
    length: Count


def reshape(algebra: Algebra, tensor: Tensor, shape: Sequence[Count], *, zero_is_copied: bool = True) -> Tensor:
    """Return a tensor in another shape, as ONNX's Reshape does.

    Args:
        algebra: The tables.
        tensor: The tensor.
        shape: The lengths; -1 for what remains, 0 for the length of the same axis as it was.
        zero_is_copied: Whether 0 means that.

    Raises:
        NotUnderstoodError: An axis would be split that is neither features, nor merged, nor a stack.

    """
    wanted = [tensor.dims[i] if zero_is_copied and length == 0 else length for i, length in enumerate(shape)]
    if isinstance(tensor, ConstTensor):
        dims = _with_rest(wanted, tensor.dims)
        if all(isinstance(dim, int) for dim in tensor.dims):
            return ConstTensor(full_array(tensor).reshape([to_int(dim) for dim in dims]), tuple(dims))
        if tensor.array.size == 1:
            return ConstTensor(tensor.array.reshape((1,) * len(dims)), tuple(dims))
        tensor = as_polynomials(algebra, tensor)
    try:
        return _reshaped(algebra, tensor, wanted)
    except NotUnderstoodError:
        if FEATURES not in tensor.axes:
            raise
        return _reshaped(algebra, with_other_feature_axis(algebra, tensor, tensor.axes.index(FEATURES)), wanted)


def _reshaped(algebra: Algebra, tensor: PolyTensor, wanted: Sequence[Count]) -> PolyTensor:
    factors, pieces = _split_stack(algebra, _factors(tensor), tensor.pieces, wanted)
    axes, dims = _grouped(factors, wanted)
    return PolyTensor(tuple(axes), tuple(dims), pieces)


def _split_stack(
    algebra: Algebra, factors: list[Factor], pieces: tuple[tuple[int, Poly], ...], wanted: Sequence[Count]
) -> tuple[list[Factor], tuple[tuple[int, Poly], ...]]:
    """Take a stack of a·b polynomials for a stack of a stacks of b, where the first length that is wanted is a."""
    if not factors or not wanted or factors[0].axis != FreeAxis(0) or len(pieces) != 1:
        return factors, pieces
    atom, count, first = algebra.atom_in(pieces[0][1]), factors[0].length, wanted[0]
    if not isinstance(atom, Stack) or not isinstance(count, int) or not isinstance(first, int):
        return factors, pieces
    if not 1 < first < count or count % first:
        return factors, pieces
    inner = count // first
    groups = [algebra.stack(atom.parts[i * inner : (i + 1) * inner]) for i in range(first)]
    rest = [Factor(relabelled(axis, lambda label: label + 1), length) for axis, length in factors[1:]]
    return [Factor(FreeAxis(0), first), Factor(FreeAxis(1), inner), *rest], ((pieces[0][0], algebra.stack(groups)),)


def _factors(tensor: PolyTensor) -> list[Factor]:
    """Return a tensor's axes, the merged ones apart, without those of length 1."""
    factors: list[Factor] = []
    for axis, dim in zip(tensor.axes, tensor.dims, strict=True):
        if axis is CONSTANT:
            factors += [] if dim == 1 else [Factor(CONSTANT, dim)]
        elif isinstance(axis, MergedAxes):
            factors += [Factor(FreeAxis(label), length) for label, length in axis.parts]
        else:
            factors.append(Factor(axis, dim))
    return factors


def _grouped(factors: list[Factor], wanted: Sequence[Count]) -> tuple[list[TensorAxis], list[Count]]:
    """Merge factors into axes of these lengths: from the left up to -1, from the right down to it, and what remains."""
    rest = list(factors)
    open_at = next((i for i, length in enumerate(wanted) if length == -1), len(wanted))
    left = [_take_factors(rest, length, 0) for length in wanted[:open_at]]
    right = [_take_factors(rest, length, -1) for length in reversed(wanted[open_at + 1 :])][::-1]
    groups = list(zip(left, wanted[:open_at], strict=True))
    if open_at < len(wanted):
        middle = rest
        groups.append((middle, _product(middle)))
        rest = []
    groups += list(zip(right, wanted[open_at + 1 :], strict=True))
    if rest:
        raise NotUnderstoodError
    return [_merge(group) for group, _ in groups], [length for _, length in groups]


def _take_factors(rest: list[Factor], length: Count, end: int) -> list[Factor]:
    """Take factors off one end of a list until their product is a length; features are split where that needs it."""
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
    return taken


def _product(factors: Sequence[Factor]) -> Count:
    product: Count = 1
    for _, dim in factors:
        product = product * dim
    return product


def _merge(group: Sequence[Factor]) -> TensorAxis:
    """Return the axis that factors are together."""
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


def _with_rest(wanted: Sequence[Count], dims: Sequence[Count]) -> list[Count]:
    """Return the lengths wanted with what remains of the old ones in place of -1."""
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
