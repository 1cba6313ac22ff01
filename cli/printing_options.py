"""Options that say how a command prints, and where its defaults stand."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from gru_lower.cli import parse_values
from gru_lower.cli.memory_option import memory_option
from gru_lower.cli.report_formats import FORMATS, TEXT
from gru_lower.cli.report_output import current_output

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

P = ParamSpec("P")
R = TypeVar("R")


CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where [tool.gru-lower] stands.  [default: the pyproject.toml of this folder, or one above]",
)


def report_printing(command: Callable[P, R]) -> Callable[P, R]:
    """Add the options that say how to print a report, and where its defaults stand."""
    for option in (
        CONFIG,
        click.option("--no-color", is_flag=True, help="Print without colour (as does NO_COLOR)."),
        click.option("-v", "--verbose", count=True, help="Say what versions ran and how long it took; -vv: each step."),
        click.option("-q", "--quiet", is_flag=True, help="Print findings only."),
    ):
        command = option(command)

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs.get("no_color") or os.environ.get("NO_COLOR"):
            click.get_current_context().color = False
        return command(*args, **kwargs)

    return memory_option(report_formats(wrapped))


def refuse_missing_values(ctx: click.Context, values: Mapping[str, Any]) -> None:
    """Refuse an option that took the next one for its value.

    Raises:
        BadOptionUsage: Naming it.

    """
    options = [each for each in ctx.command.params if isinstance(each, click.Option)]
    names = {name for each in options for name in (*each.opts, *each.secondary_opts)}
    for each in options:
        value = values.get(each.name or "")
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, str | Path) and str(one) in names:
                message = f"Option {each.opts[-1]!r} requires an argument, and {str(one)!r} is an option."
                raise click.BadOptionUsage(each.name or "", message, ctx)


def report_formats(command: Callable[P, R]) -> Callable[P, R]:
    """Add the options that say in which format a report is, and where it goes."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        ctx = click.get_current_context()
        refuse_missing_values(ctx, kwargs)
        current_output().settle(ctx.info_name or "", kwargs)
        return command(*args, **kwargs)

    for option in (
        click.option(
            "--output-file",
            type=click.Path(path_type=Path, allow_dash=True),
            metavar="FILE",
            help=(
                "Write the report there, in place of an older one; stdout then has the text, if that is not what is "
                "asked for."
            ),
        ),
        click.option(
            "--output-format",
            type=parse_values.Word(FORMATS),
            default=TEXT,
            show_default=True,
            help="What the report is; it stands on stdout.",
        ),
    ):
        wrapped = option(wrapped)
    return wrapped
