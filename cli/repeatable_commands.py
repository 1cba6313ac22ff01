"""Which commands ``batch`` can run over many models."""

from __future__ import annotations

import click

from gru_lower.cli.report_formats import FORMATS


def takes_a_model(command: click.Command) -> bool:
    """Whether a command works on one model, or one after another, and reports on it."""
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    formats = next((each.type for each in command.params if each.name == "output_format"), None)
    return (
        [each.name for each in arguments] in (["model"], ["models"])
        and isinstance(arguments[0].type, click.Path)
        and isinstance(formats, click.Choice)
        and tuple(formats.choices) == FORMATS
    )
