"""``[tool.gru-lower]`` of a pyproject.toml: defaults for options, for all commands, one command, or some models.

[tool.gru-lower]                      options of any command, by their long names
[tool.gru-lower.lower]                options of one command
[tool.gru-lower.files."old/*.onnx"]   both of these again, for models whose path matches

The later one wins, and the command line over all; but codes to ignore add up. The file is found by walking up from the
model, or from here where there is none, to the first pyproject.toml with such a table.
"""

from __future__ import annotations

import difflib
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TABLE = "gru-lower"
FILES = "files"
NEVER = ("config", "output", "explain", "help")
"""Options that make no sense as a default."""
CODED = ("select", "ignore")
"""Options that take codes."""
ADDED = "ignore"
"""The option whose values add up."""
EXCLUDED = {
    "passes": (
        *("form", "zero_length_state", "opset", "mask", "batch_hint", "target", "vocabulary", "forbid"),
        *("steps",),
    ),
    "target": ("vocabulary", "forbid"),
    "vocabulary": ("target",),
    "forbid": ("target",),
    "inputs": ("shapes",),
    "shapes": ("inputs",),
}
"""What is given on the command line: what the configuration then does not say."""


class Config:
    """What one configuration file says.

    Args:
        path: The file.
        table: What stands under ``[tool.gru-lower]``.
        commands: Every command, by name.

    Raises:
        Unsupported: It says something that is not understood.

    """

    def __init__(self, path: Path, table: Mapping[str, Any], commands: Mapping[str, click.Command]) -> None:
        """Read all of it, so that a slip shows wherever it stands."""
        self._path, self._commands = path, commands
        self._all = self._section(table, f"[tool.{TABLE}]", top=True)
        self._files = []
        files = table.get(FILES, {})
        if not isinstance(files, dict):
            raise self._wrong(f"[tool.{TABLE}.{FILES}]", "has to hold tables", f'[tool.{TABLE}.{FILES}."*.onnx"]')
        for pattern, entry in files.items():
            where = f'[tool.{TABLE}.{FILES}."{pattern}"]'
            if not isinstance(entry, dict):
                raise self._wrong(where, "has to be a table", f'[tool.{TABLE}.{FILES}."*.onnx"]')
            self._files.append((pattern, self._section(entry, where)))

    def values(self, command: str, model: str) -> dict[str, Any]:
        """Return the defaults for one command and one model, by parameter.

        Args:
            command: The command's name.
            model: The model's path, ``"-"`` for stdin.

        """
        found: dict[str, Any] = {}
        for section in (self._all, *(section for pattern, section in self._files if self._matches(pattern, model))):
            for name in ("", command):
                for key, value in section.get(name, {}).items():
                    if (command, key) in self._takes:
                        found[key] = [*found.get(key, []), *value] if key == ADDED else value
        return found

    @property
    def _takes(self) -> set[tuple[str, str]]:
        return {(name, p.name or "") for name, command in self._commands.items() for p in _settable(command)}

    def _matches(self, pattern: str, model: str) -> bool:
        there, root = Path(model).resolve(), self._path.parent.resolve()
        inside = there.relative_to(root).as_posix() if there.is_relative_to(root) else there.as_posix()
        return model != "-" and (fnmatch(inside, pattern) or fnmatch(there.name, pattern))

    def _section(self, table: Mapping[str, Any], where: str, *, top: bool = False) -> dict[str, dict[str, Any]]:
        """Return the values of one table, by command (``""`` for all) and parameter."""
        found: dict[str, dict[str, Any]] = {"": {}}
        for key, value in table.items():
            if top and key == FILES:
                continue
            if isinstance(value, dict):
                if key not in self._commands:
                    raise self._unknown(where, key, [*self._commands, *([FILES] if top else [])])
                inner = f"{where[:-1]}.{key}]"
                taken = self._options(key)
                found[key] = dict(self._value(inner, name, each, taken) for name, each in value.items())
            else:
                name, read = self._value(where, key, value, self._options())
                found[""][name] = read
        return found

    def _options(self, command: str = "") -> dict[str, click.Option]:
        """Return the options of a command, or of all, by long name."""
        commands = [self._commands[command]] if command else list(self._commands.values())
        found: dict[str, click.Option] = {}
        for each in commands:
            for parameter in _settable(each):
                for flag in parameter.opts:
                    if flag.startswith("--"):
                        found.setdefault(flag[2:], parameter)
        return found

    def _value(
        self,
        where: str,
        key: str,
        value: Any,  # noqa: ANN401 - TOML's
        options: Mapping[str, click.Option],
    ) -> tuple[str, Any]:
        if key not in options:
            raise self._unknown(where, key, list(options))
        parameter = options[key]
        if parameter.is_flag and not isinstance(value, bool):
            raise self._wrong(where, f"{key} has to be true or false", "write it without quotes")
        if parameter.multiple:
            value = [value] if isinstance(value, str) else value
            if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
                raise self._wrong(where, f"{key} has to be a list of texts", f'{key} = ["..."]')
            self._convert(where, key, parameter, tuple(value))
            return parameter.name or "", value
        if not parameter.is_flag and isinstance(value, (bool, list)):
            raise self._wrong(where, f"{key} cannot be {str(value).lower()}", f"see {TABLE} --help")
        if not parameter.is_flag and not parameter.count:
            self._convert(where, key, parameter, str(value))
        if isinstance(parameter.type, click.Path) and isinstance(value, str):
            value = str(self._path.parent / value)
        if key == "target" and isinstance(value, str) and value.endswith(".toml"):
            value = str(self._path.parent / value)
        return parameter.name or "", value

    def _convert(self, where: str, key: str, parameter: click.Option, value: Any) -> None:  # noqa: ANN401 - TOML's
        """Refuse a value that the command line would refuse, too."""
        ctx = click.Context(click.Command(key))
        try:
            parameter.process_value(ctx, value)
            if key in CODED:
                from gru_lower.api.calls import CodeSelection

                CodeSelection(select=tuple(code.strip().upper() for each in value for code in each.split(",") if code))
        except click.UsageError as error:
            raise self._wrong(where, f"{key}: {error.message}", f"see {TABLE} --help") from error
        except Unsupported as error:
            raise self._wrong(where, f"{key}: {error.message}", error.hint or "see --explain") from error

    def _unknown(self, where: str, key: str, known: list[str]) -> Unsupported:
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "docs/configuration.md lists what may stand there"
        return self._wrong(where, f"unknown key {key!r}", hint)

    def _wrong(self, where: str, what: str, hint: str) -> Unsupported:
        return Unsupported(f"{self._path}: {where}: {what}", code="GL013", hint=hint)


