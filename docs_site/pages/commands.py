"""A page for every command, from what the command line itself knows of it, and the list of all."""

from __future__ import annotations

import inspect
import re
import textwrap
from typing import TYPE_CHECKING, Any

import click

from docs_site.pages.markdown import table, toctree
from gru_lower.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

INDEX = """# Commands

`gru-lower COMMAND --help` says the same on the terminal. Exit codes are 0 done or clean, 1 findings, 2 wrong usage or
unreadable input, 3 a bug in gru-lower. Defaults may stand in `pyproject.toml`: see
[configuration](../../docs/configuration.md).

"""


def pages() -> Iterator[tuple[str, str]]:
    """Yield the pages.

    Raises:
        ValueError: A command or an option has no description.

    """
    context = click.Context(cli, info_name="gru-lower")
    rows = []
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is None or not command.help:
            raise ValueError(f"nothing is said of the command {name}")
        yield f"reference/commands/{name}.md", _page(command, context)
        rows.append([f"[`gru-lower {name}`]({name}.md)", cli.modules[name]])
    parts = [INDEX, table(["command", ""], rows), "\n## Its own options\n\n", _options("gru-lower", cli, context)]
    yield "reference/commands/index.md", "".join(parts) + toctree(cli.list_commands(context))


def _page(command: click.Command, parent: click.Context) -> str:
    name = f"gru-lower {command.name}"
    context = click.Context(command, info_name=command.name, parent=parent)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    # A \b in front of a paragraph is click's word for keeping its lines.
    blocks = re.split(r"\n\s*\n", inspect.cleandoc(command.help or ""))
    text = "\n\n".join(map(_block, blocks))
    return f"# `{name}`\n\n```text\n{usage}\n```\n\n{text}\n\n## Options\n\n{_options(name, command, context)}"


def _block(text: str) -> str:
    if not text.startswith("\b"):
        return text
    kept = textwrap.dedent(text.removeprefix("\b").strip("\n"))
    return f"```text\n{kept}\n```"


def _options(program: str, command: click.Command, context: click.Context) -> str:
    lines = ["```{eval-rst}", f".. program:: {program}", ""]
    for parameter in command.get_params(context):
        if not isinstance(parameter, click.Option) or parameter.hidden:
            continue
        record = parameter.get_help_record(context)
        if record is None or not record[1]:
            raise ValueError(f"{program}: nothing is said of {parameter.opts[0]}")
        lines += [f".. option:: {_spelled(parameter, context)}", "", f"   {_escaped(record[1])}", ""]
    return "\n".join([*lines, "```", ""])


def _spelled(option: click.Option, context: click.Context) -> str:
    taken: Any = "" if option.is_flag or option.count else f" <{option.make_metavar(context).strip('<>[]')}>"
    return ", ".join(f"{name}{taken}" for name in (*option.opts, *option.secondary_opts))


def _escaped(text: str) -> str:
    return re.sub(r"([*`|_\\])", r"\\\1", text)
