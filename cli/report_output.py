"""Where the report of a run goes, stdout or a file; one that a program reads is written however the run ends."""

from __future__ import annotations

import io
import time
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gru_lower.cli.report_file import refuse_report_file, write_report_file
from gru_lower.cli.report_formats import FORMATS, TEXT, report_in
from gru_lower.cli.standard_streams import say_aside, write_aside, write_document
from gru_lower.errors import GruLowerError, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from gru_lower.cli.run import Run, Runs

PIPE = "-"
INTERRUPTED = "GL975"


class ReportOutput:
    """The report of one run of the command line, and what it is about so far.

    Args:
        words: The words of the command line, which say what is wanted even where they are not understood.

    Attributes:
        format: What the report is to be.
        file: Where it goes instead of stdout, ``None`` for stdout.
        aside: Whether it goes to stderr, as a model goes to stdout.
        command: The command.
        runs: What came of the models that are done.
        done: Yields them; they may be elsewhere.
        in_full: Yields the document of a command that has one of its own, the error that ended it in it.
        many: Whether it is about several models, or a folder of which there may be several.
        written: Whether it is written.
        text: What a person would read on stdout, where that goes to a file.

    """

    def __init__(self, words: Sequence[str] = ()) -> None:
        """Take from the words what can be taken."""
        self.format = TEXT
        self.file: Path | None = None
        self.aside = PIPE in words
        self.command = ""
        self.runs: list[Run] = []
        self.done: Runs = lambda: self.runs
        self.in_full: Callable[[GruLowerError | None], Iterable[str]] | None = None
        self.many = False
        self.written = False
        self.text: io.StringIO | None = None
        self._words = words
        self._settled = False
        self._path = ""
        self._began = time.monotonic()
        self._expect(_last_value(words, "--output-format"), _last_value(words, "--output-file"))

    def _expect(self, form: str | None, file: str | None) -> None:
        """Take a format and a file that were not said otherwise."""
        if self.format == TEXT and form in FORMATS:
            self.format = form
        if self.file is None and file is not None and file != PIPE:
            self.file = Path(file)

    def begin_command(self, command: str, defaults: Mapping[str, Any]) -> None:
        """Say which command it is, and what the configuration says of it, before its options are understood."""
        self.command = command
        if not any(word.startswith("--output-format") for word in self._words):
            self._expect(defaults.get("output_format"), defaults.get("output_file"))

    def settle(self, command: str, o: dict[str, Any]) -> None:
        """Take what the command's options say, now that they are understood.

        Args:
            command: Its name.
            o: Their values.

        Raises:
            Unsupported: The file cannot take a report.

        """
        self.file = None  # not before it is sure that it may be written
        file = o["output_file"] if str(o["output_file"]) != PIPE else None
        if file is not None:
            named = [value for key, value in o.items() if key != "output_file"]
            refuse_report_file(file, [each for value in named for each in flat(value) if isinstance(each, Path)])
        self.command, self.format, self.file = command, o["output_format"], file
        self.text = io.StringIO() if file is not None and self.format == TEXT else None
        writes = "output" in o and command != "probe" and o.get("fix", True)
        models = [str(o[name]) for name in ("model", "source") if o.get(name) is not None]
        models += [str(each) for each in o.get("models") or ()]
        self.aside = writes and PIPE in ([str(o["output"])] if o["output"] is not None else models)
        self._settled = True

    @property
    def for_person(self) -> bool:
        """Whether stdout is for a person to read."""
        return self.format == TEXT or self.file is not None

    @property
    def instead_of_talk(self) -> bool:
        """Whether the report goes where people read, so that nothing else may stand there."""
        return self.aside and not self.for_person

    def begin(self, path: str) -> None:
        """Say that a model is begun: what goes wrong from now on is about it."""
        self._path, self._began = path, time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has taken since the model, or the whole run, was begun."""
        return time.monotonic() - self._began

    def add(self, run: Run) -> None:
        """Say what came of a model."""
        self.runs.append(run)
        self._path = ""

    def write(self, document: Iterable[str]) -> None:
        """Write the report.

        Args:
            document: It, part by part.

        Raises:
            Unsupported: It cannot be written.

        """
        if self.file is not None:
            write_report_file(self.file, document)
            self.written = True
            return
        self.written = True
        for part in document:
            (write_aside if self.aside else write_document)(part)

    def fail(self, error: GruLowerError) -> None:
        """Write the report of a run that an error ended, with what is done so far."""
        if self.written:
            return
        if self.file is not None and not self._settled and not self._may_replace(self.file):
            self.file = None
        try:
            self._write_ended_by(error)
        except (GruLowerError, OSError) as unwritten:
            if str(unwritten) != str(error):  # else it is what ended the run, and said
                say_aside(f"The report is not written: {unwritten}", err=True)

    def _write_ended_by(self, error: GruLowerError) -> None:
        """Write the report with what is done so far, and the error."""
        from gru_lower.cli.run import Run, spelled_error

        if self.in_full is not None and self.format == "json":
            self.write(self.in_full(error))
        elif self.format != TEXT:
            broken = Run(self._path, None, error, self.command, self.seconds)
            self.write(report_in(self.format, lambda: chain(self.done(), [broken])))
        elif self.file is not None:
            self.text = self.text or io.StringIO()
            self.text.write(spelled_error(error) + "\n")
        self.close()

    def _may_replace(self, file: Path) -> bool:
        """Whether a file may be written although the words around it are not understood."""
        others = [Path(value) for word in self._words for value in (word, word.rpartition("=")[2]) if value]
        try:
            refuse_report_file(file, [each for each in others if each != file])
        except GruLowerError:
            return False
        return True

    def close(self) -> None:
        """Write what a person would have read to the file that was named for it."""
        if self.text is not None and not self.written:
            self.write([self.text.getvalue()])


_output: ContextVar[ReportOutput | None] = ContextVar("_output", default=None)


@contextmanager
def report_output(words: Sequence[str]) -> Iterator[ReportOutput]:
    """Have a report written for one run of the command line."""
    token = _output.set(ReportOutput(words))
    try:
        yield current_output()
    finally:
        _output.reset(token)


def current_output() -> ReportOutput:
    """Return the output of this run."""
    found = _output.get()
    if found is None:
        found = ReportOutput()
        _output.set(found)
    return found


def interrupted() -> Unsupported:
    """Return what an interrupted run says of itself in a report."""
    return Unsupported("interrupted before it was done", code=INTERRUPTED, hint="run the same command again")


def _last_value(words: Sequence[str], flag: str) -> str | None:
    """Return what words say of a flag, however little else of them is understood."""
    found = None
    for place, word in enumerate(words):
        if word == "--":
            break
        if word == flag and place + 1 < len(words):
            found = words[place + 1]
        elif word.startswith(f"{flag}="):
            found = word.partition("=")[2]
    return None if found is not None and found.startswith("--") else found


def flat(value: Any) -> tuple[Any, ...]:  # noqa: ANN401 - click's values
    """Return the values of an option, which may be given several times."""
    return value if isinstance(value, tuple) else (value,)
