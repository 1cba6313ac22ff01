"""The report for people that a call writes, where it is asked for."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from pathlib import PurePath
from typing import TYPE_CHECKING

from gru_lower.api.declared_options import declared_options
from gru_lower.errors import GruLowerError, Unsupported
from gru_lower.graph.odd_models import refusal_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gru_lower.api.report_options import EvidenceOptions
    from gru_lower.report.report_file import ReportFile
    from gru_lower.report.run_report import Report


@contextmanager
def report_page(given: EvidenceOptions) -> Iterator[Callable[[Report], None]]:
    """Provide a function that writes a call's report where that is to go; refuse at once a place where it cannot.

    An error that ends the call before it has a report is what the report says then.

    Args:
        given: The call's options.

    Raises:
        Unsupported: The place is no file for a report.

    """
    if given.report is None:
        yield lambda _report: None
        return
    from gru_lower.report.report_file import write_report

    file, start = file_for(given.report), time.monotonic()
    written = False

    def write(report: Report) -> None:
        nonlocal written
        written = True
        write_report(report.to_dict(), file)

    try:
        yield write
    except Exception as error:
        refusal = error if isinstance(error, GruLowerError) else refusal_of(error)
        if refusal is not None and not written:
            with suppress(Unsupported):  # of which the error is the one to be raised
                _write_refusal(given, refusal, time.monotonic() - start, file)
        raise


def _write_refusal(given: EvidenceOptions, error: GruLowerError, seconds: float, file: ReportFile) -> None:
    """Write that an error is all that came of a call.

    Raises:
        Unsupported: The file cannot be written.

    """
    from gru_lower.api.library_words import in_library_words
    from gru_lower.batching.job import Outcome
    from gru_lower.report.report_file import write_text
    from gru_lower.report.sections.report_text import refusal_text

    in_library_words(error, declared_options(type(given)))
    model = next((each for name in ("model", "a") if (each := getattr(given, name, None)) is not None), None)
    path = os.fspath(model) if isinstance(model, str | os.PathLike) else "a model in memory"
    said = {
        "code": error.code,
        "message": f"{error.node}: {error.message}" if error.node else error.message,
        "hint": error.hint,
    }
    outcome = Outcome(str(path), None, error.exit_code, None, said, seconds).to_dict()
    command = type(given).__name__.removesuffix("Arguments").lower()
    write_text(refusal_text(f"gru-lower {command}: {PurePath(str(path)).name}", outcome), file)


def file_for(place: str | os.PathLike[str]) -> ReportFile:
    """Return where a call's report goes.

    Raises:
        Unsupported: The place is no file for a report.

    """
    from gru_lower.report.report_file import report_file

    if str(place) == "-":
        raise Unsupported("report: stdout is the command line's", code="GL970", hint="name a file, and print that")
    return report_file(place, overwrite=True)
