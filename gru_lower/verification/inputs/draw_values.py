"""Draw values for one input: of its type and shape, and fit for what the model does with them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto

from gru_lower.light_dataclass import dataclass
from gru_lower.verification.arrays import is_float
from gru_lower.verification.inputs.sequence_lengths import are_lengths, draw_lengths

if TYPE_CHECKING:
    from gru_lower.verification.arrays import Array
    from gru_lower.verification.inputs.model_inputs import Input
    from gru_lower.verification.inputs.roles import Role

_MASK = re.compile(r"mask", re.IGNORECASE)
_WORDS = ("to", "be", "or", "not", "état", "")
_MOST_TRIPS = 5
_FEW = 4
_DECADES = (-2.0, 1.0)  # powers of ten of wild values: below, gates are linear; above, nothing but saturated


@dataclass(frozen=True)
class Wanted:
    """The values that are wanted for one input.

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


def draw_values(wanted: Wanted, rng: np.random.Generator) -> Array:
    """Return values for one input, of the type it declares."""
    elem_type, shape = wanted.spec.elem_type, wanted.shape
    if elem_type == TensorProto.STRING:
        return rng.choice(np.array(_WORDS, dtype=object), size=shape)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(elem_type)
    if dtype.kind == "b" or (wanted.role is None and _MASK.search(wanted.spec.name)):
        return _booleans(shape, rng, wanted.attempt).astype(dtype)
    if is_float(dtype):
        return _float_values(wanted, rng).astype(dtype)
    return _integer_values(wanted, rng).astype(dtype)


def _float_values(wanted: Wanted, rng: np.random.Generator) -> Array:
    spec, shape = wanted.spec, wanted.shape
    if spec.default is not None:
        default: Array = np.broadcast_to(onnx.numpy_helper.to_array(spec.default).astype(np.float64), shape)
        return np.where(default == 0, 0.5 * rng.standard_normal(shape), default * rng.uniform(0.5, 1.5, size=shape))
    if wanted.attempt % 3 == 2:
        drawn: Array = rng.uniform(0.05, 1, size=shape)
    else:
        drawn = np.asarray(rng.standard_normal(shape)).clip(-3, 3)
    if wanted.role is not None and wanted.role.kind == "weight":
        drawn = drawn / np.sqrt(max(1, shape[-1]))  # or the recurrence is chaotic, and nothing can be compared
    elif wanted.wild:
        drawn = drawn * _decades(shape, rng)
    if spec.elem_type in {TensorProto.COMPLEX64, TensorProto.COMPLEX128}:
        drawn = drawn + 1j * rng.standard_normal(shape)
    return drawn


def _decades(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return factors, one for each place along the leading axes, so that one case has both small and large values."""
    low, high = np.sort(rng.uniform(*_DECADES, 2)) if rng.random() < 0.7 else np.repeat(rng.uniform(*_DECADES), 2)
    factors: Array = 10.0 ** rng.uniform(low, high, (*shape[:-1], 1) if shape else ())
    return factors


def _integer_values(wanted: Wanted, rng: np.random.Generator) -> Array:
    spec, shape, role = wanted.spec, wanted.shape, wanted.role
    if role is not None and role.kind == "index":
        return rng.integers(0, max(1, wanted.bound), size=shape)
    if are_lengths(spec, role):
        return draw_lengths(
            shape,
            wanted.bound,
            zero_lengths=wanted.zero_lengths,
            attempt=wanted.attempt,
            wild=wanted.wild,
            rng=rng,
        )
    if role is not None and role.kind == "trips":
        return rng.integers(1, _MOST_TRIPS + 1, size=shape)
    if spec.elem_type == TensorProto.INT8:
        return rng.integers(-128, 128, size=shape)
    return rng.integers(0, 256 if spec.elem_type == TensorProto.UINT8 else _FEW, size=shape)


def _booleans(shape: tuple[int, ...], rng: np.random.Generator, attempt: int) -> Array:
    """Return booleans of both kinds; a single one takes turns, so that both branches of an If run."""
    flat = rng.random(int(np.prod(shape))) < 0.5
    if flat.size == 1:
        flat[0] = attempt % 2 == 0
    elif flat.size:
        flat[0], flat[-1] = True, False
    return flat.reshape(shape)
