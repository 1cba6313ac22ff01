"""The exit code and the line on stderr that each error becomes: no error a user can cause prints a traceback."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from gru_lower.cli.command_group import DEFAULT
from gru_lower.cli.report_output import current_output, interrupted
from gru_lower.cli.standard_streams import give_up, say_aside
from gru_lower.cli.termination import Terminated
from gru_lower.errors import GruLowerError, InternalError, Unsupported
from gru_lower.nearest_word import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

INTERRUPTED = 130
"""What a shell says of a program that SIGINT ended."""


def exit_code_of(command: Callable[[], Any], *, plain: bool) -> int:
    """Run a command and return the exit code, that of its error if it raises one.

    Args:
        command: What returns the code, or anything else for 0.
        plain: Whether errors are said without colour.

    """
    try:
        code = command()
        current_output().close()
        sys.stdout.flush()
    except click.exceptions.Abort as aborted:
        if isinstance(aborted.__cause__, EOFError):  # which click takes for the end of what a person types
            return _unexpected(aborted.__cause__, plain)
        say_aside("interrupted", err=True)
        current_output().fail(interrupted())
        return INTERRUPTED
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except SystemExit:  # how click and rich leave when nobody reads their text any more, which is no error
        give_up(sys.stdout)
        return 0
    except GruLowerError as error:
        _end_with(error, plain)
        return error.exit_code
    except Terminated:
        current_output().fail(interrupted())
        raise
    except BrokenPipeError:  # the same, of a text that was still to be flushed
        give_up(sys.stdout)
        return 0
    except Exception as error:  # noqa: BLE001 - whatever it is, the model is odd, or it is a bug of ours
        return _unexpected(error, plain)
    return code if isinstance(code, int) else 0


def as_refusal(error: Exception) -> GruLowerError:
    """Return what an error is to whoever ran the command: wrong usage, a place that cannot be used, an odd model."""
    if isinstance(error, GruLowerError):
        return error
    if isinstance(error, click.ClickException):
        return _wrong_usage(error)
    if isinstance(error, OSError):
        name = "stdout" if error.filename is None else error.filename
        hint = "check the disk's space and the permissions"
        return Unsupported(f"{name}: {error.strerror or error}", code="GL004", hint=hint)
    from gru_lower.graph.odd_models import refusal_of

    hint = "please report it with the model"
    return refusal_of(error) or InternalError(f"{type(error).__name__}: {error}", code="GL901", hint=hint)


def _unexpected(error: Exception, plain: bool) -> int:
    """Say what an error is, and where it comes from if it is a bug of ours."""
    if isinstance(error, click.ClickException) and "\n" in error.format_message():  # the help, where no word was given
        error.show()
        return error.exit_code
    refusal = as_refusal(error)
    if isinstance(error, OSError):
        give_up(sys.stdout)
    _show_cause(error, refusal)
    _end_with(refusal, plain)
    return error.exit_code if isinstance(error, click.ClickException) else refusal.exit_code


def said_failure(error: Exception, *, plain: bool) -> GruLowerError:
    """Say what went wrong with one model of several, and return it."""
    refusal = as_refusal(error)
    _show_cause(error, refusal)
    print_error(refusal, plain)
    return refusal


def _show_cause(error: Exception, refusal: GruLowerError) -> None:
    """Print where an error comes from if it is a bug of ours."""
    if isinstance(refusal, InternalError) and error is not refusal:
        import traceback

        traceback.print_exception(error)


def _wrong_usage(error: click.ClickException) -> Unsupported:
    message = error.format_message()
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"see {'gru-lower' if ctx is None else ctx.command_path} --help"
    if "extra argument" in message and ctx is not None and ctx.info_name == DEFAULT:
        hint = f"name the output with -o; {hint}"
    if isinstance(error, click.NoSuchOption) and ctx is not None:
        message, hint = f"there is no option {error.option_name}", _meant(error.option_name, ctx, hint)
    return Unsupported(message, code="GL008", hint=hint)


def _meant(option: str, ctx: click.Context, otherwise: str) -> str:
    """Return what may have been meant by an option that there is not; without a command, the group's count, too."""
    groups = [ctx.parent] if ctx.parent is not None and ctx.info_name == DEFAULT else []
    parameters = [each for one in (ctx, *groups) for each in one.command.get_params(one)]
    known = [name for each in parameters for name in (*each.opts, *each.secondary_opts) if name.startswith("-")]
    return did_you_mean(option, known, otherwise)


def _end_with(error: GruLowerError, plain: bool) -> None:
    """Say an error, and write the report of the run that it ended."""
    output = current_output()
    if output.written or not output.instead_of_talk:
        print_error(error, plain)
    output.fail(error)


def print_error(error: GruLowerError, plain: bool) -> None:
    """Print an error and what to do about it on stderr."""
    color = False if plain else None
    code = f" {error.code}" if error.code else ""
    where = f" {error.node}:" if error.node else ""
    say_aside(f"{click.style(f'error{code}:', fg='red', bold=True)}{where} {error.message}", err=True, color=color)
    if error.hint:
        say_aside(f"  {click.style('hint:', bold=True)} {error.hint}", err=True, color=color)
