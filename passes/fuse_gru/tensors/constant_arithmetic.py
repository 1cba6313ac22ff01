"""Arithmetic on constants: numbers by numpy, whole numbers that are not all known by :mod:`counting`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine, is_negative, symbol
from gru_lower.passes.fuse_gru.tensors.tensor import Const, NotUnderstoodError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gru_lower.passes.fuse_gru.algebra.matrices import Array
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count

POSITION = symbol(("#",))
"""The place in a vector whose length is not known."""


class Condition(NamedTuple):
    """A comparison of whole numbers that are not all known."""

    op: str
    left: Count
    right: Count


def _divide(left: Array, right: Array) -> Array:
    if object in (left.dtype, right.dtype) or left.dtype.kind in "iu":
        return np.asarray(left // right)
    return np.asarray(left / right)


def _sigmoid(value: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-value)), value.dtype)


def _where(condition: Array, left: Array, right: Array) -> Array:
    if condition.dtype == object:
        entries = condition.reshape(-1)
        if not all(isinstance(entry, (bool, np.bool_)) for entry in entries):
            raise NotUnderstoodError
        condition = condition.astype(bool)
    return np.where(condition, left, right)


def _clip(value: Array, low: Array | None = None, high: Array | None = None) -> Array:
    return np.clip(value, low, high)


def _compare(name: str, function: Callable[..., Any]) -> Callable[..., Array]:
    def run(left: Array, right: Array) -> Array:
        if object not in (left.dtype, right.dtype):
            return np.asarray(function(left, right))
        pairs = np.broadcast(left, right)
        entries = [_compared(name, function, a, b) for a, b in pairs]
        if all(isinstance(entry, bool) for entry in entries):
            return np.array(entries, bool).reshape(pairs.shape)
        made = np.empty(len(entries), object)
        for place, entry in enumerate(entries):
            made[place] = entry
        return made.reshape(pairs.shape)

    return run


def _compared(name: str, function: Callable[..., Any], left: Count, right: Count) -> Any:  # noqa: ANN401 - bool or Condition
    difference = left - right
    if not isinstance(difference, Affine):
        return bool(function(difference, 0))
    below, above = is_negative(difference), is_negative(-difference)
    decided = {
        "Less": below,
        "GreaterOrEqual": None if below is None else not below,
        "Greater": above,
        "LessOrEqual": None if above is None else not above,
        "Equal": False if below or above else None,
    }[name]
    return Condition(name, left, right) if decided is None else decided


def _and(left: Array, right: Array) -> Array:
    if object not in (left.dtype, right.dtype):
        return np.logical_and(left, right)
    if left.size != 1 or right.size != 1:
        raise NotUnderstoodError
    one, other = left.reshape(-1)[0], right.reshape(-1)[0]
    for first, second in ((one, other), (other, one)):
        if isinstance(first, (bool, np.bool_)):
            return _single(second if first else False, left)
    return _single((*_all(one), *_all(other)), left)


OPPOSITE = {"Less": "GreaterOrEqual", "GreaterOrEqual": "Less", "Greater": "LessOrEqual", "LessOrEqual": "Greater"}


def _not(value: Array) -> Array:
    if value.dtype != object:
        return np.logical_not(value)
    entry = value.reshape(-1)[0]
    if value.size != 1 or not isinstance(entry, Condition) or entry.op not in OPPOSITE:
        raise NotUnderstoodError
    return _single(entry._replace(op=OPPOSITE[entry.op]), value)


def _or(left: Array, right: Array) -> Array:
    if object not in (left.dtype, right.dtype):
        return np.logical_or(left, right)
    if left.size != 1 or right.size != 1:
        raise NotUnderstoodError
    one, other = left.reshape(-1)[0], right.reshape(-1)[0]
    for first, second in ((one, other), (other, one)):
        if isinstance(first, (bool, np.bool_)):
            return _single(True if first else second, left)
    raise NotUnderstoodError


def _all(condition: Any) -> tuple[Condition, ...]:  # noqa: ANN401 - a Condition, or several that all have to hold
    return (condition,) if isinstance(condition, Condition) else tuple(condition)


def _single(entry: Any, like: Array) -> Array:  # noqa: ANN401 - a bool or conditions
    if isinstance(entry, (bool, np.bool_)):
        return np.full(like.shape, bool(entry))
    array = np.empty(1, object)
    array[0] = entry
    return array.reshape(like.shape)


def _extreme(sign: int, function: Callable[..., Any]) -> Callable[..., Array]:
    """The greater (sign 1) or lesser one."""

    def run(*arrays: Array) -> Array:
        result = arrays[0]
        for array in arrays[1:]:
            if object not in (result.dtype, array.dtype):
                result = np.asarray(function(result, array))
                continue
            pairs = np.broadcast(result, array)
            chosen = np.empty(pairs.size, object)
            for place, (one, other) in enumerate(pairs):
                if is_negative((other - one) * sign) is False:
                    chosen[place] = other
                elif is_negative((one - other) * sign) is False:
                    chosen[place] = one
                else:
                    raise NotUnderstoodError
            result = chosen.reshape(pairs.shape)
        return result

    return run


def _numbers(function: Callable[..., Any]) -> Callable[..., Array]:
    def run(*arrays: Array) -> Array:
        if any(array.dtype == object for array in arrays):
            raise NotUnderstoodError
        return np.asarray(function(*arrays))

    return run


ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "Add": lambda *arrays: sum(arrays[1:], arrays[0]),
    "Sum": lambda *arrays: sum(arrays[1:], arrays[0]),
    "Sub": lambda left, right: left - right,
    "Mul": lambda left, right: left * right,
    "Div": _divide,
    "Neg": lambda value: -value,
    "Mod": lambda left, right: left % right,
    "Less": _compare("Less", np.less),
    "LessOrEqual": _compare("LessOrEqual", np.less_equal),
    "Greater": _compare("Greater", np.greater),
    "GreaterOrEqual": _compare("GreaterOrEqual", np.greater_equal),
    "Equal": _compare("Equal", np.equal),
    "And": _and,
    "Or": _or,
    "Not": _not,
    "Where": _where,
    "Max": _extreme(1, np.maximum),
    "Min": _extreme(-1, np.minimum),
    "Clip": _numbers(_clip),
    "Abs": _numbers(np.abs),
    "Exp": _numbers(np.exp),
    "Sqrt": _numbers(np.sqrt),
    "Floor": _numbers(np.floor),
    "Ceil": _numbers(np.ceil),
    "Pow": _numbers(lambda base, exponent: np.power(base, exponent).astype(base.dtype)),
    "Reciprocal": _numbers(lambda value: 1 / value),
    "Sigmoid": _numbers(_sigmoid),
    "Tanh": _numbers(np.tanh),
    "Relu": _numbers(lambda value: np.maximum(value, 0)),
}


def fold(op: str, given: Sequence[Const]) -> Const:
    """Compute an elementwise operator on constants.

    Raises:
        NotUnderstoodError: It is not known for these.

    """
    function = ELEMENTWISE.get(op)
    if function is None or not given:
        raise NotUnderstoodError
    try:
        array = np.asarray(function(*(value.array for value in given)))
    except (TypeError, ValueError) as error:  # unknown numbers where only known ones will do
        raise NotUnderstoodError from error
    rank = max(len(value.dims) for value in given)
    dims: list[Count] = [1] * rank
    for value in given:
        for axis, dim in enumerate(value.dims, rank - len(value.dims)):
            if (dim != 1 and not isinstance(dims[axis], int)) or dims[axis] == 1:
                dims[axis] = dim
    return Const(array.reshape((1,) * (rank - array.ndim) + array.shape), tuple(dims))


def vector(entries: Sequence[Count]) -> Const:
    """Return a vector of whole numbers."""
    if all(isinstance(entry, int) for entry in entries):
        return Const(np.array(entries, np.int64), (len(entries),))
    array = np.empty(len(entries), object)
    array[:] = entries
    return Const(array, (len(entries),))


def entries(const: Const) -> list[Count]:
    """Return the whole numbers of a vector or scalar.

    Raises:
        NotUnderstoodError: They are not whole, or not all there.

    """
    if not const.whole or len(const.dims) > 1 or const.array.dtype.kind not in "iuO":
        raise NotUnderstoodError
    return [entry if isinstance(entry, Affine) else int(entry) for entry in const.array.reshape(-1)]


def arange(start: Const, limit: Const, delta: Const) -> Const:
    """Return the vector from start up to, not with, limit."""
    first, last, step = (value.array.reshape(-1)[0] for value in (start, limit, delta))
    if not any(isinstance(entry, Affine) for entry in (first, last, step)):
        array = np.arange(first, last, step, dtype=start.array.dtype if start.array.dtype != object else np.int64)
        return Const(array, array.shape)
    if step not in (1, -1):
        raise NotUnderstoodError
    length = (last - first) * int(step)
    entry = POSITION * int(step) + first
    array = np.empty(1, object)
    array[0] = entry
    return Const(array, (length,))
