"""``gru-lower inspect``."""

from __future__ import annotations

from typing import Any

import click

from gru_lower.cli import parse_values, printing_options


@click.command("inspect", short_help="List every GRU of a model.")
@click.argument("model", type=parse_values.MODEL)
@printing_options.report_printing
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """List every GRU of MODEL: where it stands, which variant it is, what is wrong or doubtful about it."""
    from gru_lower.api.inspect import inspect_source
    from gru_lower.cli.progress_bar import progress_bar
    from gru_lower.cli.render_grus import show_inspected
    from gru_lower.cli.terminal import Terminal

    terminal = Terminal(o)
    with progress_bar(terminal):
        report = inspect_source(parse_values.read_model(o["model"]))
    show_inspected(terminal, str(o["model"]), report)
    return 0
