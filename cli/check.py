"""``gru-lower check``."""

from __future__ import annotations

from typing import Any

import click

from gru_lower.cli import options


@click.command("check", short_help="Look for what would go wrong with a model.")
@click.argument("model", type=options.MODEL)
@click.option("--target", metavar="NAME|FILE", help="Also what a target would reject, or compute wrongly.")
@options.rendering
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Look for what would go wrong with MODEL. Exit code 0: nothing was found, 1: something was."""
    from gru_lower.cli import render
    from gru_lower.passes import api

    talk = render.Talk(o)
    with talk.progress():
        report = api.check(options.source(o["model"]), target=o["target"])
    talk.inspected(report)
    return 1 if api.findings(report) else 0
