"""Values of tensors: read as numpy arrays, or cut into pieces without touching their bytes."""

from __future__ import annotations

import hashlib
import math
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import numpy_helper

from gru_lower.errors import InternalError, InvalidModel
from gru_lower.graph.external_data import (
    View,
    dims_before,
    is_external,
    mark_transposed,
    open_file,
    resolve,
    set_view,
    view,
    views_before,
)
from gru_lower.graph.model_tensors import tensors
from gru_lower.graph.read_arrays import read_bytes
from gru_lower.graph.tensor_size import PACKED_BITS, byte_size, itemsize

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gru_lower.graph.read_arrays import ReadBytes
    from gru_lower.graph.set_aside import Aside


BLOCK = 1 << 22
PLAIN = {
    getattr(onnx.TensorProto, name): np.dtype(kind)
    for name, kind in (
        *(("FLOAT", "<f4"), ("DOUBLE", "<f8"), ("FLOAT16", "<f2"), ("INT32", "<i4"), ("INT64", "<i8")),
        *(("INT8", "i1"), ("UINT8", "u1"), ("BOOL", "?")),
    )
}
"""Element types that numpy has as they lie in raw data."""
TYPES_OF_PLAIN = {dtype.newbyteorder("="): number for number, dtype in PLAIN.items()}


def to_array(
    tensor: onnx.TensorProto, base_dir: Path | None, *, may_map: bool = False
) -> np.ndarray[Any, np.dtype[Any]]:
    """Read a tensor's values, from its file if need be.

    Args:
        tensor: The tensor.
        base_dir: Where external data lies.
        may_map: Whether its file stays as it is as long as the values are looked at.

    Raises:
        InvalidModel: The external data is missing, too short, or outside the model's folder; or the tensor's
            own data does not fit its shape.

    """
    if not is_external(tensor):
        plain = PLAIN.get(tensor.data_type) if tensor.HasField("raw_data") else None
        if plain is not None and not tensor.HasField("segment"):
            raw, dims = tensor.raw_data, tuple(tensor.dims)
            if len(raw) == math.prod(dims) * plain.itemsize and min(dims, default=0) >= 0:
                return np.frombuffer(raw, plain).reshape(dims).astype(plain.newbyteorder("="), copy=False)
        try:
            return np.asarray(numpy_helper.to_array(tensor))
        except (ValueError, TypeError, KeyError) as error:
            raise InvalidModel(
                f"tensor {tensor.name!r}: its data does not fit its shape {list(tensor.dims)} ({error})",
                code="GL007",
                hint="export the model again",
            ) from error
    before = dims_before(tensor)
    if before is not None:
        turned = [_read(tensor, where, before, base_dir, may_map=may_map).T for where in views_before(tensor)]
        return (turned[0] if len(turned) == 1 else np.concatenate(turned)).reshape(tuple(tensor.dims))
    return _read(tensor, view(tensor), tensor.dims, base_dir, may_map=may_map)


def _read(
    tensor: onnx.TensorProto, where: View, dims: Sequence[int], base_dir: Path | None, *, may_map: bool
) -> np.ndarray[Any, np.dtype[Any]]:
    path = resolve(where.location, base_dir, tensor.name)
    with open_file(path) as handle:
        read = read_bytes(handle, where, may_map=may_map)
    if len(read) != where.length:
        raise InvalidModel(
            f"tensor {tensor.name!r}: its external data {path} is too short: "
            f"{where.length} bytes wanted at {where.offset}, {len(read)} there",
            code="GL006",
            hint="copy the data file again",
        )
    return _from_raw(tensor, read, dims)


def from_array(array: np.ndarray[Any, np.dtype[Any]]) -> onnx.TensorProto:
    """Return an array as a tensor without a name: what onnx makes of it, in a fifth of the time."""
    number = TYPES_OF_PLAIN.get(array.dtype)
    if number is None or sys.byteorder != "little":
        return numpy_helper.from_array(array)
    return onnx.TensorProto(dims=array.shape, data_type=number, raw_data=array.tobytes())


def _from_raw(tensor: onnx.TensorProto, raw: ReadBytes, dims: Sequence[int]) -> np.ndarray[Any, np.dtype[Any]]:
    """Return the values that raw data is, without a copy where elements do not share bytes."""
    wanted = math.prod(dims) * itemsize(tensor.data_type)
    shares_bytes = onnx.TensorProto.DataType.Name(tensor.data_type) in PACKED_BITS
    if shares_bytes or sys.byteorder != "little" or len(raw) != wanted:
        inside = onnx.TensorProto(dims=dims, data_type=tensor.data_type, raw_data=raw.tobytes(), name=tensor.name)
        return to_array(inside, None)
    return raw.view(np.ndarray).view(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)).reshape(dims)


