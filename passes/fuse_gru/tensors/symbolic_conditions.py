"""Comparisons, And, Or, Not, Max and Min of arrays of integers that are not all known.

What is not decided whatever the unknown integers are is a :class:`Condition`, or a tuple of conditions that all have to
hold, as the entry of an array of objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine, is_negative

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.passes.fuse_gru.algebra.matrices import Array
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count

OPPOSITE = {"Less": "GreaterOrEqual", "GreaterOrEqual": "Less", "Greater": "LessOrEqual", "LessOrEqual": "Greater"}


class Condition(NamedTuple):
    """A comparison of integers that depends on those that are not known.

    Attributes:
        op: The ONNX operator.
        left: Its first input.
        right: Its second input.

    """

    op: str
    left: Count
    right: Count


def comparison(name: str, function: Callable[..., Any]) -> Callable[..., Array]:
    """Return an ONNX comparison of arrays, given its name and what numpy calls it."""

    def run(left: Array, right: Array) -> Array:
        if object not in (left.dtype, right.dtype):
            return np.asarray(function(left, right))
        pairs = np.broadcast(left, right)
        entries = [_decided(name, function, a, b) for a, b in pairs]
        if all(isinstance(entry, bool) for entry in entries):
            return np.array(entries, bool).reshape(pairs.shape)
        made = np.empty(len(entries), object)
        for place, entry in enumerate(entries):
            made[place] = entry
        return made.reshape(pairs.shape)

    return run


def _decided(name: str, function: Callable[..., Any], left: Count, right: Count) -> Any:  # noqa: ANN401 - bool or Condition
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


def logical_and(left: Array, right: Array) -> Array:
    """Return And of booleans, or of one condition and another.

    Raises:
        NotUnderstoodError: There is more than one condition in an array.

    """
    if object not in (left.dtype, right.dtype):
        return np.logical_and(left, right)
    first, second = _boolean_first(left, right)
    if isinstance(first, (bool, np.bool_)):
        return _single(second if first else False, left)
    return _single((*_conditions(first), *_conditions(second)), left)


def logical_not(array: Array) -> Array:
    """Return Not of booleans, or of one condition.

    Raises:
        NotUnderstoodError: The condition has no opposite.

    """
    if array.dtype != object:
        return np.logical_not(array)
    entry = array.reshape(-1)[0]
    if array.size != 1 or not isinstance(entry, Condition) or entry.op not in OPPOSITE:
        raise NotUnderstoodError
    return _single(entry._replace(op=OPPOSITE[entry.op]), array)


def logical_or(left: Array, right: Array) -> Array:
    """Return Or of booleans, or of a boolean and a condition.

    Raises:
        NotUnderstoodError: Neither is a boolean.

    """
    if object not in (left.dtype, right.dtype):
        return np.logical_or(left, right)
    first, second = _boolean_first(left, right)
    if not isinstance(first, (bool, np.bool_)):
        raise NotUnderstoodError
    return _single(True if first else second, left)


def _boolean_first(left: Array, right: Array) -> tuple[Any, Any]:
    """Return the entries of two arrays of one entry each: first the one that is a boolean, if either is."""
    if left.size != 1 or right.size != 1:
        raise NotUnderstoodError
    one, other = left.reshape(-1)[0], right.reshape(-1)[0]
    swapped = isinstance(other, (bool, np.bool_)) and not isinstance(one, (bool, np.bool_))
    return (other, one) if swapped else (one, other)


def _conditions(condition: Any) -> tuple[Condition, ...]:  # noqa: ANN401 - a Condition, or several that all have to hold
    return (condition,) if isinstance(condition, Condition) else tuple(condition)


def _single(entry: Any, like: Array) -> Array:  # noqa: ANN401 - a bool or conditions
    if isinstance(entry, (bool, np.bool_)):
        return np.full(like.shape, bool(entry))
    array = np.empty(1, object)
    array[0] = entry
    return array.reshape(like.shape)


def extreme(sign: int, function: Callable[..., Any]) -> Callable[..., Array]:
    """Return Max (sign 1) or Min (sign -1) of arrays, given what numpy calls it."""

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
