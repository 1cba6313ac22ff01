"""The report for people that a call writes, where it is asked for."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from gru_lower.api.report_options import EvidenceOptions
    from gru_lower.report.report_file import ReportFile
    from gru_lower.report.run_report import Report


@contextmanager
def report_page(given: EvidenceOptions) -> Iterator[Callable[[Report], None]]:
    """Provide a function that writes a call's report where that is to go; refuse at once a place where it cannot.

    Args:
        given: The call's options.

    Raises:
        Unsupported: The place is no file for a report.

    """
    if given.report is None:
        yield lambda _report: None
        return
    from gru_lower.report.report_file import write_report

    file = file_for(given.report)

    def write(report: Report) -> None:
        write_report(report.to_json(), file)

    yield write


def file_for(place: str | os.PathLike[str]) -> ReportFile:
    """Return where a call's report goes.

    Raises:
        Unsupported: The place is no file for a report.

    """
    from gru_lower.report.report_file import report_file

    if str(place) == "-":
        raise Unsupported("report: stdout is the command line's", code="GL970", hint="name a file, and print that")
    return report_file(place, overwrite=True)
