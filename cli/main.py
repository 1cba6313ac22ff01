"""``gru-lower``: the command line."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from gru_lower.cli import ascii_spellings
from gru_lower.cli.command_group import Commands
from gru_lower.cli.exit_codes import exit_code_of
from gru_lower.cli.help_pages import HELP
from gru_lower.cli.report_output import report_output
from gru_lower.cli.standard_streams import open_closed_streams
from gru_lower.cli.termination import Terminated, end_at_once, end_by, raise_when_asked_to_end
from gru_lower.errors import Unsupported
from gru_lower.isolation.ends_soon import say_it_ends_soon

if TYPE_CHECKING:
    from collections.abc import Sequence

COMPLETE = "_GRU_LOWER_COMPLETE"
"""The variable in which a shell says that it asks for completions."""


def _version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from gru_lower.version import versions

        click.echo(versions())
        ctx.exit()


@click.group(
    cls=Commands,
    no_args_is_help=True,
    context_settings={"help_option_names": HELP, "max_content_width": 100},
    epilog="Exit codes: 0 done or clean, 1 findings, 2 wrong usage or input, 3 a bug in gru-lower.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Lower, fuse and verify GRU in ONNX models.

    "gru-lower MODEL" is "gru-lower lower MODEL".
    """


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Args:
        argv: The arguments, the process's own by default.

    """
    say_it_ends_soon()
    open_closed_streams()
    raise_when_asked_to_end()
    ascii_spellings.register()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a redirected stdout may be ASCII
            stream.reconfigure(errors=ascii_spellings.HANDLER)
    try:
        code = run(argv)
    except Terminated as terminated:
        from gru_lower.graph.atomic_file import remove_unfinished

        remove_unfinished()
        end_by(terminated.signal)
    end_at_once(code)


def run(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    plain = "--no-color" in words or bool(os.environ.get("NO_COLOR"))
    with report_output(words):
        return exit_code_of(lambda: _obey(words), plain=plain)


def _obey(words: list[str]) -> Any:  # noqa: ANN401 - whatever a command returns
    if COMPLETE in os.environ:
        from gru_lower.cli import fish_completion

        fish_completion.register()
    if any("\0" in word for word in words):  # which no shell hands over, but a program may
        raise Unsupported("an argument has a NUL in it", code="GL008", hint="leave it out: no path and no name has one")
    return cli.main(args=words, prog_name="gru-lower", standalone_mode=False)
