"""The models that a path, a folder or a pattern names on this machine: the same for every command."""

from __future__ import annotations

import glob
import os
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WILDCARDS = "*?["
MODEL = ".onnx"
FOREIGN = ("node_modules", "site-packages", "__pycache__")
"""Folders that are looked into only where they are named themselves, as are hidden ones and virtual environments."""


def is_folder(path: str | Path) -> bool:
    """Whether something is a folder; it is none, too, where that cannot be seen, of which pathlib makes an error."""
    return os.path.isdir(path)  # noqa: PTH112


def is_file(path: str | Path) -> bool:
    """Whether something is a regular file; it is none, too, where that cannot be seen."""
    return os.path.isfile(path)  # noqa: PTH113


def has_wildcards(pattern: str) -> bool:
    """Whether a name is a pattern; a file or folder of exactly that name is meant by itself."""
    return any(sign in pattern for sign in WILDCARDS) and not os.path.lexists(pattern)


def may_be_several(pattern: str) -> bool:
    """Whether a name may stand for several models."""
    return has_wildcards(pattern) or is_folder(pattern)


def matching_files(pattern: str, folder: str = "") -> list[str]:
    """Return the files that a name stands for, sorted.

    Args:
        pattern: A file; a folder, for the ``.onnx`` files in it and below; or a pattern with ``*``, ``?``, ``[abc]``,
            and ``**`` for any number of folders. Of a folder below it that cannot be read, the folder stands for what
            is in there: whoever reads it as a model says why.
        folder: What it is relative to, ``""`` for the current folder; no pattern, whatever it is called.

    """
    if folder:
        beside = os.path.join(folder, pattern)  # noqa: PTH118 - as glob spells what it finds
        pattern = beside if os.path.lexists(beside) else os.path.join(glob.escape(folder), pattern)  # noqa: PTH118
    if is_folder(pattern):
        return sorted(_models_below(pattern))
    if not has_wildcards(pattern):
        return [pattern] if is_file(pattern) else []
    return sorted(each for each in set(_matches(pattern)) if _is_closed(each) or is_file(each))


def folder_of(pattern: str) -> str:
    """Return the longest folder in front of the first wildcard, with a slash at its end; ``""`` is this folder."""
    path = pattern.replace(os.sep, "/")
    if is_folder(path):
        folder = Path(path).as_posix()
        return "" if folder == "." else f"{folder.rstrip('/')}/"
    first = len(path)
    if not os.path.lexists(path):
        first = min((at for at in (path.find(each) for each in WILDCARDS) if at >= 0), default=first)
    return path[: path[:first].rfind("/") + 1]


def _models_below(folder: str) -> Iterator[str]:
    """Yield the models in a folder and below it."""
    for path in _folders_below(folder, _is_foreign):
        if _is_closed(path):
            yield str(path)
            continue
        for each in path.iterdir():
            if each.name.lower().endswith(MODEL) and not each.name.startswith(".") and is_file(each):
                yield str(each)


def _matches(pattern: str) -> Iterator[str]:
    """Yield what matches a pattern, maybe twice; unlike glob's, ``**`` comes to an end where links run in circles."""
    parts = pattern.replace(os.sep, "/").split("/")
    if "**" not in parts:
        yield from glob.glob(pattern)  # noqa: PTH207 - Path.glob takes no absolute ones
        around = os.path.dirname(pattern)  # noqa: PTH120
        if around and has_wildcards(around):
            yield from filter(_is_closed, glob.glob(around))  # noqa: PTH207
        return
    at = parts.index("**")
    after = next((place for place in range(at, len(parts)) if parts[place] != "**"), len(parts))
    rest = "/".join(parts[after:]) or "*"
    head = "/".join(parts[:at]) or ("/" if at else "")
    for base in glob.glob(head) if has_wildcards(head) else [head]:  # noqa: PTH207
        begin = f"{base.rstrip('/')}/" if base else ""
        for folder in _folders_below(base or ".", _is_hidden):
            if _is_closed(folder):
                yield str(folder)
                continue
            inside = folder.relative_to(base or ".").as_posix()
            yield from _matches(glob.escape(begin if inside == "." else f"{begin}{inside}/") + rest)


def _folders_below(folder: str, is_left_out: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield a folder and those below it, each once however many links lead to it, and by its own name if it has one.

    Those that cannot be read are among them.
    """
    seen = set()
    own, linked = [Path(folder)], deque[Path]()
    while own or linked:
        path = own.pop() if own else linked.popleft()
        try:
            about = path.stat()
            inside = [] if _is_closed(path) else sorted(path.iterdir())
        except OSError:  # gone, a link to itself, or no folder
            continue
        if (about.st_dev, about.st_ino) in seen:
            continue
        seen.add((about.st_dev, about.st_ino))
        yield path
        for each in inside:
            if is_folder(each) and not is_left_out(each):
                (linked if each.is_symlink() else own).append(each)


def _is_closed(path: str | Path) -> bool:
    """Whether something is a folder in which it cannot be seen what is there."""
    return is_folder(path) and not os.access(path, os.R_OK | os.X_OK)


def _is_hidden(folder: Path) -> bool:
    return folder.name.startswith(".")


def _is_foreign(folder: Path) -> bool:
    return _is_hidden(folder) or folder.name in FOREIGN or is_file(folder / "pyvenv.cfg")
