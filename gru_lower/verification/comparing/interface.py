"""Whether two models can be fed the same and asked for the same, and in which types they compute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto

from gru_lower.verification.comparing.tolerance import is_float
from gru_lower.verification.inputs.dims import BadInputs, Input, inputs_of, spell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gru_lower.verification.result import Array, Feeds

_COARSEST_FIRST = {TensorProto.BFLOAT16: "bfloat16", TensorProto.FLOAT16: "float16"}


def interface_difference(a: onnx.ModelProto, b: onnx.ModelProto) -> str:
    """Return the first difference between the inputs or outputs of two models in one line; "" if there is none.

    Inputs may come in any order, dims may be static in one and unknown in the other, and inputs that need not be fed
    may be missing; outputs must come in the same order.
    """
    ours, theirs = inputs_of(a), inputs_of(b)
    for name, spec in ours.items():
        if name not in theirs and spec.default is None:
            return f"input {name!r} is gone"
        if name in theirs and (difference := _input_difference(spec, theirs[name])):
            return difference
    for name, spec in theirs.items():
        if name not in ours and spec.default is None and name not in {value.name for value in a.graph.input}:
            return f"input {name!r} is new"
    before, after = ([output.name for output in model.graph.output] for model in (a, b))
    if before != after:
        return f"outputs {before} became {after}"
    for first, second in zip(a.graph.output, b.graph.output, strict=True):
        types = first.type.tensor_type.elem_type, second.type.tensor_type.elem_type
        if all(types) and types[0] != types[1]:
            return f"output {first.name!r} is {_type(types[0])} in one model and {_type(types[1])} in the other"
    return ""


def _input_difference(a: Input, b: Input) -> str:
    if a.elem_type != b.elem_type:
        return f"input {a.name!r} is {_type(a.elem_type)} in one model and {_type(b.elem_type)} in the other"
    if a.dims is None or b.dims is None:
        return ""
    fits = len(a.dims) == len(b.dims) and all(
        isinstance(x, str) or isinstance(y, str) or x == y for x, y in zip(a.dims, b.dims, strict=True)
    )
    return "" if fits else f"input {a.name!r} has shape {list(a.dims)} in one model and {list(b.dims)} in the other"


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
                hint=f"its inputs are {', '.join(map(repr, known))}",
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
        _refuse_shape(wanted[name], array, f"input {name!r}")
        if name in theirs:
            _refuse_shape(theirs[name], array, f"input {name!r} of the other model")
    return feeds


def revived(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return an array read from one of numpy's files, which keep bfloat16 and its like as bytes of nothing."""
    bytes_of_nothing = array.dtype.type is np.void and array.dtype.names is None
    strange = dtype.type.__module__ == "ml_dtypes"
    return array.view(dtype) if bytes_of_nothing and strange and array.dtype.itemsize == dtype.itemsize else array


def array_of(name: str, given: object) -> Array:
    """Return what was given as an array.

    Raises:
        BadInputs: It is none: nested lists of unequal lengths.

    """
    try:
        return np.asarray(given)
    except ValueError as error:
        raise BadInputs(f"the values given for {name!r} are no array", hint="give a numpy array") from error


def _converted(spec: Input, given: Array) -> Array:
    array = array_of(spec.name, given)
    wanted = _type(spec.elem_type)
    if spec.elem_type not in onnx.helper.get_all_tensor_dtypes():
        raise BadInputs(f"input {spec.name!r} takes {wanted}: no array can be given for it", hint="leave --inputs out")
    dtype = onnx.helper.tensor_dtype_to_np_dtype(spec.elem_type)
    array = revived(array, dtype)
    if array.dtype == dtype:
        return array
    text = spec.elem_type == TensorProto.STRING
    hint = f"convert the array before it is saved: array.astype({'str' if text else dtype.name!r})"
    if array.dtype.kind not in "OUST" if text else not np.can_cast(array.dtype, dtype, casting="same_kind"):
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


def _refuse_shape(spec: Input, array: Array, name: str) -> None:
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


def coarsest_float(model: onnx.ModelProto) -> str | None:
    """Return "bfloat16" or "float16" if anything in the model is of that type: weights, casts, inputs; else None."""
    used = {value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output)}
    used.update(tensor.data_type for tensor in model.graph.initializer)
    nodes = [model.graph.node, *(function.node for function in model.functions)]
    used.update(elem_type for part in nodes for elem_type in _types_made(part))
    return next((name for elem_type, name in _COARSEST_FIRST.items() if elem_type in used), None)


def _types_made(nodes: Iterable[onnx.NodeProto]) -> Iterator[int]:
    for node in nodes:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to":
                yield attribute.i
            if attribute.type == onnx.AttributeProto.TENSOR:
                yield attribute.t.data_type
            elif attribute.type == onnx.AttributeProto.GRAPH:
                yield from (tensor.data_type for tensor in attribute.g.initializer)
                yield from _types_made(attribute.g.node)


def _type(elem_type: int) -> str:
    if elem_type not in TensorProto.DataType.values():
        return f"element type {elem_type}"
    return str(TensorProto.DataType.Name(elem_type)).lower() if elem_type else "no tensor"
