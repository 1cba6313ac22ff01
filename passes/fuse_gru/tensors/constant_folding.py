"""Constant folding of elementwise operators: Clip, Sigmoid, Add, ... of constant arrays, by numpy.

An array of objects holds integers that are not all known; operators that cannot compute with these are not folded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError
from gru_lower.passes.fuse_gru.tensors.constant_size import check_size
from gru_lower.passes.fuse_gru.tensors.symbolic_conditions import (
    comparison,
    extreme,
    logical_and,
    logical_not,
    logical_or,
)
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gru_lower.passes.fuse_gru.algebra.matrices import Array
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count


def _divide(left: Array, right: Array) -> Array:
    if object in (left.dtype, right.dtype) or left.dtype.kind in "iu":
        return np.asarray(left // right)
    return np.asarray(left / right)


def _sigmoid(array: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-array)), array.dtype)


def _where(condition: Array, left: Array, right: Array) -> Array:
    if condition.dtype == object:
        entries = condition.reshape(-1)
        if not all(isinstance(entry, (bool, np.bool_)) for entry in entries):
            raise NotUnderstoodError
        condition = condition.astype(bool)
    return np.where(condition, left, right)


def _clip(array: Array, low: Array | None = None, high: Array | None = None) -> Array:
    return np.clip(array, low, high)


def _of_known_numbers(function: Callable[..., Any]) -> Callable[..., Array]:
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
    "Neg": lambda array: -array,
    "Mod": lambda left, right: left % right,
    "Less": comparison("Less", np.less),
    "LessOrEqual": comparison("LessOrEqual", np.less_equal),
    "Greater": comparison("Greater", np.greater),
    "GreaterOrEqual": comparison("GreaterOrEqual", np.greater_equal),
    "Equal": comparison("Equal", np.equal),
    "And": logical_and,
    "Or": logical_or,
    "Not": logical_not,
    "Where": _where,
    "Max": extreme(1, np.maximum),
    "Min": extreme(-1, np.minimum),
    "Clip": _of_known_numbers(_clip),
    "Abs": _of_known_numbers(np.abs),
    "Exp": _of_known_numbers(np.exp),
    "Sqrt": _of_known_numbers(np.sqrt),
    "Floor": _of_known_numbers(np.floor),
    "Ceil": _of_known_numbers(np.ceil),
    "Pow": _of_known_numbers(lambda base, exponent: np.power(base, exponent).astype(base.dtype)),
    "Reciprocal": _of_known_numbers(lambda array: 1 / array),
    "Sigmoid": _of_known_numbers(_sigmoid),
    "Tanh": _of_known_numbers(np.tanh),
    "Relu": _of_known_numbers(lambda array: np.maximum(array, 0)),
}


def fold(op: str, given: Sequence[ConstTensor]) -> ConstTensor:
    """Return an elementwise ONNX operator of constants, which are broadcast.

    Raises:
        NotUnderstoodError: The operator is not in the table, or the integers that are unknown make a difference to it.

    """
    function = ELEMENTWISE.get(op)
    if function is None or not given:
        raise NotUnderstoodError
    shape = np.broadcast_shapes(*(tensor.array.shape for tensor in given))
    check_size(shape, max(tensor.array.itemsize for tensor in given))
    try:
        with np.errstate(all="ignore"):
            array = np.asarray(function(*(tensor.array for tensor in given)))
    except (TypeError, ValueError) as error:  # unknown numbers where only known ones will do
        raise NotUnderstoodError from error
    rank = max(len(tensor.dims) for tensor in given)
    dims: list[Count] = [1] * rank
    for tensor in given:
        for axis, dim in enumerate(tensor.dims, rank - len(tensor.dims)):
            if (dim != 1 and not isinstance(dims[axis], int)) or dims[axis] == 1:
                dims[axis] = dim
    return ConstTensor(array.reshape((1,) * (rank - array.ndim) + array.shape), tuple(dims))
