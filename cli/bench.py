"""``gru-lower bench``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gru_lower.api.comparison_options import TimingOptions
from gru_lower.cli import exclusive_options, help_pages, parse_values, printing_options
from gru_lower.cli.library_flags import library_flags, library_options

if TYPE_CHECKING:
    from gru_lower.cli.each_model import Worked
    from gru_lower.cli.terminal import Terminal


@help_pages.command("bench", short_help="Time two models side by side.")
@click.argument("a", type=parse_values.MODEL)
@click.argument("b", type=parse_values.MODEL, required=False)
@library_flags(TimingOptions, "seconds", "runs", "threads", "seed", "shapes", "inputs")
@printing_options.report_printing
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Time models A and B in onnxruntime on the same inputs, in turn. Without B: A, and A lowered by auto.

    With one thread CPU time is measured, which other programs do not lengthen; with several, time that passes.
    The ratio is the median over rounds that time one model right after the other.
    """
    from gru_lower.cli.each_model import EachModel
    from gru_lower.cli.named_models import named_pairs
    from gru_lower.cli.terminal import Terminal
    from gru_lower.verification.worker.start_ahead import start_for_any

    exclusive_options.refuse_overruled(inputs=("seed",))
    terminal = Terminal(o)
    start_for_any((o["a"],))
    return EachModel(o, named_pairs(o["a"], o["b"]), terminal).show_done(
        lambda mine: _timed({**mine, "a": mine["model"], "b": mine["other"]}, terminal)
    )


def _timed(o: dict[str, Any], terminal: Terminal) -> Worked:
    """Time one model, or one pair."""
    from gru_lower.api.bench import bench_pair
    from gru_lower.cli.each_model import Worked
    from gru_lower.cli.progress_bar import progress_bar
    from gru_lower.cli.render_bench import show_timed
    from gru_lower.cli.run import Run
    from gru_lower.graph.fixed_dims import open_dims
    from gru_lower.report.run_report import Report
    from gru_lower.verification.result import not_run

    left = parse_values.read_model(o["a"]).model
    right = None if o["b"] is None else parse_values.read_model(o["b"]).model
    with progress_bar(terminal) as progress:
        options = library_options(TimingOptions, o, left.proto, progress=lambda what: progress(what, 0, 1))
        report = bench_pair(left, right, options)
    chosen = options.inputs is None and bool(open_dims(left))
    said = Report("bench", report.a.file, not_run("both were timed"), diagnostics=report.diagnostics)
    run = Run(str(o["a"]), said, figures=report.to_dict())
    return Worked(run, failed=False, show=lambda: show_timed(terminal, report, chosen_sizes=chosen))
