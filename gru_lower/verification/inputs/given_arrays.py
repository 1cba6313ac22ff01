"""Convert arrays that a user hands in to the types and shapes that the model declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx

from gru_lower.nearest_word import did_you_mean
from gru_lower.verification.arrays import is_float, is_text, restored
from gru_lower.verification.inputs.errors import BadInputs
from gru_lower.verification.inputs.model_inputs import Input, inputs_of, spell, type_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.verification.arrays import Array, Feeds


def fitted(model: onnx.ModelProto, given: Mapping[str, Array], other: onnx.ModelProto | None = None) -> Feeds:
    """Return given inputs in the types the model declares, without those that are constants below ir_version 4.

    Arrays are cast as numpy's "same_kind" allows: float64 to float32, int64 to int32, integers to floats; never floats
    to integers, and never where a value would not survive: 300 is no uint8, 1e300 no float32.

    Args:
        model: Whose inputs they are.
        given: Arrays by input name.
        other: A model that is to be fed the same: its static dims bind too.

    Raises:
        BadInputs: One is missing, unknown, of a shape that contradicts the input's, or of a type that does not convert.

    """
    known = [value.name for value in model.graph.input]
    if not hasattr(given, "items"):
        raise BadInputs(
            f"the inputs of one case are a {type(given).__name__}", hint="give a list of dicts: [{name: array, ...}]"
        )
    for name in given:
        if name not in known:
            raise BadInputs(
                f"inputs were given for {name!r}, but the model has no such input",
                hint=did_you_mean(name, known, f"its inputs are {', '.join(map(repr, known))}"),
            )
    wanted = inputs_of(model)
    theirs = inputs_of(other) if other is not None else {}
    for name, spec in wanted.items():
        if name not in given and spec.default is None:
            raise BadInputs(
                f"no values were given for input {name!r}", hint="the file needs an array for every input, by name"
            )
    feeds = {name: _converted(wanted[name], array) for name, array in given.items() if name in wanted}
    for name, array in feeds.items():
        _check_shape(wanted[name], array, f"input {name!r}")
        if name in theirs:
            _check_shape(theirs[name], array, f"input {name!r} of the other model")
    return feeds


def as_array(name: str, given: object) -> Array:
    """Return a value that a user gave as an array.

    Raises:
        BadInputs: It is none: nested lists of unequal lengths.

    """
    try:
        return np.asarray(given)
    except ValueError as error:
        raise BadInputs(f"the values given for {name!r} are no array", hint="give a numpy array") from error


def _converted(spec: Input, given: Array) -> Array:
    array = as_array(spec.name, given)
    wanted = type_name(spec.elem_type)
    if spec.elem_type not in onnx.helper.get_all_tensor_dtypes():
        raise BadInputs(f"input {spec.name!r} takes {wanted}: no array can be given for it", hint="leave --inputs out")
    dtype = onnx.helper.tensor_dtype_to_np_dtype(spec.elem_type)
    array = restored(array, dtype)
    if array.dtype == dtype:
        return array
    text = spec.elem_type == onnx.TensorProto.STRING
    hint = f"convert the array before it is saved: array.astype({'str' if text else dtype.name!r})"
    if not is_text(array.dtype) if text else not np.can_cast(array.dtype, dtype, casting="same_kind"):
        raise BadInputs(
            f"the values given for {spec.name!r} are {array.dtype.name}, its input takes {wanted}", hint=hint
        )
    with np.errstate(over="ignore", invalid="ignore"):
        cast = array.astype(dtype)
        survives = np.isfinite(array) == np.isfinite(cast) if is_float(dtype) else array == cast
    if not np.all(survives):
        value = array[~np.asarray(survives)][0]
        raise BadInputs(f"{value}, given for {spec.name!r}, is no value of its type {wanted}", hint=hint)
    return cast


def _check_shape(spec: Input, array: Array, name: str) -> None:
    if spec.dims is None:
        return
    fits = len(spec.dims) == array.ndim and all(
        isinstance(dim, str) or dim == size for dim, size in zip(spec.dims, array.shape, strict=True)
    )
    if not fits:
        raise BadInputs(
            f"{name} takes shape {spell(spec.dims)}, the array given for it has {spell(array.shape)}",
            hint="axes stand in the input's own order; dims with a name or ? may have any size",
        )