def _settable(command: click.Command) -> Iterator[click.Option]:
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name not in NEVER:
            yield parameter


def read(path: Path, commands: Mapping[str, click.Command], *, named: bool) -> Config | None:
    """Read a configuration file.

    Args:
        path: A pyproject.toml, or another TOML file with the same table.
        commands: Every command, by name.
        named: Whether it was asked for; else one without the table is none.

    Raises:
        Unsupported: It cannot be read, or says something that is not understood.

    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get(TABLE)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise Unsupported(f"{path}: cannot be read ({reason})", code="GL013", hint="check --config") from error
    except tomllib.TOMLDecodeError as error:
        raise Unsupported(f"{path}: is no TOML: {error}", code="GL013", hint="mend the line") from error
    if table is None and named:
        raise Unsupported(f"{path}: has no [tool.{TABLE}]", code="GL013", hint="add the table, or leave out --config")
    if table is not None and not isinstance(table, dict):
        raise Unsupported(f"{path}: tool.{TABLE} has to be a table", code="GL013", hint=f"write [tool.{TABLE}]")
    return None if table is None else Config(path, table, commands)


def find(start: Path, commands: Mapping[str, click.Command]) -> Config | None:
    """Return the configuration around a file or folder, ``None`` where there is none."""
    folder = start.resolve()
    for each in (folder, *folder.parents):
        path = each / "pyproject.toml"
        if path.is_file():
            found = read(path, commands, named=False)
            if found is not None:
                return found
    return None


def prepare(ctx: click.Context, command: click.Command, args: list[str], commands: Mapping[str, click.Command]) -> None:
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
    except click.UsageError:  # said in full when the words are read in earnest
        return
    helping = command.get_help_option(own)
    if given.get("explain") or (helping is not None and given.get(helping.name or "")):
        return  # neither does anything that could be configured, and both have to work all the same
    named = next((p for p in command.params if p.name == "config" and isinstance(p.type, click.Path)), None)
    path = given.get("config") if named else None  # convert has a --config of another kind
    models = next((p for p in command.params if isinstance(p, click.Argument) and isinstance(p.type, click.Path)), None)
    model = "-" if models is None else _first(given.get(models.name or ""))
    if path is not None:
        ctx.obj = read(Path(path), commands, named=True)
    else:
        ctx.obj = find(Path(model) if model != "-" and Path(model).exists() else Path.cwd(), commands)
    if ctx.obj is not None and command.name is not None:
        one = models is not None and models.nargs == 1  # of several, each has its own: see overrides
        ctx.default_map = {command.name: _beside(ctx.obj.values(command.name, model if one else "-"), given)}


def _first(value: Any) -> str:  # noqa: ANN401 - click's values
    found = next(iter(value), "-") if isinstance(value, (list, tuple)) else value
    return found if isinstance(found, str) and found else "-"


def _beside(values: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Drop what something on the command line excludes."""
    gone = {name for key in given for name in EXCLUDED.get(key, ())}
    return {key: value for key, value in values.items() if key not in gone}


def overrides(ctx: click.Context, model: str) -> dict[str, Any]:
    """Return what the configuration says of one model of several, but for what the command line says.

    Args:
        ctx: The command's context.
        model: The model's path.

    """
    held = ctx.find_object(Config)
    if held is None or ctx.command.name is None:
        return {}
    by_name = {parameter.name: parameter for parameter in ctx.command.params}
    found = {}
    for key, value in held.values(ctx.command.name, model).items():
        given = ctx.get_parameter_source(key) not in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
        if not given or key == ADDED:
            found[key] = by_name[key].process_value(ctx, value)
        if given and key == ADDED:
            found[key] = (*found[key], *ctx.params[key])
    return found


__all__ = ["Config", "find", "overrides", "prepare", "read"]
