"""Writing of models: the file is whole or absent, and what it refers to belongs to it."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

from gru_lower.errors import Unsupported
from gru_lower.graph import external_data, model_tensors
from gru_lower.graph.atomic_file import AtomicFile
from gru_lower.graph.data_file import DataFile, own_data_files

if TYPE_CHECKING:
    from pathlib import Path

    from gru_lower.graph.model import Model


def save(model: Model, target: Path, *, overwrite: bool = False) -> str:
    """Write a model, and beside it what it refers to in files that are not found from there.

    The data gets its name before the model: whatever ends the process between the two leaves a model that computes what
    it did, or what it is to.

    Args:
        model: What to write.
        target: Path of the file. External data that has to be copied goes to one file beside it,
            ``TARGET.DIGEST.data``; files of that pattern that a replaced model referred to, and this one does not, are
            removed.
        overwrite: Whether an existing target may be replaced.

    Returns:
        The SHA-256 of what was written, in hexadecimal digits.

    Raises:
        InvalidModel: External data is missing, too short or out of place.
        Unsupported: The target exists and ``overwrite`` is false, is the model's own external data, or cannot be
            written.

    """
    check_target(target, overwrite=overwrite)
    _refuse_own_data(model, target)
    try:
        older = own_data_files(target) if overwrite and target.exists() else set()
        digest = hashlib.sha256()
        with DataFile(model, target) as data, AtomicFile(target, overwrite=overwrite) as file:
            for block in model.blocks(edited=bool(data)):
                digest.update(block)
                file.handle.write(block)
            file.seal()
            data.place()
        for path in older and older - own_data_files(target):
            with suppress(OSError):  # nobody needs it, and the model is written
                path.unlink()
    except OSError as error:
        raise _cannot_write(target, error) from error
    return digest.hexdigest()


def _refuse_own_data(model: Model, target: Path) -> None:
    """Refuse to write a model where its external data lies."""
    place, folder = target.resolve(), (model.base_dir or target.parent).resolve()
    for tensor in model_tensors.tensors(model.stubbed):
        if model.is_outside(tensor):
            location = external_data.view(tensor).location
            if (folder / location).resolve() == place:
                raise Unsupported(
                    f"{target}: is the place of the model's external data", code="GL004", hint="choose another -o"
                )


def _cannot_write(target: Path, error: OSError) -> Unsupported:
    return Unsupported(
        f"{target}: cannot be written ({error.strerror or error})", code="GL004", hint="choose another -o"
    )


def check_target(target: Path, *, overwrite: bool) -> None:
    """Refuse a target that cannot or must not be written, before any work is done.

    Raises:
        Unsupported: The target exists and ``overwrite`` is false, is no regular file, or its folder does not exist.

    """
    try:
        if target.is_dir():
            raise Unsupported(f"{target}: is a folder", code="GL004", hint="name a file with -o")
        if target.exists() and not target.is_file():
            raise Unsupported(f"{target}: is no regular file", code="GL004", hint="name a file with -o, or -")
        if target.exists() and not overwrite:
            raise Unsupported(
                f"{target}: already exists", code="GL004", hint="choose another -o, or allow it with --overwrite"
            )
        if not target.parent.is_dir():
            raise Unsupported(f"{target.parent}: no such folder", code="GL004", hint="create it, or choose another -o")
    except OSError as error:
        raise _cannot_write(target, error) from error
