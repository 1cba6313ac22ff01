"""``gru-lower inspect``."""

from __future__ import annotations

from typing import Any

import click

from gru_lower.cli import help_pages, parse_values, printing_options


@help_pages.command("inspect", short_help="List every GRU of a model.")
@click.argument("models", type=parse_values.MODEL, nargs=-1, required=True, metavar="MODEL...")
@printing_options.report_printing
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """List every GRU of MODEL: where it stands, which variant it is, what is wrong or doubtful about it."""
    from gru_lower.api.inspect import inspect_source
    from gru_lower.cli.each_model import EachModel, Worked
    from gru_lower.cli.named_models import named_models, refuse_missing
    from gru_lower.cli.progress_bar import progress_bar
    from gru_lower.cli.render_grus import show_inspected
    from gru_lower.cli.run import Run
    from gru_lower.cli.terminal import Terminal

    refuse_missing(o["models"], f"check the path; see {click.get_current_context().command_path} --help")
    terminal = Terminal(o)

    def work(mine: dict[str, Any]) -> Worked:
        with progress_bar(terminal):
            report = inspect_source(parse_values.read_model(mine["model"]))
        return Worked(Run(str(mine["model"]), report), failed=False, show=lambda: show_inspected(terminal, report))

    return EachModel(o, named_models(o["models"]), terminal).show_done(work)
