"""What wins: an option on the command line, or [tool.gru-lower], by command and by model."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from gru_lower.cli.exclusive_options import excluded_by
from gru_lower.cli.pyproject_config import Config, find, read
from gru_lower.cli.report_output import current_output
from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


ADDED_UP = "ignore"
"""The option whose values add up."""


def configured_values(config: Config, command: str, model: str) -> dict[str, Any]:
    """Return the defaults for one command and one model, by parameter: the later and narrower table wins.

    Args:
        config: The configuration.
        command: The command's name.
        model: The model's path, ``"-"`` for stdin.

    """
    found: dict[str, Any] = {}
    for section in config.sections(model):
        for name in ("", command):
            for key, value in section.get(name, {}).items():
                if (command, key) in config.accepted:
                    found[key] = [*found.get(key, []), *value] if key == ADDED_UP else value
    return found


def give_defaults(
    ctx: click.Context, command: click.Command, args: list[str], commands: Mapping[str, click.Command]
) -> None:
    """Give a command its defaults from the configuration, before its words are read.

    Args:
        ctx: The group's context.
        command: The command.
        args: Its words.
        commands: Every command, by name.

    Raises:
        Unsupported: The configuration cannot be read, or says something that is not understood.

    """
    own = click.Context(command, parent=ctx, info_name=command.name)
    try:
        given, _, _ = command.make_parser(own).parse_args(list(args))
    except click.UsageError:  # said in full when the words are read in earnest, in the format that is wanted
        with suppress(Unsupported):
            _expect_report(command, find(Path.cwd(), commands))
        return
    helping = command.get_help_option(own)
    if given.get("explain") or (helping is not None and given.get(helping.name or "")):
        return  # neither does anything that could be configured, and both have to work all the same
    path = given.get("config")
    current_output().begin_command(command.name or "", {})
    models = next((p for p in command.params if isinstance(p, click.Argument) and isinstance(p.type, click.Path)), None)
    paths = [] if models is None else _paths(given.get(models.name or ""))
    one = len(paths) == 1 or (models is not None and models.nargs == 1)  # of several, each has its own: overrides_for
    model = paths[0] if paths and one else "-"
    if path is not None:
        ctx.obj = read(Path(path), commands, named=True)
    else:
        ctx.obj = find(Path.cwd(), commands)  # not beside the model: who wrote that need not be who runs this
    if ctx.obj is not None and command.name is not None:
        ctx.default_map = {command.name: _without_excluded(configured_values(ctx.obj, command.name, model), given)}
    _expect_report(command, ctx.obj, model)


def _expect_report(command: click.Command, config: Config | None, model: str = "-") -> None:
    """Say in which format the report is wanted, before anything else is understood."""
    name = command.name or ""
    current_output().begin_command(name, {} if config is None else configured_values(config, name, model))


def _paths(value: Any) -> list[str]:  # noqa: ANN401 - click's values
    found = value if isinstance(value, (list, tuple)) else [value]
    return [each for each in found if isinstance(each, str) and each]


def _without_excluded(values: dict[str, Any], given: Iterable[str]) -> dict[str, Any]:
    """Drop what something on the command line excludes."""
    gone = {name for key in given for name in excluded_by(key)}
    return {key: value for key, value in values.items() if key not in gone}


def overrides_for(ctx: click.Context, model: str) -> dict[str, Any]:
    """Return what the configuration says of one model of several, but for what the command line says.

    Args:
        ctx: The command's context.
        model: The model's path.

    """
    config = ctx.find_object(Config)
    if config is None or ctx.command.name is None:
        return {}
    by_name = {parameter.name: parameter for parameter in ctx.command.params}
    found = {}
    typed = {key for key in by_name if key and ctx.get_parameter_source(key) is ParameterSource.COMMANDLINE}
    configured = _without_excluded(configured_values(config, ctx.command.name, model), typed)
    for key, value in configured.items():
        given = ctx.get_parameter_source(key) not in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
        if not given or key == ADDED_UP:
            found[key] = by_name[key].process_value(ctx, value)
        if given and key == ADDED_UP:
            found[key] = (*found[key], *ctx.params[key])
    return found