def read_transposed(proto: onnx.ModelProto, base_dir: Path | None, besides: Aside | None = None) -> None:
    """Read every transposed view of a model into the model.

    Args:
        proto: The model.
        base_dir: Where external data lies.
        besides: What was set aside, which is left alone.

    Raises:
        InvalidModel: As :func:`to_array` does.

    """
    for tensor in tensors(proto):
        if dims_before(tensor) is not None and not (besides is not None and besides.holds(tensor)):
            read = numpy_helper.from_array(np.ascontiguousarray(to_array(tensor, base_dir)), tensor.name)
            read.doc_string = tensor.doc_string
            tensor.CopyFrom(read)


def digest(tensor: onnx.TensorProto, base_dir: Path | None) -> bytes:
    """Return a digest of a tensor's bytes, of which external ones are read block by block.

    Raises:
        InvalidModel: As :func:`to_array` does.

    """
    if not is_external(tensor):
        return hashlib.sha256(to_array(tensor, base_dir).tobytes()).digest()
    before = dims_before(tensor)
    found = hashlib.sha256(b"" if before is None else str(before).encode())
    for where in views_before(tensor):
        with open_file(resolve(where.location, base_dir, tensor.name)) as handle:
            handle.seek(where.offset)
            left = where.length
            while left and (block := handle.read(min(left, BLOCK))):
                found.update(block)
                left -= len(block)
    return found.digest()


def cut(tensor: onnx.TensorProto, count: int, shape: tuple[int, ...]) -> list[onnx.TensorProto]:
    """Cut a tensor into ``count`` consecutive pieces of ``shape``.

    Raw and external bytes are sliced as they are, so no value changes; external data becomes views of a file
    that is not looked at.

    Args:
        tensor: A float tensor whose elements are, flattened, those of all pieces.
        count: How many.
        shape: The shape of a piece.

    Raises:
        InvalidModel: The tensor's data does not fit its shape.

    """
    length = math.prod(shape) * itemsize(tensor.data_type)
    pieces = [onnx.TensorProto(data_type=tensor.data_type, dims=shape) for _ in range(count)]
    if dims_before(tensor) is not None:
        for i, piece in enumerate(pieces):
            _take_transposed(tensor, i * length, length, piece)
        return pieces
    if is_external(tensor):
        where = view(tensor)
        _check_length(tensor, where.length)
        for i, piece in enumerate(pieces):
            set_view(piece, View(where.location, where.offset + i * length, length))
        return pieces
    raw = tensor.raw_data if tensor.HasField("raw_data") else to_array(tensor, None).tobytes()
    _check_length(tensor, len(raw))
    for i, piece in enumerate(pieces):
        piece.raw_data = raw[i * length : (i + 1) * length]
    return pieces


def take_rows(matrix: onnx.TensorProto, start: int, end: int) -> onnx.TensorProto:
    """Take some consecutive rows of a matrix, as :func:`cut` takes pieces.

    Args:
        matrix: What :func:`cut` gave, or a tensor like it.
        start: The first row.
        end: Behind the last row.

    """
    row = math.prod(matrix.dims[1:]) * itemsize(matrix.data_type)
    taken = onnx.TensorProto(data_type=matrix.data_type, dims=(end - start, *matrix.dims[1:]))
    if dims_before(matrix) is not None:
        _take_transposed(matrix, start * row, (end - start) * row, taken)
    elif is_external(matrix):
        where = view(matrix)
        set_view(taken, View(where.location, where.offset + start * row, (end - start) * row))
    else:
        taken.raw_data = matrix.raw_data[start * row : end * row]
    return taken


def _take_transposed(tensor: onnx.TensorProto, start: int, length: int, taken: onnx.TensorProto) -> None:
    """Let a tensor be some of the matrices that another one is, which are transposed when they are written."""
    places, before = views_before(tensor), dims_before(tensor)
    each = places[0].length
    if before is None or start % each or length % each or not length:
        raise InternalError(f"tensor {tensor.name!r} is cut within a matrix that is not transposed yet", code="GL901")
    own = places[start // each : (start + length) // each]
    set_view(taken, View(own[0].location, own[0].offset, length))
    mark_transposed(taken, before, [place.offset for place in own[1:]])


def _check_length(tensor: onnx.TensorProto, length: int) -> None:
    if length != byte_size(tensor):
        raise InvalidModel(
            f"tensor {tensor.name!r}: its data does not fit its shape {list(tensor.dims)} "
            f"({byte_size(tensor)} bytes wanted, {length} there)",
            code="GL007",
            hint="export the model again",
        )
