"""Where a command prints: results on stdout, remarks on stderr, as the options about printing ask."""

from __future__ import annotations

import os
import sys
from typing import Any

from gru_lower.cli.printer import Printer
from gru_lower.cli.report_formats import TEXT, report_in
from gru_lower.cli.report_output import PIPE, current_output
from gru_lower.cli.standard_streams import Forgiving
from gru_lower.cli.styled_text import Styled

MIN_WIDTH = 100


class Terminal:
    """Prints for one run of one command.

    Args:
        o: The command's option values: output_format, quiet, verbose, no_color.
        to_stderr: Whether stdout is taken by a model.
        aside: Whether the result is a file or the exit code, so that a text which cannot be printed is no error.

    Attributes:
        output_format: What stands on stdout.
        quiet: Whether only findings are printed.
        verbose: How many details are.
        plain: Whether nothing has a colour.
        out: For results.
        err: For remarks.

    """

    def __init__(self, o: dict[str, Any], *, to_stderr: bool = False, aside: bool = False) -> None:
        """Set up the two printers."""
        self.output_format: str = o["output_format"]
        self.quiet: bool = o["quiet"]
        self.verbose: int = o["verbose"]
        self.plain: bool = o["no_color"] or bool(os.environ.get("NO_COLOR"))
        remarks = Forgiving(sys.stderr)
        self.output = current_output()
        to_stderr = to_stderr or o.get("report") == PIPE
        stdout = remarks if to_stderr else Forgiving(sys.stdout) if aside else sys.stdout
        shown = stdout if self.output.text is None else self.output.text
        self.out = Printer(shown, plain=self.plain, least_width=MIN_WIDTH)
        self.err = Printer(remarks, plain=self.plain, least_width=MIN_WIDTH)

    @property
    def for_person(self) -> bool:
        """Whether a person reads stdout, not a program."""
        return self.output.for_person

    def write_report(self) -> None:
        """Write the report on what is done if a program is to read it."""
        if self.output_format != TEXT:
            self.output.write(report_in(self.output_format, self.output.done, many=self.output.many))

    def show(self, what: str | Styled) -> None:
        """Print a line, with --quiet too."""
        self.out.print(what)

    def line(self, text: str, style: str = "") -> None:
        """Print a line that is left out with --quiet."""
        if not self.quiet:
            self.show(Styled(text, style))

    def remark(self, text: str) -> None:
        """Print a line on stderr, as stdout may hold the report; it is left out with --quiet."""
        if not self.quiet:
            self.err.print(text)

    def detail(self, level: int, text: str) -> None:
        """Print a line on stderr if so many -v are given."""
        if self.verbose >= level:
            self.err.print(Styled(text, "dim"))


def is_watched(terminal: Terminal) -> bool:
    """Whether somebody looks at a terminal on which a line may move."""
    return not (terminal.quiet or terminal.plain) and sys.stderr.isatty()
