"""Models and results elsewhere: fetched beside each other for a command that reads files, and delivered whole.

A model's external data is fetched by whoever works on it, from where the model lies; nothing of it is handed around.
"""

from __future__ import annotations

import secrets
import tempfile
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from gru_lower.batching import locations
from gru_lower.batching.data_files import data_files
from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.batching.job import Job


class Staged:
    """The files of one job on this machine.

    Attributes:
        model: The model.
        output: Where the command writes, ``None`` where it writes nothing.

    """

    def __init__(self, job: Job, folder: Path | None) -> None:
        """Fetch the model if it is elsewhere; ``folder`` is for what is."""
        self._job = job
        self.model, self.output = _local(job.model, job.folder), None
        if folder is not None and locations.is_url(job.model):
            (folder / "model").mkdir()
            self.model = folder / "model" / PurePosixPath(job.model.split("::")[0]).name
            _fetch(job.model, self.model)
            _fetch_data(job.model, self.model)
        if job.output is None:
            return
        if folder is not None and locations.is_url(job.output):
            self.output = folder / "result" / PurePosixPath(job.output).name
        else:
            self.output = _local(job.output, job.folder)
        make_folder(self.output.parent)

    def deliver(self, written: str, *, replace: bool) -> str:
        """Bring what was written to where it belongs, the model last; return where the model is."""
        model, folder = Path(written), (self._job.output or "").rpartition("/")[0]
        if not locations.is_url(self._job.output or ""):
            return str(Path(self._job.output or "").with_name(model.name))
        for path in [*(each for each in model.parent.iterdir() if each != model), model]:
            _send(path, f"{folder}/{path.name}", replace=replace or path != model)
        return f"{folder}/{model.name}"

    def named(self, text: str) -> str:
        """Return a text that names the model and the output as the batch does."""
        text = text.replace(str(self.model), self._job.model)
        return text if self.output is None else text.replace(str(self.output), self._job.output or "")


@contextmanager
def staged(job: Job) -> Iterator[Staged]:
    """Fetch what a job needs; what was fetched is removed in the end.

    Raises:
        Unsupported: It cannot be fetched, or what was written cannot be delivered.

    """
    if not any(locations.is_url(each) for each in (job.model, job.output or "")):
        yield Staged(job, None)
        return
    with tempfile.TemporaryDirectory(prefix="gru-lower-", ignore_cleanup_errors=True) as folder:
        yield Staged(job, Path(folder))


def _local(location: str, folder: str) -> Path:
    return Path(folder, locations.local_path(location))


def make_folder(folder: Path) -> None:
    """Make a folder for results, and those around it.

    Raises:
        Unsupported: That cannot be done.

    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unsupported(
            f"{folder}: cannot be made ({error.strerror or error})", code="GL004", hint="choose another --out"
        ) from error


def _fetch(url: str, path: Path) -> None:
    fs, there = locations.file_system(url)
    try:
        fs.get_file(there, str(path))
    except Exception as error:
        raise locations.unreachable(url, error) from error


def _fetch_data(url: str, path: Path) -> None:
    """Fetch the external data of a model that was fetched, as far as it is where a model may name it."""
    first, *rest = url.split("::")
    for parts in data_files(path):
        place = path.parent.joinpath(*parts)
        place.parent.mkdir(parents=True, exist_ok=True)
        _fetch("::".join([f"{first.rpartition('/')[0]}/{'/'.join(parts)}", *rest]), place)


def _send(path: Path, url: str, *, replace: bool) -> None:
    """Write a file elsewhere, whole or not at all.

    Raises:
        Unsupported: It cannot be written, or is there and must not be replaced.

    """
    fs, there = locations.file_system(url)
    try:
        if not replace:
            _refuse_appeared(url, there=fs.exists(there))
        if locations.protocol_of(url) in locations.WHOLE_WRITES:
            fs.put_file(str(path), there)
            return
        folder, _, name = there.rpartition("/")
        fs.makedirs(folder, exist_ok=True)
        temporary = f"{folder}/.{name}.{secrets.token_hex(4)}.tmp"
        fs.put_file(str(path), temporary)
        fs.mv(temporary, there)
    except Exception as error:
        raise locations.unreachable(url, error) from error


def _refuse_appeared(url: str, *, there: bool) -> None:
    if there:
        hint = "choose another --out, or allow it with --overwrite in --do"
        raise Unsupported(f"{url}: has appeared in the meantime, and was left alone", code="GL004", hint=hint)
