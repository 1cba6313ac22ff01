"""``gru-lower verify``."""

from __future__ import annotations

from typing import Any

import click

from gru_lower.cli import options


@click.command("verify", short_help="Tell whether two models compute the same.")
@click.argument("a", type=options.MODEL)
@click.argument("b", type=options.MODEL)
@click.option("--prove", is_flag=True, help="Show over the reals, too, that each GRU is what stands for it.")
@options.verification
@options.rendering
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Run models A and B on the same inputs and compare their outputs. Exit code 0: equivalent, 1: not."""
    from gru_lower.cli import render
    from gru_lower.interop import read
    from gru_lower.passes import api

    options.refuse_both("--inputs", ("--shape",))
    talk = render.Talk(o)
    left, right = read(options.source(o["a"])).model, read(options.source(o["b"])).model
    with talk.progress() as progress:
        how = options.verify_options(o, left.proto)
        report = api.verify_pair(left, right, how, lambda what: progress(what, 0, 1), prove=o["prove"])
    talk.verified(report)
    return 0 if report.verification.status == "equivalent" else 1
