"""The models that a path, a folder or a pattern names on this machine: the same for every command."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WILDCARDS = "*?["
MODEL = ".onnx"
FOREIGN = ("node_modules", "site-packages", "__pycache__")
"""Folders that are looked into only where they are named themselves, as are hidden ones and virtual environments."""


def has_wildcards(pattern: str) -> bool:
    """Whether a name is a pattern; a file or folder of exactly that name is meant by itself."""
    return any(sign in pattern for sign in WILDCARDS) and not os.path.lexists(pattern)


def may_be_several(pattern: str) -> bool:
    """Whether a name may stand for several models."""
    return has_wildcards(pattern) or Path(pattern).is_dir()


def matching_files(pattern: str, folder: str = "") -> list[str]:
    """Return the files that a name stands for, sorted.

    Args:
        pattern: A file; a folder, for the ``.onnx`` files in it and below; or a pattern with ``*``, ``?``, ``[abc]``,
            and ``**`` for any number of folders.
        folder: What it is relative to, ``""`` for the current folder; no pattern, whatever it is called.

    """
    if folder:
        beside = os.path.join(folder, pattern)  # noqa: PTH118 - as glob spells what it finds
        pattern = beside if os.path.lexists(beside) else os.path.join(glob.escape(folder), pattern)  # noqa: PTH118
    if Path(pattern).is_dir():
        return sorted(_models_below(pattern))
    if not has_wildcards(pattern):
        return [pattern] if Path(pattern).is_file() else []
    found = glob.glob(pattern, recursive=True)  # noqa: PTH207 - pathlib's leaves out folders that are links
    return sorted(each for each in found if Path(each).is_file())


def folder_of(pattern: str) -> str:
    """Return the longest folder in front of the first wildcard, with a slash at its end; ``""`` is this folder."""
    path = pattern.replace(os.sep, "/")
    if Path(path).is_dir():
        folder = Path(path).as_posix()
        return "" if folder == "." else f"{folder.rstrip('/')}/"
    first = len(path)
    if not os.path.lexists(path):
        first = min((at for at in (path.find(each) for each in WILDCARDS) if at >= 0), default=first)
    return path[: path[:first].rfind("/") + 1]


def _models_below(folder: str) -> Iterator[str]:
    """Yield the models in a folder and below it; a folder that links lead to again is looked into once."""
    seen = set()
    for name, folders, files in os.walk(folder, followlinks=True):
        path = Path(name)
        about = path.stat()
        if (about.st_dev, about.st_ino) in seen:
            folders.clear()
            continue
        seen.add((about.st_dev, about.st_ino))
        folders[:] = [each for each in folders if not _is_foreign(path / each)]
        for each in files:
            if each.lower().endswith(MODEL) and not each.startswith(".") and (path / each).is_file():
                yield str(path / each)


def _is_foreign(folder: Path) -> bool:
    return folder.name.startswith(".") or folder.name in FOREIGN or (folder / "pyvenv.cfg").is_file()
