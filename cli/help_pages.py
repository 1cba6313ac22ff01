"""``--help``: options in groups - what is done, how, how it is verified, what is put out - and no word broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NARROW = 70
"""The width below which terms get less room."""
WIDEST_TERM, NARROW_TERM = 30, 6
"""The columns for options; what is longer stands in a line by itself, with what it means below."""
HYPHEN = "\ue000"
"""Stands for a hyphen while lines are broken: names of commands, options and passes stay whole."""

HELP = ["-h", "--help"]
"""What asks for the page, whoever asks: click keeps the names of the first context it is asked in."""

VERIFYING = (
    *("verify", "require_verified", "keep_different", "search", "match", "prove", "reduce_to"),
    *("inputs", "shapes", "rtol", "atol", "cases", "seed", "providers"),
)
OUTPUT = (
    *("output", "out", "in_place", "overwrite", "dry_run", "exit_zero", "journal"),
    *("output_format", "output_file", "report", "evidence", "quiet", "verbose", "no_color", "config"),
)
HOW = (
    *("vocabulary", "forbid", "mask", "batch_hint", "zero_length_state", "name_outputs", "max_nodes"),
    *("engine", "dialect", "reduce_range", "foldable", "activations", "state", "keep_node", "weights"),
    *("memory", "cluster", "workers", "time_limit", "retry_failed", "timeout", "jobs", "threads", "seconds", "runs"),
)
GROUPS = {"How": HOW, "Verification": VERIFYING, "Output": OUTPUT}
"""Options by group, in the order of the page; what is in none of them says what is done, and stands first."""


class Formatter(click.HelpFormatter):
    """Breaks lines at spaces alone."""

    def write_text(self, text: str) -> None:
        """Write a paragraph."""
        super().write_text(_whole(text))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write terms and what they mean."""
        super().write_dl([(_whole(term), _whole(text)) for term, text in rows], col_max, col_spacing)

    def getvalue(self) -> str:
        """Return what was written."""
        return super().getvalue().replace(HYPHEN, "-")


def _whole(text: str) -> str:
    return text.replace("-", HYPHEN)


class Context(click.Context):
    """What a command's words are read into; its page breaks no word."""

    formatter_class = Formatter


class Command(click.Command):
    """A command whose page lists options in groups."""

    context_class = Context

    def get_help_option_names(self, ctx: click.Context) -> list[str]:
        """Return what asks for the page."""
        del ctx
        return HELP

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the groups in which there is an option."""
        group_of = {name: group for group, names in GROUPS.items() for name in names}
        found: dict[str, list[tuple[str, str]]] = {group: [] for group in ("What", *GROUPS)}
        helping = self.get_help_option(ctx)
        for parameter in self.get_params(ctx):
            record = None if isinstance(parameter, click.Argument) else parameter.get_help_record(ctx)
            if record is not None:
                group = "Output" if parameter is helping else group_of.get(parameter.name or "", "What")
                found[group].append(record)
        room = WIDEST_TERM if formatter.width >= NARROW else NARROW_TERM
        widest = min(room, max(len(term) for rows in found.values() for term, _ in rows))
        for group, rows in found.items():
            if rows:
                with formatter.section(group):
                    formatter.write_dl([(term.ljust(widest), text) for term, text in rows], room)


def command(
    name: str,
    cls: type[Command] = Command,
    **attributes: Any,  # noqa: ANN401 - click's
) -> Callable[[Callable[..., Any]], Command]:
    """Declare a command, as ``click.command`` does."""
    return click.command(name, cls=cls, **attributes)
