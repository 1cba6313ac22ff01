"""Where the report for people goes that --report asks for, and its writing."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from gru_lower.cli.report_formats import TEXT
from gru_lower.cli.report_output import PIPE, flat
from gru_lower.cli.standard_streams import say_aside, write_document
from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gru_lower.cli.run import Run
    from gru_lower.cli.terminal import Terminal
    from gru_lower.report.report_file import ReportFile
    from gru_lower.report.sections.blocks import ReportText


class PageOutput:
    """The report for people: of one model a page, of many an index and a page each.

    Args:
        o: The command's option values.
        terminal: Where to say that it is written.
        many: Whether it is on many models.

    Raises:
        Unsupported: It cannot go where it is to.

    """

    def __init__(self, o: dict[str, Any], terminal: Terminal, *, many: bool) -> None:
        """Find out where it goes, before anything is done."""
        self._terminal, self._many = terminal, many
        self._file: ReportFile | None = None
        if o.get("report") is None:
            return
        from gru_lower.report.index_file import pages_folder
        from gru_lower.report.report_file import report_file

        output = terminal.output
        if o["report"] == PIPE and (output.aside or (output.format != TEXT and output.file is None)):
            other = "the model" if output.aside else f"--output-format {output.format}"
            hint = "name a file: --report report.html"
            raise Unsupported(f"--report -: {other} goes to stdout, too", code="GL970", hint=hint)
        self._file = report_file(o["report"], overwrite=o["overwrite"])
        for named in (each for name, value in o.items() if name != "report" for each in flat(value)):
            if (
                isinstance(named, Path)
                and self._file.path is not None
                and named.absolute() == self._file.path.absolute()
            ):
                hint = "name another file with --report"
                raise Unsupported(f"{named}: is named for something else, too", code="GL970", hint=hint)
        if many:
            pages_folder(self._file)

    def write_runs(self, runs: Sequence[Run]) -> None:
        """Write the report on what came of some models.

        Raises:
            Unsupported: It cannot be written.

        """
        if self._file is None or not runs:
            return
        from gru_lower.report.sections.report_text import refusal_text, report_text

        if self._many:
            from gru_lower.cli.run import outcome_of

            self.write_outcomes(f"gru-lower {runs[0].what}", (outcome_of(run) for run in runs))
        elif runs[0].report is not None:
            self._write_one(report_text(runs[0].report.to_dict()), self._file)
        elif runs[0].error is not None:
            from gru_lower.cli.run import outcome_of

            title = f"gru-lower {runs[0].what}: {PurePath(runs[0].path).name}"
            self._write_one(refusal_text(title, outcome_of(runs[0])), self._file)

    def write_refusal(self, run: Run) -> None:
        """Write the report on a model that an error ends; where it cannot be, that is said beside the error."""
        try:
            self.write_runs([run])
        except Unsupported as unwritten:
            say_aside(f"The report is not written: {unwritten}", err=True)

    def _write_one(self, said: ReportText, file: ReportFile) -> None:
        from gru_lower.report.markdown import markdown
        from gru_lower.report.report_file import write_text

        if file.path is None:
            write_document(markdown(said))
        else:
            self._say(write_text(said, file))

    def write_outcomes(self, title: str, outcomes: Iterable[dict[str, Any]]) -> None:
        """Write the index of many models, and a page each.

        Args:
            title: What was done.
            outcomes: Objects of ``schema/batch-1.json``.

        Raises:
            Unsupported: Something cannot be written.

        """
        if self._file is None:
            return
        from gru_lower.report.index_file import markdown_index, write_index

        if self._file.path is None:
            write_document(markdown_index(title, outcomes))
        else:
            self._say(write_index(title, outcomes, self._file))

    def _say(self, missing: str) -> None:
        """Say that it is written, and what its pictures want."""
        if self._file is not None:
            self._terminal.remark(f"Report: {self._file.path}")
        if missing:
            self._terminal.remark(f"  without pictures: they want {missing}")
