"""``gru-lower bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gru_lower.cli import options


@click.command("bench", short_help="Time two models side by side.")
@click.argument("a", type=options.MODEL)
@click.argument("b", type=options.MODEL, required=False)
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
    callback=options.given_shapes,
    help="Shape to generate for an input; repeatable.",
)
@click.option("--inputs", type=click.Path(path_type=Path), metavar="NPZ|DIR", help="Run on these inputs.")
@options.plain_rendering
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Time models A and B in onnxruntime on the same inputs, in turn. Without B: A, and A lowered by auto.

    With one thread CPU time is measured, which other programs do not lengthen; with several, time that passes.
    The ratio is the median over rounds that time one model right after the other.
    """
    from gru_lower.cli.bench_talk import BenchTalk
    from gru_lower.graph.dims import open_dims
    from gru_lower.interop import read
    from gru_lower.passes import api
    from gru_lower.verification import given
    from gru_lower.verification.bench import BenchOptions
    from gru_lower.verification.shapes import check_shapes

    options.refuse_both("--inputs", ("--shape", "--seed"))
    options.refuse_both("--runs", ("--seconds",))
    talk = BenchTalk(o)
    left = read(options.source(o["a"])).model
    right = None if o["b"] is None else read(options.source(o["b"])).model
    with talk.progress() as progress:
        check_shapes(left.proto, o["shapes"])
        inputs = None if o["inputs"] is None else given.read(o["inputs"], left.proto)[0]
        how = BenchOptions(o["seconds"], o["runs"], o["threads"], o["seed"], o["shapes"], inputs)
        report = api.bench_pair(left, right, how, lambda what: progress(what, 0, 1))
    talk.benched(report, chosen_sizes=inputs is None and bool(open_dims(left)))
    return 0
