"""Arrays that models take and return, and the element types that ml_dtypes adds to numpy's."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Feeds = dict[str, Array]
"""Arrays by the name of an input or output."""


@cache
def name_of(dtype: np.dtype[Any]) -> str:
    """Return a dtype's name, which numpy puts together each time that it is asked."""
    return dtype.name


def is_float(dtype: np.dtype[Any]) -> bool:
    """Whether the type is a real or complex float; ml_dtypes's floats are of no kind numpy knows."""
    return dtype.kind in "fc" or "float" in name_of(dtype)


def is_text(dtype: np.dtype[Any]) -> bool:
    """Whether the type is one of numpy's for strings: objects, str, bytes or its variable-width strings."""
    return dtype.kind in "OUST"


def eps(dtype: np.dtype[Any]) -> float:
    """Return the distance from 1 to the next value of a float type."""
    if dtype.kind in "fc":
        return float(np.finfo(dtype).eps)
    import ml_dtypes

    return float(ml_dtypes.finfo(dtype).eps)  # type: ignore[no-untyped-call]


def widened(values: Array) -> Array:
    """Return numbers as float64, complex ones as complex128."""
    return values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)


def dtype_of(name: str) -> np.dtype[Any]:
    """Return the numpy dtype of that name, those that ml_dtypes adds (bfloat16, float8, int4) included."""
    try:
        return np.dtype(name)
    except TypeError:
        import ml_dtypes

        added: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
        return added


def restored(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return an array that was read from an .npy or .npz file in its own type.

    Those files keep bfloat16 and the other types of ml_dtypes as raw bytes. Any other array is returned as it is.

    Args:
        array: What was read.
        dtype: The type it should have.

    """
    raw = array.dtype.type is np.void and array.dtype.names is None
    added = dtype.type.__module__ == "ml_dtypes"
    return array.view(dtype) if raw and added and array.dtype.itemsize == dtype.itemsize else array
