"""Tensors and where their bytes are: inline, typed, or in a file beside the model.

A slice of rows of a tensor never copies external bytes: it becomes a view (location, offset,
length) of the file that is already there.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import numpy_helper

from gru_lower.errors import InvalidModel, Unsupported
from gru_lower.graph.files import COPY_BLOCK, AtomicFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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
    """Bytes per element of a float tensor type."""
    return int(onnx.helper.tensor_dtype_to_np_dtype(elem_type).itemsize)


def view(tensor: onnx.TensorProto) -> View:
    """Read an external tensor's location, offset and length."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    size = int(np.prod(tensor.dims, dtype=np.int64)) * itemsize(tensor.data_type)
    return View(entries["location"], int(entries.get("offset") or 0), int(entries.get("length") or size))


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
    parts = PurePosixPath(location).parts
    if PurePosixPath(location).is_absolute() or PureWindowsPath(location).is_absolute() or ".." in parts:
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
        except (ValueError, TypeError) as error:
            raise InvalidModel(
                f"tensor {tensor.name!r}: its data does not fit its shape {list(tensor.dims)} ({error})",
                code="GL007",
                hint="export the model again",
            ) from error
    where = view(tensor)
    path = resolve(where.location, base_dir, tensor.name)
    with path.open("rb") as handle:
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


def rows(tensor: onnx.TensorProto, start: int, count: int, row_shape: tuple[int, ...]) -> onnx.TensorProto:
    """Return ``count`` consecutive rows of a tensor seen as rows of ``row_shape``, of shape ``(count, *row_shape)``.

    Raw and external bytes are sliced as they are, so no value changes; external data becomes a view.

    Args:
        tensor: A float tensor whose elements are, flattened, whole rows.
        start: The first row.
        count: How many.
        row_shape: The shape of a row.

    """
    width = int(np.prod(row_shape, dtype=np.int64))
    part = onnx.TensorProto(data_type=tensor.data_type, dims=[count, *row_shape])
    size = itemsize(tensor.data_type)
    first, length = start * width * size, count * width * size
    if is_external(tensor):
        where = view(tensor)
        set_view(part, View(where.location, where.offset + first, length))
    elif tensor.HasField("raw_data"):
        part.raw_data = tensor.raw_data[first : first + length]
    else:
        values = np.asarray(numpy_helper.to_array(tensor)).reshape(-1)[start * width : (start + count) * width]
        part.raw_data = values.tobytes()
    return part


def tensors(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Yield every tensor of a model: initializers, sparse ones, attributes, in every graph and function."""
    yield from _graph_tensors(proto.graph)
    for function in proto.functions:
        yield from _node_tensors(function.node)
    for training in proto.training_info:
        yield from _graph_tensors(training.initialization)
        yield from _graph_tensors(training.algorithm)


def _graph_tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _node_tensors(graph.node)


def _node_tensors(nodes: Any) -> Iterator[onnx.TensorProto]:  # noqa: ANN401 - protobuf's repeated container has no type
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for graph in itertools.chain([attribute.g] if attribute.HasField("g") else [], attribute.graphs):
                yield from _graph_tensors(graph)


def carry(proto: onnx.ModelProto, source: Path, target: Path, *, overwrite: bool) -> Callable[[], None]:
    """Copy the external bytes a model still refers to into another folder, under the same names and offsets.

    Ranges nobody refers to become holes in the copy, so tensors need no edit and no byte too many is read.

    Args:
        proto: The model about to be written to ``target``.
        source: The folder its locations are relative to now.
        target: The folder they will be relative to.
        overwrite: Whether existing files may be replaced.

    Returns:
        A function that takes the copied files away again, for when writing the model fails.

    Raises:
        InvalidModel: A data file is missing, too short or outside the folder.
        Unsupported: A file is in the way and ``overwrite`` is false.

    """
    ranges: dict[str, list[View]] = {}
    for tensor in tensors(proto):
        if is_external(tensor):
            where = view(tensor)
            resolve(where.location, source, tensor.name)
            ranges.setdefault(where.location, []).append(where)
    for location in ranges:
        if (target / location).exists() and not overwrite:
            raise Unsupported(
                f"{target / location}: already exists, and the model's external data would go there",
                code="GL004",
                hint="choose another folder with -o, or allow it with --overwrite",
            )
    written: list[Path] = []

    def undo() -> None:
        for path in written:
            path.unlink(missing_ok=True)

    try:
        for location, views in ranges.items():
            path = target / location
            path.parent.mkdir(parents=True, exist_ok=True)
            existed = path.exists()
            _copy_ranges(source / location, path, views)
            if not existed:
                written.append(path)
    except BaseException:
        undo()
        raise
    return undo


def _copy_ranges(source: Path, target: Path, views: list[View]) -> None:
    with source.open("rb") as reader, AtomicFile(target) as writer:
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


__all__ = ["View", "carry", "is_external", "itemsize", "resolve", "rows", "set_view", "tensors", "to_array", "view"]
