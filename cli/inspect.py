"""``gru-lower inspect``."""

from __future__ import annotations

from typing import Any

import click

from gru_lower.cli import shared_options


@click.command("inspect", short_help="List every GRU of a model.")
@click.argument("model", type=shared_options.MODEL)
@shared_options.rendering
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """List every GRU of MODEL: where it stands, which variant it is, what is wrong or doubtful about it."""
    from gru_lower.api import calls
    from gru_lower.cli import render_report

    talk = render_report.Talk(o)
    with talk.progress():
        report = calls.inspect(shared_options.source(o["model"]))
    talk.inspected(report)
    return 0
