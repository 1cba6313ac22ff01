"""One command on one model after another: what is wrong with one costs the others nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from gru_lower.cli import option_precedence
from gru_lower.cli.exit_codes import print_error, said_failure
from gru_lower.cli.page_output import PageOutput
from gru_lower.cli.report_output import current_output
from gru_lower.cli.run import Run
from gru_lower.errors import GruLowerError
from gru_lower.garbage_collection import collect_seldom
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gru_lower.cli.named_models import NamedModels
    from gru_lower.cli.terminal import Terminal


@dataclass(frozen=True)
class Worked:
    """What a command did with one model.

    Attributes:
        run: What came of it.
        failed: Whether that asks for exit code 1.
        show: Prints it for a person.
        remarks: What is said beside it, whoever reads the report.

    """

    run: Run
    failed: bool
    show: Callable[[], None]
    remarks: Sequence[str] = ()


class EachModel:
    """Does a command with each of its models.

    Args:
        o: The command's option values.
        named: The models.
        terminal: Where to report.

    Attributes:
        failed: Whether what came of one asks for exit code 1.

    """

    def __init__(self, o: dict[str, Any], named: NamedModels, terminal: Terminal) -> None:
        """Begin with none."""
        self.failed = False
        self._o, self._named, self._terminal = o, named, terminal
        self._output = current_output()
        self._output.many = named.many
        if named.many:
            collect_seldom()  # what one leaves behind is not kept until the end
        self._page = PageOutput(o, terminal, many=named.many)

    def done(self, work: Callable[[dict[str, Any]], Worked]) -> Iterator[Worked]:
        """Do each, and yield what came of it.

        Args:
            work: Does one: ``model``, ``output`` and ``other`` are among the values it is given.

        Raises:
            GruLowerError: What is wrong with a model that was named by itself; that of one of several is said.

        """
        ctx, output = click.get_current_context(), self._output
        for model, place, other in self._named.models:
            output.begin(str(model))
            try:
                configured = option_precedence.overrides_for(ctx, str(model))
                mine = {**self._o, **configured, "model": model, "other": other, "output": place}
                if self._named.many and place is not None:
                    from gru_lower.batching.storage import make_folder

                    make_folder(place.parent)
                worked = work(mine)
            except Exception as error:  # whatever it is, the others are to be worked on
                if not self._named.many:
                    if isinstance(error, GruLowerError):
                        self._page.write_refusal(Run(str(model), None, error, ctx.info_name or "", output.seconds))
                    raise
                refusal = said_failure(error, plain=self._terminal.plain)
                output.add(Run(str(model), None, refusal, ctx.info_name or "", output.seconds))
                continue
            output.add(replace(worked.run, seconds=output.seconds, failed=worked.failed))
            self.failed |= worked.failed
            yield worked

    def show_done(self, work: Callable[[dict[str, Any]], Worked]) -> int:
        """Do each, and report on it; return the exit code.

        Raises:
            GruLowerError: As :meth:`done` does.

        """
        for worked in self.done(work):
            if self._terminal.for_person:
                if self._named.many:
                    self._terminal.line(worked.run.path, "bold")
                worked.show()
            for line in worked.remarks:
                self._terminal.remark(line)
            if self._named.many and worked.run.error is not None:
                print_error(worked.run.error, self._terminal.plain)
        self.write_reports()
        if self._named.many and self._terminal.for_person:
            self._terminal.line(self._summary())
        elif self._output.runs[0].error is not None:
            raise self._output.runs[0].error
        return self.exit_code

    def write_reports(self) -> None:
        """Write the report that a program reads, and the one that people read.

        Raises:
            Unsupported: One cannot be written.

        """
        self._terminal.write_report()
        self._page.write_runs(self._output.runs)

    @property
    def exit_code(self) -> int:
        """The exit code: that of the gravest error, or of what was found."""
        return max([int(self.failed), *(run.error.exit_code for run in self._output.runs if run.error)])

    def _summary(self) -> str:
        runs = self._output.runs
        broken = sum(run.error is not None for run in runs)
        models = "1 model" if len(runs) == 1 else f"{len(runs)} models"
        return f"{models}, {broken} of them with an error." if broken else f"{models}."
