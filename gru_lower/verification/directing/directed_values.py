"""Change drawn values on purpose: to the ends of a table, to both sides of a number, to other sizes, to NaN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper

from gru_lower.verification.arrays import is_float

if TYPE_CHECKING:
    from gru_lower.verification.arrays import Array
    from gru_lower.verification.inputs.model_inputs import Input

MOST_NUMBERS = 8
_NEAR, _NEAREST = 0.05, 0.2  # a share of the number itself, or of 1; and the least share of that


def takes_floats(spec: Input) -> bool:
    """Whether an input that has to be fed takes real floats."""
    if spec.default is not None or spec.elem_type in {TensorProto.COMPLEX64, TensorProto.COMPLEX128}:
        return False
    return spec.elem_type != TensorProto.STRING and is_float(helper.tensor_dtype_to_np_dtype(spec.elem_type))


def swept_ids(array: Array, limit: int, sweep: int, rng: np.random.Generator) -> Array:
    """Return indices below a limit: from both ends, the last first, in sweep 0; else all of them in some order."""
    count = np.arange(array.size)
    if sweep == 0:
        flat = np.where(count % 2 == 0, limit - 1 - count // 2 % limit, count // 2 % limit)
    else:
        flat = np.resize(np.roll(rng.permutation(limit), -(sweep - 1) * array.size), array.size)
    return flat.reshape(array.shape).astype(array.dtype)


def around(
    array: Array,
    numbers: list[float],
    exact: list[float],
    side: int,
    limits: tuple[int | None, int | None],
    rng: np.random.Generator,
) -> Array:
    """Return values around numbers.

    Args:
        array: What was drawn; some of its values stay where both sides are wanted.
        numbers: The numbers.
        exact: Those that are worth meeting exactly.
        side: 1 for above, -1 for below, 0 for both.
        limits: The least and the largest value; ``None`` where there is none. For whole numbers only.
        rng: Draws.

    """
    if array.dtype.kind in "iu":
        return _whole_around(array, numbers, side, limits, rng)
    if not is_float(array.dtype):
        return array
    chosen = rng.choice(np.asarray(numbers, np.float64), array.shape)
    reach = _NEAR * np.maximum(np.abs(chosen), 1.0)
    sign = rng.choice([-1.0, 1.0], array.shape) if side == 0 else float(side)
    values = chosen + sign * reach * rng.uniform(_NEAREST, 1.0, array.shape)
    if side == 0:
        values = np.where(rng.random(array.shape) < 0.3, array.astype(np.float64), values)
        if exact:
            values = np.where(rng.random(array.shape) < 0.2, rng.choice(np.asarray(exact), array.shape), values)
            values.reshape(-1)[: len(exact)] = exact[: values.size]
    return _cast(values, array.dtype)


def _whole_around(
    array: Array, numbers: list[float], side: int, limits: tuple[int | None, int | None], rng: np.random.Generator
) -> Array:
    info = np.iinfo(array.dtype)
    least = info.min if limits[0] is None else limits[0]
    most = info.max if limits[1] is None else max(least, limits[1])
    steps = {0: (-1, 0, 1), 1: (1,), -1: (0,)}[side]
    values = [int(np.floor(number)) + step for number in numbers for step in steps if abs(number) < 2**53]
    fitting = [value for value in values if least <= value <= most]
    if not fitting:
        return array
    return rng.choice(np.asarray(fitting), array.shape).astype(array.dtype)


def scaled(array: Array, factor: float) -> Array:
    """Return floats times a factor, cut off where their type ends."""
    return _cast(array.astype(np.float64) * factor, array.dtype)


def with_special(array: Array, value: float, rng: np.random.Generator) -> Array:
    """Return floats of which the first and about every fourth is NaN or an infinity."""
    chosen = rng.random(array.shape) < 0.25
    if chosen.size:
        chosen.reshape(-1)[0] = True
    return np.where(chosen, np.asarray(value).astype(array.dtype), array)


def _cast(values: Array, dtype: np.dtype[Any]) -> Array:
    with np.errstate(over="ignore"):
        cast = np.asarray(values).astype(dtype)
    largest = np.asarray(np.finfo(dtype).max if dtype.kind == "f" else 3e38).astype(dtype)
    finite: Array = np.where(np.isfinite(cast.astype(np.float64)), cast, np.sign(values).astype(dtype) * largest)
    return finite.astype(dtype)
