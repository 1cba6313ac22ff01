"""External data: where in which file beside the model a tensor's bytes are, read and validated.

A slice of rows of a tensor never copies external bytes: it becomes a view (location, offset,
length) of the file that is already there. A transposed matrix is one, too, and so are several below one another, until
they are written: a mark says that the bytes are those of the matrices before. No such mark leaves the project.
"""

from __future__ import annotations

from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, BinaryIO

import onnx

from gru_lower.errors import InvalidModel
from gru_lower.graph.model_tensors import tensors
from gru_lower.graph.tensor_size import byte_size
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from gru_lower.graph.scopes import Scope

TRANSPOSED = "gru_lower.transposed"
"""The mark of a view whose bytes are those of matrices before they are transposed: rows, columns, further offsets."""
_TOO_LARGE = 1 << 31
"""Bytes that protobuf does not write as one message."""
_ROOM = 1 << 26
"""Bytes left for what a pass adds."""


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


def view(tensor: onnx.TensorProto) -> View:
    """Read an external tensor's location, offset and length; a length left out is that of its shape.

    Raises:
        InvalidModel: One of them makes no sense.

    """
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location")
    try:
        offset, length = int(entries.get("offset") or 0), int(entries.get("length") or 0) or byte_size(tensor)
    except ValueError:
        offset = length = -1
    if not location or not isinstance(location, str) or offset < 0 or length < 0:
        raise InvalidModel(
            f"tensor {tensor.name!r}: where its external data is cannot be told from {entries}",
            code="GL006",
            hint="export the model again",
        )
    return View(location, offset, length)


def total_size(proto: onnx.ModelProto) -> int:
    """Return how many bytes a model has, its external data included: 2 GiB at least, where no message holds it."""
    try:
        own = int(proto.ByteSize())
    except Exception:  # noqa: BLE001 - which type protobuf raises depends on its version
        own = _TOO_LARGE
    return own + size_elsewhere(proto)


def size_elsewhere(proto: onnx.ModelProto) -> int:
    """Return how many bytes of a model are in other files."""
    return sum(view(tensor).length for tensor in tensors(proto) if is_external(tensor))


def fits_a_message(proto: onnx.ModelProto) -> bool:
    """Whether a model would be one message if all of its external data were read, as what runs is sent."""
    return total_size(proto) < _TOO_LARGE - _ROOM


def set_view(tensor: onnx.TensorProto, where: View) -> None:
    """Point an external tensor at other bytes."""
    del tensor.external_data[:]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", where.location), ("offset", where.offset), ("length", where.length)):
        tensor.external_data.add(key=key, value=str(value))


def transposed_view(matrix: onnx.TensorProto) -> onnx.TensorProto:
    """Return the transposed of an external matrix without reading it: a view that is marked as such.

    Args:
        matrix: [rows, columns], external; one that is marked is no more than one matrix.

    """
    rows, columns = matrix.dims
    found = onnx.TensorProto(dims=(columns, rows), data_type=matrix.data_type)
    set_view(found, view(matrix))
    if dims_before(matrix) is None:
        mark_transposed(found, (rows, columns))
    return found


def mark_transposed(tensor: onnx.TensorProto, shape: tuple[int, int], further: Sequence[int] = ()) -> None:
    """Mark an external tensor as matrices that are transposed, below one another.

    Args:
        tensor: The tensor: its view begins where the first matrix does, and is as long as all of them together.
        shape: [rows, columns] of each of them as it is in the file.
        further: Where the others begin.

    """
    tensor.external_data.add(key=TRANSPOSED, value=",".join(map(str, (*shape, *further))))


def is_marked(tensor: onnx.TensorProto) -> bool:
    """Whether a tensor is marked as the transposed of what is in the file."""
    return any(entry.key == TRANSPOSED for entry in tensor.external_data)


def dims_before(tensor: onnx.TensorProto) -> tuple[int, int] | None:
    """Return [rows, columns] of the matrices that a marked view has transposed, ``None`` for any other tensor."""
    mark = _mark_of(tensor)
    return None if mark is None else (mark[0], mark[1])


def views_before(tensor: onnx.TensorProto) -> list[View]:
    """Return where the matrices lie that a marked view has transposed, one below the other; of any other its view."""
    where, mark = view(tensor), _mark_of(tensor)
    offsets = [where.offset, *(() if mark is None else mark[2:])]
    return [View(where.location, offset, where.length // len(offsets)) for offset in offsets]


def _mark_of(tensor: onnx.TensorProto) -> list[int] | None:
    for entry in tensor.external_data if is_external(tensor) else ():
        if entry.key == TRANSPOSED:
            return list(map(int, entry.value.split(",")))
    return None


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


def check(
    proto: onnx.ModelProto,
    base_dir: Path | None,
    *,
    model_file: Path | None = None,
    present: bool = True,
    scopes: Iterable[Scope] | None = None,
) -> None:
    """Make sure that every external tensor's bytes are there, and nowhere else, without reading them.

    Args:
        proto: The model.
        base_dir: The folder that locations are relative to, ``None`` for a model that came without.
        model_file: The file it was read from, which may be a link.
        present: Whether the files have to be there; else only those that are there are looked at.
        scopes: The model's scopes, where somebody has read them before.

    Raises:
        InvalidModel: A data file is missing, too short or outside the model's folder.

    """
    lengths: dict[str, int] = {}
    for tensor in tensors(proto, scopes):
        if not is_external(tensor):
            continue
        where = view(tensor)
        if where.location not in lengths:
            if base_dir is not None and not present and not (base_dir / where.location).is_file():
                continue
            file = resolve(where.location, base_dir, tensor.name)
            if base_dir is not None:
                _refuse_link_out(file, where.location, base_dir, model_file, tensor.name)
            lengths[where.location] = file.stat().st_size
        if where.offset + where.length > lengths[where.location]:
            raise InvalidModel(
                f"tensor {tensor.name!r}: its external data {where.location} is too short: {where.length} bytes wanted "
                f"at {where.offset}, the file has {lengths[where.location]}",
                code="GL006",
                hint="copy the data file again",
            )


def _refuse_link_out(file: Path, location: str, base_dir: Path, model_file: Path | None, tensor: str) -> None:
    """Refuse a data file that is a link out of the model's folder.

    A model that is a link itself may have data beside the file it really is: so caches of downloads are laid out.

    Raises:
        InvalidModel: It is one.

    """
    real, beside = file.resolve(), base_dir if model_file is None else model_file.resolve().parent
    if not real.is_relative_to(base_dir.resolve()) and real.parent != beside:
        raise InvalidModel(
            f"tensor {tensor!r}: external data {location!r} is a link out of the model's folder, to {real}",
            code="GL006",
            hint="copy the data file beside the model",
        )


def open_file(path: Path) -> BinaryIO:
    """Open a file of external data for reading.

    Raises:
        InvalidModel: It cannot be read.

    """
    try:
        return path.open("rb")
    except OSError as error:
        raise InvalidModel(
            f"{path}: external data that cannot be read ({error.strerror or error})",
            code="GL006",
            hint="check the file's permissions",
        ) from error
