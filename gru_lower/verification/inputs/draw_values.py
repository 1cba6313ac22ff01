"""Values for one input: of its type and shape, and fit for what the model does with them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto

from gru_lower.verification.comparing.tolerance import is_float

if TYPE_CHECKING:
    from gru_lower.verification.inputs.dims import Input
    from gru_lower.verification.inputs.roles import Role
    from gru_lower.verification.result import Array

_LENGTHS = re.compile(r"len(gth)?s?(?![a-z])", re.IGNORECASE)
_MASK = re.compile(r"mask", re.IGNORECASE)
_WORDS = ("to", "be", "or", "not", "état", "")
_MOST_TRIPS = 5
_FEW = 4
_SIZES = (-2.0, 1.0)  # decades of wild values: below, gates are linear; above, nothing but saturated


@dataclass(frozen=True)
class Wanted:
    """What values are wanted.

    Attributes:
        spec: The input.
        shape: Its shape in this case.
        role: What the model uses it for, if that is known.
        bound: The size that indices stay below and lengths do not exceed.
        zero_lengths: Let one sequence length be 0.
        attempt: Which case this is: single booleans and the kind of floats take turns.
        wild: Let floats be of every size.

    """

    spec: Input
    shape: tuple[int, ...]
    role: Role | None
    bound: int
    zero_lengths: bool
    attempt: int
    wild: bool = False


def are_lengths(spec: Input, role: Role | None) -> bool:
    """Whether an integer input holds sequence lengths, by its use or, failing that, by its name."""
    if role is not None:
        return role.kind == "lengths"
    return _LENGTHS.search(spec.name) is not None and len(spec.dims or ()) <= 2


def values(wanted: Wanted, rng: np.random.Generator) -> Array:
    """Return values for one input, of the type it declares."""
    elem_type, shape = wanted.spec.elem_type, wanted.shape
    if elem_type == TensorProto.STRING:
        return rng.choice(np.array(_WORDS, dtype=object), size=shape)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(elem_type)
    if dtype.kind == "b" or (wanted.role is None and _MASK.search(wanted.spec.name)):
        return _mixed(shape, rng, wanted.attempt).astype(dtype)
    if is_float(dtype):
        return _floats(wanted, rng).astype(dtype)
    return _integers(wanted, rng).astype(dtype)


def _floats(wanted: Wanted, rng: np.random.Generator) -> Array:
    spec, shape = wanted.spec, wanted.shape
    if spec.default is not None:
        default: Array = onnx.numpy_helper.to_array(spec.default).astype(np.float64)
        return np.asarray(default * rng.uniform(0.5, 1.5, size=shape))
    if wanted.attempt % 3 == 2:
        drawn: Array = rng.uniform(0.05, 1, size=shape)
    else:
        drawn = np.asarray(rng.standard_normal(shape)).clip(-3, 3)
    if wanted.role is not None and wanted.role.kind == "weight":
        drawn = drawn / np.sqrt(max(1, shape[-1]))  # or the recurrence is chaotic, and nothing can be compared
    elif wanted.wild:
        drawn = drawn * _sizes(shape, rng)
    if spec.elem_type in {TensorProto.COMPLEX64, TensorProto.COMPLEX128}:
        drawn = drawn + 1j * rng.standard_normal(shape)
    return drawn


def _sizes(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return factors, one for each place along the leading axes, so that one case holds tame values and wild ones."""
    low, high = np.sort(rng.uniform(*_SIZES, 2)) if rng.random() < 0.7 else np.repeat(rng.uniform(*_SIZES), 2)
    sizes: Array = 10.0 ** rng.uniform(low, high, (*shape[:-1], 1) if shape else ())
    return sizes


def _integers(wanted: Wanted, rng: np.random.Generator) -> Array:
    spec, shape, role = wanted.spec, wanted.shape, wanted.role
    if role is not None and role.kind == "index":
        return rng.integers(0, max(1, wanted.bound), size=shape)
    if are_lengths(spec, role):
        some_empty = wanted.zero_lengths and (wanted.attempt % 2 or not wanted.wild)
        if wanted.wild and wanted.attempt % 3 == 0:
            return rng.integers(0 if wanted.zero_lengths else min(1, wanted.bound), wanted.bound + 1, size=shape)
        return _lengths(shape, wanted.bound, 0 if some_empty else 1, rng)
    if role is not None and role.kind == "trips":
        return rng.integers(1, _MOST_TRIPS + 1, size=shape)
    if spec.elem_type == TensorProto.INT8:
        return rng.integers(-128, 128, size=shape)
    return rng.integers(0, 256 if spec.elem_type == TensorProto.UINT8 else _FEW, size=shape)


def _lengths(shape: tuple[int, ...], longest: int, shortest: int, rng: np.random.Generator) -> Array:
    """Return ragged lengths, one of them full, and one 0 where zeros are asked for and there is room."""
    lens = rng.integers(min(shortest, longest), longest + 1, size=shape)
    flat, places = np.reshape(lens, -1), rng.permutation(np.size(lens))
    if flat.size > 1 and shortest == 0:
        flat[places[1]] = 0
    if flat.size:
        flat[places[0]] = longest
    return flat.reshape(shape)


def _mixed(shape: tuple[int, ...], rng: np.random.Generator, attempt: int) -> Array:
    """Return booleans of both kinds; a single one takes turns, so that both branches of an If run."""
    flat = rng.random(int(np.prod(shape))) < 0.5
    if flat.size == 1:
        flat[0] = attempt % 2 == 0
    elif flat.size:
        flat[0], flat[-1] = True, False
    return flat.reshape(shape)
