"""``gru-lower batch``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gru_lower.api.batch_options import BatchOptions
from gru_lower.cli import help_pages, printing_options
from gru_lower.cli.library_flags import library_flags, library_options

if TYPE_CHECKING:
    from gru_lower.batching.batch import Batch
    from gru_lower.cli.page_output import PageOutput
    from gru_lower.cli.terminal import Terminal


@help_pages.command("batch", short_help="Run a command over many models, on this machine or a cluster.")
@click.argument("models", nargs=-1, required=True, metavar="MODELS...")
@library_flags(
    BatchOptions, "do", "out", "cluster", "workers", "time_limit", "journal", "retry_failed", "report", "evidence"
)
@click.option("--overwrite", is_flag=True, help="Allow --report to replace existing files.")
@printing_options.report_printing
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Run a command over MODELS - paths and URLs, with wildcards - on workers of this machine or a cluster.

    One bad model never stops the rest. Results are entered into a journal as they come: run the same again, and it
    resumes. Exit code 0: every model came out well, 1: one did not.

    gru-lower batch 'models/**/*.onnx' --do "lower --target portable" --out lowered
    """
    from gru_lower.api.batch import BatchArguments, batch_of
    from gru_lower.cli.page_output import PageOutput
    from gru_lower.cli.terminal import Terminal

    terminal = Terminal(o, aside=True)
    given = library_options(BatchOptions, o)
    page = PageOutput(o, terminal, many=True)
    later = {"report": None, "evidence": given.wants_evidence}  # the report is written behind the table
    with batch_of(BatchArguments(o["models"], **vars(given) | later)) as found:
        return _run(found, terminal, page)


def _run(found: Batch, terminal: Terminal, page: PageOutput) -> int:
    """Run a batch and show what comes of it; however it ends, what is done is said."""
    from gru_lower.batching.cluster.dask_engine import SchedulerLostError
    from gru_lower.batching.tally import Tally
    from gru_lower.cli.batch_progress import batch_progress
    from gru_lower.cli.render_batch import batch_json, show_ended_early, show_summary
    from gru_lower.cli.run import run_of
    from gru_lower.cli.termination import Terminated

    tally, output = Tally(found.total), terminal.output
    output.many = True
    output.done = lambda: (run_of(outcome, found.command) for outcome in found.outcomes())
    output.in_full = lambda error: batch_json(tally, found, error)
    try:
        with batch_progress(terminal, tally) as show:
            for outcome in found:
                tally.add(outcome)
                show(outcome)
    except (KeyboardInterrupt, Terminated, SchedulerLostError):
        show_ended_early(terminal, tally, found)
        raise
    show_summary(terminal, tally, found)
    page.write_outcomes(found.title, (each.to_dict() for each in found.outcomes()))
    return int(bool(tally.failed))
