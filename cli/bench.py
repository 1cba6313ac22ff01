"""``gru-lower bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gru_lower.cli import shared_options


@click.command("bench", short_help="Time two models side by side.")
@click.argument("a", type=shared_options.MODEL)
@click.argument("b", type=shared_options.MODEL, required=False)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=3.0,
    show_default=True,
    help="How long to time both together.",
)
@click.option("--runs", type=click.IntRange(1), help="Rounds to time instead; each times both models.")
@click.option(
    "--threads",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="Of onnxruntime, for each model; 0: one per core.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of generated inputs.")
@click.option(
    "--shape",
    "shapes",
    multiple=True,
    metavar="NAME=2,7,64",
    callback=shared_options.given_shapes,
    help="Shape to generate for an input; repeatable.",
)
@click.option("--inputs", type=click.Path(path_type=Path), metavar="NPZ|DIR", help="Run on these inputs.")
@shared_options.plain_rendering
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Time models A and B in onnxruntime on the same inputs, in turn. Without B: A, and A lowered by auto.

    With one thread CPU time is measured, which other programs do not lengthen; with several, time that passes.
    The ratio is the median over rounds that time one model right after the other.
    """
    from gru_lower.api import calls
    from gru_lower.cli.render_bench import BenchTalk
    from gru_lower.graph.fixed_dims import open_dims
    from gru_lower.interop import read
    from gru_lower.verification.inputs import given_files
    from gru_lower.verification.inputs.bind_dims import check_shapes
    from gru_lower.verification.latency import BenchOptions

    shared_options.refuse_both("--inputs", ("--shape", "--seed"))
    shared_options.refuse_both("--runs", ("--seconds",))
    talk = BenchTalk(o)
    left = read(shared_options.source(o["a"])).model
    right = None if o["b"] is None else read(shared_options.source(o["b"])).model
    with talk.progress() as progress:
        check_shapes(left.proto, o["shapes"])
        inputs = None if o["inputs"] is None else given_files.read(o["inputs"], left.proto)[0]
        how = BenchOptions(o["seconds"], o["runs"], o["threads"], o["seed"], o["shapes"], inputs)
        report = calls.bench_pair(left, right, how, lambda what: progress(what, 0, 1))
    talk.benched(report, chosen_sizes=inputs is None and bool(open_dims(left)))
    return 0
