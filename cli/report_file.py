"""The file that ``--output-file`` names: whole or absent, and never a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MODEL = ".onnx"
ODD = "backslashreplace"
"""What becomes of names of files that are no UTF-8, in formats that have no escapes of their own."""


def refuse_report_file(path: Path, others: Iterable[Path]) -> None:
    """Refuse a file that cannot take a report, before anything is done.

    Args:
        path: The file.
        others: What else the command line names.

    Raises:
        Unsupported: It is a model or another file of this run, or cannot be written.

    """
    from gru_lower.graph.write_model import check_target

    if path.name.startswith("--"):
        raise _refusal(f"{path}: is an option, where a file is to be named", "name the file behind --output-file")
    if path.suffix.lower() == MODEL:
        raise _refusal(f"{path}: is named like a model", "-o names the model to write")
    for other in others:
        if other == path or (path.exists() and other.exists() and other.samefile(path)):
            raise _refusal(f"{path}: is named for something else, too", "choose another file")
    if not path.exists() or path.is_file() or path.is_dir():  # not a pipe or a device
        check_target(path, overwrite=True)


def write_report_file(path: Path, document: Iterable[str]) -> None:
    """Write a report, part by part; a file that is there is replaced.

    Raises:
        Unsupported: It cannot be written.

    """
    from gru_lower.graph.atomic_file import AtomicFile

    try:
        if path.exists() and not path.is_file():
            with path.open("w", encoding="utf-8", errors=ODD) as stream:
                stream.writelines(document)
            return
        with AtomicFile(path, overwrite=True) as file:
            for part in document:
                file.handle.write(part.encode("utf-8", ODD))
    except OSError as error:
        message = f"{path}: cannot be written ({error.strerror or error})"
        raise _refusal(message, "choose another file") from error


def _refusal(message: str, hint: str) -> Unsupported:
    return Unsupported(f"--output-file {message}", code="GL004", hint=hint)
