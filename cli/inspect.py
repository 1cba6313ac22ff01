"""``gru-lower inspect``."""

from __future__ import annotations

from typing import Any

import click

from gru_lower.cli import options


@click.command("inspect", short_help="List every GRU of a model.")
@click.argument("model", type=options.MODEL)
@options.rendering
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """List every GRU of MODEL: where it stands, which variant it is, what is wrong or doubtful about it."""
    from gru_lower.cli import render
    from gru_lower.passes import api

    talk = render.Talk(o)
    with talk.progress():
        report = api.inspect(options.source(o["model"]))
    talk.inspected(report)
    return 0
