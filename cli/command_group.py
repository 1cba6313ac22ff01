"""The group of commands: each is imported when it is used, and a model in a command's place is lowered."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gru_lower.cli.help_pages import HELP, Context
from gru_lower.errors import Unsupported
from gru_lower.nearest_word import did_you_mean

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

DEFAULT = "lower"


class Commands(click.Group):
    """A group whose first word may also be a model: then the command is ``lower``.

    Commands are imported when they are used, so that ``--help`` answers at once.
    """

    context_class = Context
    modules = {  # noqa: RUF012 - click reads it, nothing writes it
        "lower": "Replace GRU nodes by Scan, Loop, unrolled or single-step subgraphs (the default).",
        "fuse": "Replace decomposed GRUs by GRU nodes, however they are spelled.",
        "quantize": "Make the products of GRUs int8: a quarter of the size, and faster where it pays.",
        "stream": "Make a sequence model one that runs frame by frame.",
        "inspect": "List every GRU of a model: where it stands, which variant it is, what is doubtful.",
        "verify": "Tell whether two models compute the same.",
        "bench": "Time two models side by side, or a model and what it is lowered to.",
        "batch": "Run a command over many models, on this machine or a cluster.",
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
        command: click.Command = importlib.import_module(f"gru_lower.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(self.modules.items()))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command in front of a model, or of options that are not the group's own."""
        return super().parse_args(ctx, self.with_command(ctx, args))

    def with_command(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Return words with the default command in front, where they name none and are not the group's own."""
        own = {name for parameter in self.get_params(ctx) for name in (*parameter.opts, *parameter.secondary_opts)}
        return [DEFAULT, *args] if args and args[0] not in own and args[0] not in self.modules else args

    def get_help_option_names(self, ctx: click.Context) -> list[str]:
        """Return what asks for the page."""
        del ctx
        return HELP

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command, or a model in its place."""
        found = super().shell_complete(ctx, incomplete)
        if found or incomplete.startswith("-"):
            return found
        from gru_lower.cli.complete_words import files

        return files(incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest what may have been meant where the first word is neither a command nor a file."""
        if args[0] == DEFAULT and len(args) > 1 and not ctx.resilient_parsing:
            word = args[1]
            looks_like_word = not word.startswith("-") and "." not in word and "/" not in word
            if looks_like_word and not Path(word).exists():
                hint = did_you_mean(word, self.modules, f"commands: {', '.join(self.modules)}")
                if Path(f"{word}.onnx").exists():
                    hint = f"did you mean {word}.onnx?"
                raise Unsupported(f"{word!r} is neither a command nor a file", code="GL008", hint=hint)
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and not ctx.resilient_parsing:  # else a shell asks what could come next
            from gru_lower.cli import option_precedence

            option_precedence.give_defaults(ctx, command, rest, _CommandsByName(self, ctx))
        return name, command, rest


class _CommandsByName(Mapping[str, click.Command]):
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
