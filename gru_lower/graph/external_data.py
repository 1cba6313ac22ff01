"""Tensors and where their bytes are: inline, typed, or in a file beside the model.

A slice of rows of a tensor never copies external bytes: it becomes a view (location, offset,
length) of the file that is already there.
"""

from __future__ import annotations

import itertools
import math
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from gru_lower.errors import InvalidModel, Unsupported
from gru_lower.graph.atomic_file import COPY_BLOCK, AtomicFile, folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

PACKED_BITS = {"INT2": 2, "UINT2": 2, "INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4}
"""Bits per element of the types whose elements share bytes, by name: not every onnx has all of them."""


@dataclass(frozen=True)
class View:
    """Where an external tensor's bytes are.

    Attributes:
        location: Path relative to the model's folder, as the model spells it.
        offset: First byte.
        length: Number of bytes.

    """

    location: str
    offset: int
    length: int


def is_external(tensor: onnx.TensorProto) -> bool:
    """Whether the tensor's bytes are in a file of their own."""
    return tensor.data_location == onnx.TensorProto.EXTERNAL


def itemsize(elem_type: int) -> int:
    """Bytes per element of a tensor type, as numpy holds it.

    Raises:
        InvalidModel: There is no such type.

    """
    try:
        return int(onnx.helper.tensor_dtype_to_np_dtype(elem_type).itemsize)
    except KeyError as error:
        raise InvalidModel(
            f"element type {elem_type} is none that ONNX {onnx.__version__} knows",
            code="GL007",
            hint="export the model again, or upgrade the onnx package",
        ) from error


def view(tensor: onnx.TensorProto) -> View:
    """Read an external tensor's location, offset and length; a length left out is that of its shape.

    Raises:
        InvalidModel: One of them makes no sense.

    """
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location")
    try:
        offset, length = int(entries.get("offset") or 0), int(entries.get("length") or 0) or _size(tensor)
    except ValueError:
        offset = length = -1
    if not isinstance(location, str) or offset < 0 or length < 0:
        raise InvalidModel(
            f"tensor {tensor.name!r}: where its external data is cannot be told from {entries}",
            code="GL006",
            hint="export the model again",
        )
    return View(location, offset, length)


def _size(tensor: onnx.TensorProto) -> int:
    """Return the number of bytes a tensor's shape and type come to."""
    count: int = math.prod(tensor.dims)
    size = itemsize(tensor.data_type)
    bits = PACKED_BITS.get(TensorProto.DataType.Name(tensor.data_type))
    return count * size if bits is None else (count * bits + 7) // 8


def set_view(tensor: onnx.TensorProto, where: View) -> None:
    """Point an external tensor at other bytes."""
    del tensor.external_data[:]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", where.location), ("offset", where.offset), ("length", where.length)):
        tensor.external_data.add(key=key, value=str(value))


def resolve(location: str, base_dir: Path | None, tensor: str) -> Path:
    """Return the file a location names.

    Raises:
        InvalidModel: The location is absolute or leaves the model's folder, or the file is not there.

    """
    if base_dir is None:
        raise InvalidModel(
            f"tensor {tensor!r} has external data ({location}), but the model came without a folder",
            code="GL006",
            hint="hand in the model's path, or load the external data into it first",
        )
    spelled = PureWindowsPath(location)  # which knows both separators: a model comes from anywhere
    if spelled.anchor or ".." in spelled.parts:
        raise InvalidModel(
            f"tensor {tensor!r}: external data {location!r} points outside the model's folder",
            code="GL006",
            hint="move the data file beside the model and name it without a folder",
        )
    path = base_dir / location
    if not path.is_file():
        raise InvalidModel(
            f"tensor {tensor!r}: its external data {path} is missing",
            code="GL006",
            hint="copy the data file beside the model",
        )
    return path


def to_array(tensor: onnx.TensorProto, base_dir: Path | None) -> np.ndarray[Any, np.dtype[Any]]:
    """Read a tensor's values, from its file if need be.

    Raises:
        InvalidModel: The external data is missing, too short, or outside the model's folder; or the tensor's
            own data does not fit its shape.

    """
    if not is_external(tensor):
        try:
            return np.asarray(numpy_helper.to_array(tensor))
        except (ValueError, TypeError, KeyError) as error:
            raise InvalidModel(
                f"tensor {tensor.name!r}: its data does not fit its shape {list(tensor.dims)} ({error})",
                code="GL007",
                hint="export the model again",
            ) from error
    where = view(tensor)
    path = resolve(where.location, base_dir, tensor.name)
    with _open(path) as handle:
        handle.seek(where.offset)
        raw = handle.read(where.length)
    inline = onnx.TensorProto(dims=tensor.dims, data_type=tensor.data_type, raw_data=raw, name=tensor.name)
    if len(raw) != where.length:
        raise InvalidModel(
            f"tensor {tensor.name!r}: its external data {path} is too short: "
            f"{where.length} bytes wanted at {where.offset}, {len(raw)} there",
            code="GL006",
            hint="copy the data file again",
        )
    return to_array(inline, None)


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
    if is_external(tensor):
        where = view(tensor)
        _fits(tensor, where.length)
        for i, piece in enumerate(pieces):
            set_view(piece, View(where.location, where.offset + i * length, length))
        return pieces
    raw = tensor.raw_data if tensor.HasField("raw_data") else to_array(tensor, None).tobytes()
    _fits(tensor, len(raw))
    for i, piece in enumerate(pieces):
        piece.raw_data = raw[i * length : (i + 1) * length]
    return pieces


def _fits(tensor: onnx.TensorProto, length: int) -> None:
    if length != _size(tensor):
        raise InvalidModel(
            f"tensor {tensor.name!r}: its data does not fit its shape {list(tensor.dims)} "
            f"({_size(tensor)} bytes wanted, {length} there)",
            code="GL007",
            hint="export the model again",
        )


def tensors(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Yield every tensor of a model: initializers, sparse ones, attributes, in every graph and function."""
    yield from _graph_tensors(proto.graph)
    for function in proto.functions:
        yield from _node_tensors(function.node)
        yield from _attribute_tensors(function.attribute_proto)
    for training in proto.training_info:
        yield from _graph_tensors(training.initialization)
        yield from _graph_tensors(training.algorithm)


WITHOUT_TENSORS = frozenset(
    getattr(onnx.AttributeProto, name) for name in ("FLOAT", "INT", "STRING", "FLOATS", "INTS", "STRINGS")
)


def _graph_tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    yield from _sparse_tensors(graph.sparse_initializer)
    yield from _node_tensors(graph.node)


def _node_tensors(nodes: Any) -> Iterator[onnx.TensorProto]:  # noqa: ANN401 - protobuf's repeated container has no type
    for node in nodes:
        yield from _attribute_tensors(node.attribute)


def _attribute_tensors(attributes: Iterable[onnx.AttributeProto]) -> Iterator[onnx.TensorProto]:
    for attribute in attributes:
        if attribute.type in WITHOUT_TENSORS:
            continue
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        yield from _sparse_tensors([attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else [])
        yield from _sparse_tensors(attribute.sparse_tensors)
        for graph in itertools.chain([attribute.g] if attribute.HasField("g") else [], attribute.graphs):
            yield from _graph_tensors(graph)


def _sparse_tensors(entries: Iterable[onnx.SparseTensorProto]) -> Iterator[onnx.TensorProto]:
    for sparse in entries:
        yield from (sparse.values, sparse.indices)


def check(proto: onnx.ModelProto, base_dir: Path | None) -> None:
    """Make sure that every external tensor's bytes are there, without reading them.

    Raises:
        InvalidModel: A data file is missing, too short or outside the model's folder.

    """
    lengths: dict[str, int] = {}
    for tensor in tensors(proto):
        if not is_external(tensor):
            continue
        where = view(tensor)
        if where.location not in lengths:
            lengths[where.location] = resolve(where.location, base_dir, tensor.name).stat().st_size
        if where.offset + where.length > lengths[where.location]:
            raise InvalidModel(
                f"tensor {tensor.name!r}: its external data {where.location} is too short: {where.length} bytes wanted "
                f"at {where.offset}, the file has {lengths[where.location]}",
                code="GL006",
                hint="copy the data file again",
            )


@contextmanager
def carried(proto: onnx.ModelProto, source: Path, target: Path, *, overwrite: bool) -> Iterator[None]:
    """Copy the external bytes a model still refers to into another folder, under the same names and offsets.

    Ranges nobody refers to become holes in the copy, so tensors need no edit and no byte too many is read.
    The copies are whole when the ``with`` block begins, and get their names when it ends well.

    Args:
        proto: The model about to be written to ``target``.
        source: The folder its locations are relative to now.
        target: The folder they will be relative to.
        overwrite: Whether existing files may be replaced.

    Raises:
        InvalidModel: A data file is missing, too short or outside the folder.
        Unsupported: A file is in the way and ``overwrite`` is false.
        OSError: The folder cannot be written or is full.

    """
    ranges: dict[PurePosixPath, list[View]] = {}
    for tensor in tensors(proto):
        if is_external(tensor):
            where = view(tensor)
            resolve(where.location, source, tensor.name)
            ranges.setdefault(PurePosixPath(where.location), []).append(where)
    for location in ranges:
        if (target / location).exists() and not overwrite:
            raise Unsupported(
                f"{target / location}: already exists, and the model's external data would go there",
                code="GL004",
                hint="choose another folder with -o, or allow it with --overwrite",
            )
    with ExitStack() as stack:
        for location, views in ranges.items():
            stack.enter_context(folder((target / location).parent))
            copy = stack.enter_context(AtomicFile(target / location))
            _copy_ranges(source / location, copy.handle, views)
            copy.seal()
        yield


def _copy_ranges(source: Path, writer: BinaryIO, views: list[View]) -> None:
    with _open(source) as reader:
        done = 0
        for where in sorted(views, key=lambda v: v.offset):
            start, end = max(where.offset, done), where.offset + where.length
            if start >= end:
                continue
            reader.seek(start)
            writer.seek(start)
            left = end - start
            while left:
                block = reader.read(min(left, COPY_BLOCK))
                if not block:
                    raise InvalidModel(
                        f"{source}: too short: the model refers to bytes up to {end}",
                        code="GL006",
                        hint="copy the data file again",
                    )
                writer.write(block)
                left -= len(block)
            done = end


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise InvalidModel(
            f"{path}: external data that cannot be read ({error.strerror or error})",
            code="GL006",
            hint="check the file's permissions",
        ) from error


__all__ = ["View", "carried", "cut", "is_external", "itemsize", "resolve", "set_view", "tensors", "to_array", "view"]
