"""Options that say how a command prints, and where its defaults stand."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from gru_lower.cli import parse_values
from gru_lower.cli.memory_option import memory_option
from gru_lower.cli.report_formats import FORMATS, FORMATS_WITHOUT_MODELS, TEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

P = ParamSpec("P")
R = TypeVar("R")


def report_printing(command: Callable[P, R]) -> Callable[P, R]:
    """Add the options that say how to print a report on models."""
    return _printing(command, FORMATS)


def plain_printing(command: Callable[P, R]) -> Callable[P, R]:
    """Add the options that say how to print what is no report on models."""
    return _printing(command, FORMATS_WITHOUT_MODELS)


def _printing(command: Callable[P, R], formats: Sequence[str]) -> Callable[P, R]:
    for option in (
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Where [tool.gru-lower] stands.  [default: the pyproject.toml of this folder, or one above]",
        ),
        click.option("--no-color", is_flag=True, help="Print without colour (as does NO_COLOR)."),
        click.option("-v", "--verbose", count=True, help="Say what versions ran and how long it took; -vv: each step."),
        click.option("-q", "--quiet", is_flag=True, help="Print findings only."),
        click.option(
            "--output-format",
            type=parse_values.Word(formats),
            default=TEXT,
            show_default=True,
            help="What stands on stdout.",
        ),
    ):
        command = option(command)

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs.get("no_color") or os.environ.get("NO_COLOR"):
            click.get_current_context().color = False
        return command(*args, **kwargs)

    return memory_option(wrapped)
