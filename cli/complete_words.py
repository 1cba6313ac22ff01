"""What a shell completes: targets, passes and their options, codes, commands; files where a file may stand.

Asked by click, which has the scripts for bash, zsh and fish: see docs/terminal.md. As an answer has to come at once,
what is heavy is imported where nothing else would do: for the options of a pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Iterable

FILE = "file"
"""The kind of an item that stands for whatever files the shell finds."""


def files(incomplete: str) -> list[CompletionItem]:
    """Complete a path."""
    return [CompletionItem(incomplete, type=FILE)]


def targets(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a target, or the path of a profile."""
    from gru_lower.targets import read_profile

    return _beginning_with(incomplete, read_profile.names()) or files(incomplete)


def codes(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete codes, several with commas between; what each means is said where the shell shows it."""
    from gru_lower.diagnostic_codes import CODES

    before, comma, begun = incomplete.rpartition(",")
    return [
        CompletionItem(f"{before}{comma}{code}", help=meant.title)
        for code, meant in CODES.items()
        if code.startswith(begun.upper())
    ]


def passes(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a pipeline: the names of passes, and in braces what is left of their options."""
    import dataclasses

    from gru_lower.passes.registry import PASSES, load

    head, brace, inside = incomplete.rpartition("{")
    if not brace or "}" in inside:
        before, comma, begun = incomplete.rpartition(",")
        return _beginning_with(begun, PASSES, f"{before}{comma}")
    name = head.rpartition(",")[2]
    if name not in PASSES:
        return []
    fields = {field.name: field for field in dataclasses.fields(load(name).Options)}
    given, space, begun = inside.replace(",", " ").rpartition(" ")
    key, equals, value = begun.partition("=")
    before = f"{head}{brace}{given}{space}"
    if not equals:
        return _beginning_with(key, [f"{each}=" for each in fields if f"{each}=" not in given], before)
    choices = fields[key].metadata.get("choices", ()) if key in fields else ()
    return _beginning_with(value, choices, f"{before}{key}=")


def commands(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete what ``batch`` may do with each model."""
    from gru_lower.cli.repeatable_commands import takes_a_model

    group = ctx.find_root().command
    if not isinstance(group, click.Group):
        return []
    found = {name: group.get_command(ctx, name) for name in group.list_commands(ctx)}
    return _beginning_with(incomplete, [name for name, each in found.items() if each and takes_a_model(each)])


def _beginning_with(begun: str, words: Iterable[str], before: str = "") -> list[CompletionItem]:
    return [CompletionItem(f"{before}{word}") for word in words if word.startswith(begun)]
