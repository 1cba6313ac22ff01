"""``gru-lower``: the group of commands, its default command, and the one place where errors become exit codes."""

from __future__ import annotations

import difflib
import io
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gru_lower.errors import GruLowerError, InternalError, Unsupported

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT = "lower"
INTERRUPTED, NO_READER = 130, 141
"""What a shell says of a program that SIGINT or SIGPIPE ended."""


class Commands(click.Group):
    """A group whose first word may also be a model: then the command is ``lower``.

    Commands are imported when they are used, so that ``--help`` answers at once.
    """

    modules = {  # noqa: RUF012 - click reads it, nothing writes it
        "lower": "Replace GRU nodes by Scan, Loop, unrolled or single-step subgraphs (the default).",
        "fuse": "Replace decomposed GRUs by GRU nodes, however they are spelled.",
        "inspect": "List every GRU of a model: where it stands, which variant it is, what is doubtful.",
        "verify": "Tell whether two models compute the same.",
        "bench": "Time two models side by side, or a model and what it is lowered to.",
        "legalize": "Rewrite GRU nodes into those a target takes, and lower only the rest.",
        "check": "Look for what would go wrong with a model, on a target above all.",
        "targets": "List the targets, or show what one takes.",
        "probe": "Find out what a target takes, by running small models on it.",
        "convert": "Take a GRU's weights to PyTorch, Keras, TensorFlow or MLX, or from there.",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands, in the order a person would meet them."""
        del ctx
        return list(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        if cmd_name not in self.modules:
            return None
        import importlib

        command: click.Command = importlib.import_module(f"gru_lower.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(self.modules.items()))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command in front of a model, or of options that are not the group's own."""
        own = {name for parameter in self.get_params(ctx) for name in (*parameter.opts, *parameter.secondary_opts)}
        if args and args[0] not in own and args[0] not in self.modules:
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest what may have been meant where the first word is neither a command nor a file."""
        if args[0] == DEFAULT and len(args) > 1:
            word = args[1]
            looks_like_word = not word.startswith("-") and "." not in word and "/" not in word
            if looks_like_word and not Path(word).exists():
                near = difflib.get_close_matches(word, self.modules, n=1)
                if Path(f"{word}.onnx").exists():
                    near = [f"{word}.onnx"]
                hint = f"did you mean {near[0]}?" if near else f"commands: {', '.join(self.modules)}"
                raise Unsupported(f"{word!r} is neither a command nor a file", code="GL008", hint=hint)
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            from gru_lower.cli import pyproject_config

            pyproject_config.prepare(ctx, command, rest, _Lazy(self, ctx))
        return name, command, rest


class _Lazy(Mapping[str, click.Command]):
    """The commands by name, imported when they are asked for."""

    def __init__(self, group: Commands, ctx: click.Context) -> None:
        self._group, self._ctx = group, ctx

    def __getitem__(self, name: str) -> click.Command:
        command = self._group.get_command(self._ctx, name)
        if command is None:
            raise KeyError(name)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(self._group.modules)

    def __len__(self) -> int:
        return len(self._group.modules)


def _version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from gru_lower.version import tool_version

        click.echo(f"gru-lower, version {tool_version()}")
        ctx.exit()


@click.group(
    cls=Commands,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a redirected stdout may be ASCII: what it cannot spell becomes "?"
            stream.reconfigure(errors="replace")
    sys.exit(run(argv))


def run(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: no error a user can cause prints a traceback."""
    words = sys.argv[1:] if argv is None else list(argv)
    plain = "--no-color" in words or bool(os.environ.get("NO_COLOR"))
    try:
        code = cli.main(args=words, prog_name="gru-lower", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except SystemExit:  # how click and rich leave when nobody reads their output any more
        return NO_READER
    except click.ClickException as error:
        return _wrong_usage(error, plain)
    except GruLowerError as error:
        _say(error, plain)
        return error.exit_code
    except OSError as error:
        _give_up_stdout()
        name = "the output" if error.filename is None else error.filename
        hint = "check the disk's space and the permissions"
        _say(Unsupported(f"{name}: {error.strerror or error}", code="GL004", hint=hint), plain)
        return Unsupported.exit_code
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a bug of ours and has to say so
        import traceback

        traceback.print_exc()
        hint = "please report it with the model"
        _say(InternalError(f"{type(error).__name__}: {error}", code="GL901", hint=hint), plain)
        return InternalError.exit_code
    return _code(code)


def _give_up_stdout() -> None:
    """Forget what stdout could not take: the interpreter would try again when it ends, and exit with 120."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _code(value: Any) -> int:  # noqa: ANN401 - whatever a command returns
    return value if isinstance(value, int) else 0


def _wrong_usage(error: click.ClickException, plain: bool) -> int:
    message = error.format_message()
    if "\n" in message:  # the whole help, where no word was given
        error.show()
        return error.exit_code
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"see {'gru-lower' if ctx is None else ctx.command_path} --help"
    if "extra argument" in message and ctx is not None and ctx.info_name == DEFAULT:
        hint = f"name the output with -o; {hint}"
    _say(Unsupported(message, code="GL008", hint=hint), plain)
    return error.exit_code


def _say(error: GruLowerError, plain: bool) -> None:
    color = False if plain else None
    code = f" {error.code}" if error.code else ""
    where = f" {error.node}:" if error.node else ""
    click.echo(f"{click.style(f'error{code}:', fg='red', bold=True)}{where} {error.message}", err=True, color=color)
    if error.hint:
        click.echo(f"  {click.style('hint:', bold=True)} {error.hint}", err=True, color=color)
