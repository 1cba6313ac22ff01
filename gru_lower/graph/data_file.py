"""A model's own file of external data: what it refers to in other files, copied into one beside it.

The file's name is made of the model's and of a digest of its content, ``out.onnx.0123456789abcdef.data``: the same
input gives the same bytes, and no model that is read chooses the name of a file that is written.
"""

from __future__ import annotations

import re
from filecmp import cmp
from typing import TYPE_CHECKING, Self

import onnx
from google.protobuf.message import DecodeError

from gru_lower.errors import InvalidModel
from gru_lower.graph.atomic_file import AtomicFile
from gru_lower.graph.copy_plan import CopyPlan
from gru_lower.graph.external_data import View, dims_before, is_external, resolve, set_view, view
from gru_lower.graph.model_tensors import tensors

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import TensorProto

    from gru_lower.graph.model import Model

DIGITS = 16


class DataFile:
    """The external data of a model that is about to be written, as far as it has to be copied.

    Within the ``with`` block the model refers to the copy; :meth:`place` gives the copy its name. Where the block ends
    with an error the copy is removed; behind it the model refers again to what it was read with.

    Args:
        model: The model; of one that was read from no file nothing is copied.
        target: The file that the model will be written to. Data that is found from there, too, in a file that is no
            link out of the folder, is not copied; transposed views always are.

    Raises:
        InvalidModel: A data file is missing, too short or outside the folder.
        OSError: The folder cannot be written or is full.

    """

    def __init__(self, model: Model, target: Path) -> None:
        """See what has to be copied."""
        self._target = target
        self._views: list[tuple[TensorProto, TensorProto]] = []
        base_dir = model.base_dir
        if base_dir is not None:
            stays: dict[str, bool] = {}
            for tensor in filter(model.is_outside, tensors(model.stubbed)):
                where = view(tensor)
                if where.location not in stays:
                    stays[where.location] = _stays(resolve(where.location, base_dir, tensor.name), where, target)
                if not stays[where.location] or dims_before(tensor) is not None:
                    before = onnx.TensorProto(data_type=tensor.data_type, data_location=tensor.data_location)
                    before.dims.extend(tensor.dims)
                    before.external_data.extend(tensor.external_data)
                    self._views.append((tensor, before))
            self._plan = CopyPlan(base_dir, [before for _, before in self._views])
        self._file: AtomicFile | None = None
        self._placed: Path | None = None
        self._found: Path | None = None

    def __bool__(self) -> bool:
        """Whether anything has to be copied."""
        return bool(self._views)

    def __enter__(self) -> Self:
        """Copy, and let the model refer to the copy."""
        if not self:
            return self
        self._file = AtomicFile(self._target, overwrite=True).__enter__()
        try:
            self._name = f"{self._target.name}.{self._plan.copy_to(self._file.handle)[:DIGITS]}.data"
            self._file.seal()
        except BaseException as error:
            self._file.__exit__(type(error), error, None)
            raise
        for tensor, before in self._views:
            set_view(tensor, View(self._name, self._plan.place_of(before), view(before).length))
        return self

    def place(self) -> None:
        """Give the copy its name, unless a file of the very same content has it."""
        if self._file is None:
            return
        path = self._target.with_name(self._name)
        if path.is_file() and not path.is_symlink() and cmp(path, self._file.temporary, shallow=False):
            self._found = path
            return
        self._file.place(path)
        self._placed = path

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Let the model refer to what it was read with; remove the copy if there was an error.

        Raises:
            OSError: Another file of the same content was there, is gone, and the copy cannot be given its name.

        """
        for tensor, before in self._views:
            del tensor.external_data[:]
            tensor.external_data.extend(before.external_data)
        try:
            if self._found is not None and kind is None and not self._found.exists() and self._file is not None:
                self._file.place(self._found)  # whoever had placed it took it back
        finally:
            if self._file is not None:
                self._file.discard()
        if kind is not None and self._placed is not None and self._placed not in own_data_files(self._target):
            self._placed.unlink(missing_ok=True)  # else another job's model refers to it by now


def own_data_files(path: Path) -> set[Path]:
    """Return the files of external data that a model refers to and that were written for it, by their names."""
    pattern = re.compile(re.escape(path.name) + rf"\.[0-9a-f]{{{DIGITS}}}\.data")
    if not any(pattern.fullmatch(each.name) for each in path.parent.iterdir()):
        return set()
    try:
        proto = onnx.ModelProto.FromString(path.read_bytes())
        locations = {view(tensor).location for tensor in filter(is_external, tensors(proto))}
    except (OSError, DecodeError, InvalidModel):
        return set()
    return {path.with_name(name) for name in locations if pattern.fullmatch(name)}


def _stays(found: Path, where: View, target: Path) -> bool:
    """Whether a data file is the one that the location names from the target's folder, and is really there."""
    there, folder = target.parent / where.location, target.parent.resolve()
    return there.exists() and there.samefile(found) and there.resolve().is_relative_to(folder)
