"""The journal: a line of JSON for each model that is begun, and one for each that is done, so that a run can resume.

What was read is kept on the disk: in memory there is where each line begins, and no report.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from gru_lower.batching.data_files import data_marks
from gru_lower.batching.job import Outcome
from gru_lower.errors import Unsupported
from gru_lower.version import tool_version

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from gru_lower.batching.job import Job

try:
    import fcntl
except ImportError:  # Windows: two batches with one journal are not told apart
    fcntl = None  # type: ignore[assignment]

NAME = "gru-lower-batch.jsonl"
BEGINNINGS = (b'{"begun": "', b'{"done": "')
"""How a line begins; a file that ends in the middle of anything else is none of ours."""


class Line(NamedTuple):
    """A line on what was done.

    Attributes:
        place: Where in the file it begins.
        exit_code: How it ended.
        output: What was written.

    """

    place: int
    exit_code: int
    output: str | None


class Journal:
    """The journal of a batch, opened for itself alone.

    Args:
        path: The file; made if it is not there.

    Raises:
        Unsupported: It cannot be read or written, is no journal, or another batch has it open.

    """

    def __init__(self, path: Path) -> None:
        """Read what is there."""
        self.path = path
        self._made = [] if path.exists() else [path, *(each for each in path.parents if not each.exists())]
        self._begun: dict[str, dict[str, str]] = {}
        self._done: dict[str, Line] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b")
        except OSError as error:
            raise self._unusable(f"cannot be opened ({error.strerror or error})") from error
        if fcntl is not None:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                self._file.close()
                raise self._unusable("another batch writes it") from error
        try:
            self._read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        """Return the journal."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the file; what was made for it goes where nothing was entered."""
        self._file.close()
        made, self._made = self._made, []
        with suppress(OSError):  # somebody put something else there
            if made and not self.path.stat().st_size:
                self.path.unlink()
                for folder in made[1:]:
                    folder.rmdir()

    def was_begun(self, job: Job) -> bool:
        """Whether an earlier run began this very job, so that what lies in its output's place is its own."""
        return _key(job) in self._begun

    def done(self, job: Job) -> Line | None:
        """Return the line on this very job, ``None`` where it was not done."""
        return self._done.get(_key(job))

    def data_has_changed(self, job: Job) -> bool:
        """Whether the external data of a model is another than when this very job was begun."""
        before = self._begun.get(_key(job))
        return bool(before) and data_marks(job) != before

    def outcome(self, line: Line) -> Outcome:
        """Read an outcome again."""
        self._file.seek(line.place)
        return Outcome.from_json(json.loads(self._file.readline())["outcome"])

    def begin(self, job: Job) -> None:
        """Enter that a job is begun."""
        data = self._begun[_key(job)] = data_marks(job)
        self._write({"begun": _key(job), "model": job.model, "data": data})

    def enter(self, job: Job, outcome: Outcome) -> None:
        """Enter what came of a job."""
        place = self._write({"done": _key(job), "outcome": outcome.to_dict()})
        self._done[_key(job)] = Line(place, outcome.exit_code, outcome.output)

    def _write(self, entry: dict[str, Any]) -> int:
        """Write a line; return where it begins."""
        try:
            place = self._file.seek(0, 2)
            self._file.write(json.dumps(entry, allow_nan=False).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise self._unusable(f"cannot be written ({error.strerror or error})") from error
        return place

    def _read(self) -> None:
        self._file.seek(0)
        place = 0
        for line in self._file:
            if not line.endswith(b"\n") and line.startswith(BEGINNINGS):  # the run before was ended in the middle of it
                self._file.truncate(place)
                break
            try:
                entry = json.loads(line)
                if "begun" in entry:
                    self._begun[entry["begun"]] = dict(entry.get("data", {}))
                else:
                    outcome = entry["outcome"]
                    self._done[entry["done"]] = Line(place, outcome["exit_code"], outcome["output"])
            except (ValueError, TypeError, KeyError) as error:
                raise self._unusable("is no journal of a batch") from error
            place += len(line)

    def _unusable(self, what: str) -> Unsupported:
        return Unsupported(f"{self.path}: {what}", code="GL960", hint="name another file with --journal")


def _key(job: Job) -> str:
    """Return what tells a job from any other: what is done, with which version of which model, and where it goes."""
    said = [tool_version(), job.words, job.named, job.model, job.mark, job.output, job.folder]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]
