"""``gru-lower bench``."""

from __future__ import annotations

from typing import Any

import click

from gru_lower.api.options import TimingOptions
from gru_lower.cli import exclusive_options, parse_values, printing_options
from gru_lower.cli.library_flags import library_flags, library_options


@click.command("bench", short_help="Time two models side by side.")
@click.argument("a", type=parse_values.MODEL)
@click.argument("b", type=parse_values.MODEL, required=False)
@library_flags(TimingOptions, "seconds", "runs", "threads", "seed", "shapes", "inputs")
@printing_options.plain_printing
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Time models A and B in onnxruntime on the same inputs, in turn. Without B: A, and A lowered by auto.

    With one thread CPU time is measured, which other programs do not lengthen; with several, time that passes.
    The ratio is the median over rounds that time one model right after the other.
    """
    from gru_lower.api.bench import bench_pair
    from gru_lower.cli.progress_bar import progress_bar
    from gru_lower.cli.render_bench import show_timed
    from gru_lower.cli.terminal import Terminal
    from gru_lower.graph.fixed_dims import open_dims

    exclusive_options.refuse_overruled(inputs=("seed",))
    terminal = Terminal(o)
    left = parse_values.read_model(o["a"]).model
    right = None if o["b"] is None else parse_values.read_model(o["b"]).model
    with progress_bar(terminal) as progress:
        options = library_options(TimingOptions, o, left.proto, progress=lambda what: progress(what, 0, 1))
        report = bench_pair(left, right, options)
    show_timed(terminal, report, chosen_sizes=options.inputs is None and bool(open_dims(left)))
    return 0
