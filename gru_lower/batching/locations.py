"""Where models lie and results go: paths of this machine, and URLs that fsspec knows."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gru_lower.batching.matching_files import MODEL, WILDCARDS, folder_of, matching_files
from gru_lower.batching.optional_packages import optional
from gru_lower.errors import GruLowerError, Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator

IN_THIS_PROCESS = ("memory",)
"""Protocols whose files no other process sees."""
WHOLE_WRITES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory")
"""Protocols that show a file only when all of it is written."""
INSTALL = 'install fsspec, and what it needs for that protocol: pip install "gru-lower[cluster]", s3fs for s3://'


def is_url(location: str) -> bool:
    """Whether a location is a URL, not a path of this machine."""
    return "://" in location and not location.startswith("file://")


def local_path(location: str) -> str:
    """Return the path that a location of this machine names."""
    return location.removeprefix("file://")


def protocol_of(location: str) -> str:
    """Return a URL's protocol, ``""`` of a path."""
    return location.partition("://")[0] if is_url(location) else ""


def file_system(location: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL, and the path there.

    Raises:
        Unsupported: fsspec is not installed, does not know the protocol, or cannot reach the place.

    """
    try:
        url_to_fs = optional("fsspec.core").url_to_fs
    except ImportError as error:
        raise Unsupported(f"{location}: fsspec is not installed", code="GL953", hint=INSTALL) from error
    try:
        fs, path = url_to_fs(location)
    except ImportError as error:
        raise Unsupported(f"{location}: {error}", code="GL953", hint=INSTALL) from error
    except Exception as error:
        raise unreachable(location, error) from error
    fs.invalidate_cache()
    return fs, path


def unreachable(location: str, error: Exception) -> GruLowerError:
    """Return what it means that a place cannot be read or written; what storage raises has no common base."""
    if isinstance(error, GruLowerError):
        return error
    said = " ".join(str(error).split()) or type(error).__name__
    hint = "check the address, the credentials and the permissions"
    return Unsupported(f"{location}: cannot be used ({said})", code="GL959", hint=hint)


def matches(pattern: str) -> list[str]:
    """Return the files that a pattern matches, sorted; a file or folder of exactly that name is meant by itself.

    Args:
        pattern: A path or URL, with ``*``, ``?``, ``[abc]``, and ``**`` for any number of folders; or a folder, for
            the ``.onnx`` files in it and below.

    Raises:
        Unsupported: The place cannot be read.

    """
    if not is_url(pattern):
        return matching_files(local_path(pattern))
    fs, path = file_system(pattern)
    try:
        if fs.isfile(path):
            found = [path]
        elif fs.isdir(path):
            found = [each for each in fs.find(path) if each.lower().endswith(MODEL)]
        else:
            found = [each for each in fs.glob(path) if fs.isfile(each)]
    except Exception as error:
        raise unreachable(pattern, error) from error
    return sorted(_url(pattern, each) for each in found)


def _url(pattern: str, path: str) -> str:
    """Return the URL of a path on a pattern's file system."""
    first, *rest = pattern.split("::")
    protocol = first.partition("://")[0]
    return "::".join([f"{protocol}://{path.removeprefix(f'{protocol}://').lstrip('/')}", *rest])


def base_folder(pattern: str) -> str:
    """Return the longest folder in front of the first wildcard, with a slash at its end; ``""`` is this folder."""
    if not is_url(pattern):
        return folder_of(local_path(pattern))
    path = pattern.split("::", maxsplit=1)[0]
    first = min((at for at in (path.find(each) for each in WILDCARDS) if at >= 0), default=len(path))
    return path[: path[:first].rfind("/") + 1]


def below(model: str, pattern: str) -> str:
    """Return a model's path below the longest folder in front of the pattern's first wildcard, or below the folder."""
    path = model.split("::", maxsplit=1)[0] if is_url(model) else model.replace(os.sep, "/")
    base = base_folder(pattern)
    if is_url(pattern) and model != pattern and not any(sign in pattern for sign in WILDCARDS):
        base = f"{pattern.split('::', maxsplit=1)[0].rstrip('/')}/"
    if is_url(pattern):  # in which slashes may stand doubled
        path, base = (
            f"{protocol}://{rest.lstrip('/')}" for protocol, _, rest in (each.partition("://") for each in (path, base))
        )
    return path[len(base) :] if path.startswith(base) else path.rpartition("/")[2]


def join(folder: str, path: str) -> str:
    """Return the location of a path below a folder."""
    return f"{folder.rstrip('/')}/{path}" if is_url(folder) else str(Path(local_path(folder), path))


def mark(location: str) -> str | None:
    """Return what tells a file's version from others, ``None`` where there is no such file.

    Raises:
        Unsupported: The place cannot be read.

    """
    if not is_url(location):
        try:
            status = Path(local_path(location)).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise unreachable(location, error) from error
        return f"{status.st_size} {status.st_mtime_ns}"
    fs, path = file_system(location)
    try:
        about = fs.info(path)
    except FileNotFoundError:
        return None
    except Exception as error:
        raise unreachable(location, error) from error
    changed = next((about[key] for key in ("ETag", "etag", "mtime", "LastModified", "created") if about.get(key)), "")
    return f"{about.get('size')} {changed}"


def try_writing(beside: str) -> None:
    """Write an empty file beside another, and remove it.

    Raises:
        Unsupported: That cannot be done.

    """
    place = f"{beside}.{secrets.token_hex(4)}"
    try:
        if is_url(place):
            fs, path = file_system(place)
            fs.pipe_file(path, b"")
            fs.rm_file(path)
        else:
            Path(place).touch(exist_ok=False)
            Path(place).unlink()
    except Exception as error:
        raise unreachable(beside, error) from error


@contextmanager
def note_in(folder: str) -> Iterator[str]:
    """Write a small file into a folder, which is made if it is not there; it is removed in the end.

    Raises:
        Unsupported: That cannot be done.

    """
    place = join(folder, f".gru-lower-{secrets.token_hex(4)}")
    fs, path = file_system(place) if is_url(place) else (None, place)
    try:
        if fs is None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_bytes(b"gru-lower")
        else:
            fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            fs.pipe_file(path, b"gru-lower")
    except Exception as error:
        raise unreachable(folder, error) from error
    try:
        yield place
    finally:
        with suppress(Exception):  # nobody reads it any more
            if fs is None:
                Path(path).unlink()
            else:
                fs.rm_file(path)
