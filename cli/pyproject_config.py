"""``[tool.gru-lower]`` of a pyproject.toml: defaults for options, for all commands, one command, or some models.

[tool.gru-lower]                      options of any command, by their long names
[tool.gru-lower.lower]                options of one command
[tool.gru-lower.files."old/*.onnx"]   both of these again, for models whose path matches

The later one wins, and the command line over all; but codes to ignore add up. The file is found by walking up from the
current folder to the first pyproject.toml with such a table; what lies beside a model sets nothing.
"""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gru_lower.cli import parse_values
from gru_lower.errors import Unsupported
from gru_lower.nearest_word import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TABLE = "gru-lower"
FILES = "files"
NOT_CONFIGURABLE = ("config", "output", "report", "explain", "help", "write_baseline")
"""Options that make no sense as a default."""
LARGEST = 1 << 24
"""How many bytes a configuration may have."""
CODE_OPTIONS = ("select", "ignore")
"""Options that take codes."""


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
        self.path, self._commands = path, commands
        self._all = self._read_section(table, f"[tool.{TABLE}]", top=True)
        self._files = []
        files = table.get(FILES, {})
        if not isinstance(files, dict):
            raise self._error(f"[tool.{TABLE}.{FILES}]", "has to hold tables", f'[tool.{TABLE}.{FILES}."*.onnx"]')
        for pattern, entry in files.items():
            where = f'[tool.{TABLE}.{FILES}."{pattern}"]'
            if not isinstance(entry, dict):
                raise self._error(where, "has to be a table", f'[tool.{TABLE}.{FILES}."*.onnx"]')
            self._files.append((pattern, self._read_section(entry, where)))

    def sections(self, model: str) -> list[dict[str, dict[str, Any]]]:
        """Return what is said for a model, by command and parameter: what holds for all first, then for its path.

        Args:
            model: The model's path, ``"-"`` for stdin.

        """
        return [self._all, *(section for pattern, section in self._files if self._matches(pattern, model))]

    @property
    def accepted(self) -> set[tuple[str, str]]:
        """Which parameters, by command, may have a default."""
        return {
            (name, p.name or "") for name, command in self._commands.items() for p in _configurable_options(command)
        }

    def _matches(self, pattern: str, model: str) -> bool:
        there, root = Path(model).resolve(), self.path.parent.resolve()
        inside = there.relative_to(root).as_posix() if there.is_relative_to(root) else there.as_posix()
        return model != "-" and (fnmatch(inside, pattern) or fnmatch(there.name, pattern))

    def _read_section(self, table: Mapping[str, Any], where: str, *, top: bool = False) -> dict[str, dict[str, Any]]:
        """Return the values of one table, by command (``""`` for all) and parameter."""
        found: dict[str, dict[str, Any]] = {"": {}}
        for key, value in table.items():
            if top and key == FILES:
                continue
            if isinstance(value, dict):
                if key not in self._commands:
                    raise self._unknown_key(where, key, [*self._commands, *([FILES] if top else [])])
                inner = f"{where[:-1]}.{key}]"
                taken = self._options(key)
                found[key] = dict(self._read_value(inner, name, each, taken) for name, each in value.items())
            else:
                name, read = self._read_value(where, key, value, self._options())
                found[""][name] = read
        return found

    def _options(self, command: str = "") -> dict[str, click.Option]:
        """Return the options of a command, or of all, by long name."""
        commands = [self._commands[command]] if command else list(self._commands.values())
        found: dict[str, click.Option] = {}
        for each in commands:
            for parameter in _configurable_options(each):
                for flag in parameter.opts:
                    if flag.startswith("--"):
                        found.setdefault(flag[2:], parameter)
        return found

    def _read_value(
        self,
        where: str,
        key: str,
        value: Any,  # noqa: ANN401 - TOML's
        options: Mapping[str, click.Option],
    ) -> tuple[str, Any]:
        if key not in options:
            raise self._unknown_key(where, key, list(options))
        parameter = options[key]
        if parameter.is_flag and not isinstance(value, bool):
            raise self._error(where, f"{key} has to be true or false", "write it without quotes")
        if parameter.multiple:
            value = [value] if isinstance(value, str) else value
            if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
                raise self._error(where, f"{key} has to be a list of texts", f'{key} = ["..."]')
            self._refuse_bad_value(where, key, parameter, tuple(value))
            return parameter.name or "", value
        if not parameter.is_flag and isinstance(value, (bool, list)):
            raise self._error(where, f"{key} cannot be {str(value).lower()}", f"see {TABLE} --help")
        if not parameter.is_flag and not parameter.count:
            self._refuse_bad_value(where, key, parameter, str(value))
        if isinstance(parameter.type, click.Path) and isinstance(value, str):
            value = str(self.path.parent / value)
        if key == "target" and isinstance(value, str) and value.endswith(".toml"):
            value = str(self.path.parent / value)
        return parameter.name or "", value

    def _refuse_bad_value(self, where: str, key: str, parameter: click.Option, value: Any) -> None:  # noqa: ANN401 - TOML's
        """Refuse a value that the command line would refuse, too."""
        ctx = click.Context(click.Command(key))
        try:
            parameter.process_value(ctx, value)
            if key in CODE_OPTIONS:
                from gru_lower.checking.code_selection import CodeSelection

                CodeSelection(select=parse_values.codes(ctx, parameter, value))
        except click.UsageError as error:
            raise self._error(where, f"{key}: {error.message}", f"see {TABLE} --help") from error
        except ValueError as error:  # of what can be no path
            raise self._error(where, f"{key}: {error}", f"see {TABLE} --help") from error
        except Unsupported as error:
            raise self._error(where, f"{key}: {error.message}", error.hint or "see --explain") from error

    def _unknown_key(self, where: str, key: str, known: list[str]) -> Unsupported:
        hint = did_you_mean(key, known, "docs/configuration.md lists what may stand there")
        return self._error(where, f"unknown key {key!r}", hint)

    def _error(self, where: str, what: str, hint: str) -> Unsupported:
        return Unsupported(f"{self.path}: {where}: {what}", code="GL013", hint=hint)


def _configurable_options(command: click.Command) -> Iterator[click.Option]:
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name not in NOT_CONFIGURABLE:
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
    import tomllib

    try:
        tools = tomllib.loads(_text_of(path)).get("tool", {})
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        hint = "KEY=VALUE of a layer is given by --layer-config" if "=" in path.name else "check --config"
        raise Unsupported(f"{path}: cannot be read ({reason})", code="GL013", hint=hint) from error
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, or numbers and tables beyond what Python reads
        raise Unsupported(f"{path}: is no TOML: {error}", code="GL013", hint="mend the line") from error
    table = tools.get(TABLE) if isinstance(tools, dict) else None
    if table is None and named:
        raise Unsupported(f"{path}: has no [tool.{TABLE}]", code="GL013", hint="add the table, or leave out --config")
    if table is not None and not isinstance(table, dict):
        raise Unsupported(f"{path}: tool.{TABLE} has to be a table", code="GL013", hint=f"write [tool.{TABLE}]")
    return None if table is None else Config(path, table, commands)


def _text_of(path: Path) -> str:
    """Return a file's text, which may come from a device or a pipe that has no end.

    Raises:
        OSError: It cannot be read.
        ValueError: It is too large, or no text.

    """
    with path.open("rb") as stream:
        raw = stream.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST} bytes")
    return raw.decode()


def find(start: Path, commands: Mapping[str, click.Command]) -> Config | None:
    """Return the configuration of a folder or of one around it, ``None`` where there is none."""
    folder = start.resolve()
    for each in (folder, *folder.parents):
        path = each / "pyproject.toml"
        if path.is_file():
            found = read(path, commands, named=False)
            if found is not None:
                return found
    return None
