"""A line of words for ``batch --do``: read by the parser of the command it names, before any model is."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from gru_lower.batching.do_line import DoLine
from gru_lower.cli import exclusive_options
from gru_lower.cli.pyproject_config import Config
from gru_lower.cli.repeatable_commands import takes_a_model
from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.cli.command_group import Commands

MODEL = "MODEL.onnx"
"""What stands in the model's place while the words are read."""
BATCHS_OWN = ("output", "in_place", "output_format", "output_file", "report", "explain")
"""Options of a command that are batch's to give."""


def read_do_line(group: Commands, words: Sequence[str]) -> DoLine:
    """Read a line.

    Args:
        group: The group of all commands.
        words: What stands behind ``--do``, in words.

    Raises:
        Unsupported: It cannot be run over many models, or its options are not understood.

    """
    if not words:
        raise _unusable("names no command", group)
    try:
        ctx, module, config = _parsed(group, words)
    except click.exceptions.Exit:
        raise Unsupported("--do: asks for help", code="GL008", hint=f"run gru-lower {' '.join(words)}") from None
    name, o = ctx.info_name or "", ctx.params
    with ctx.scope(cleanup=False):
        getattr(module, "refuse", _refuse_overruled)(o)
    _refuse_unknown(o)
    if o.get("write_baseline"):
        hint = "write it with check alone: gru-lower check 'models/**/*.onnx' --baseline FILE --write-baseline"
        raise Unsupported("--do: a baseline is of all models, and each is worked on by itself", code="GL008", hint=hint)
    writes = "output" in o and not o.get("dry_run") and o.get("fix", True)
    paths = [str(Path(path).absolute()) for path in _paths(ctx, config)]
    named = [] if config is None or o.get("config") else ["--config", str(config.path)]
    told = [name, *_behind(words, name), *named]
    return DoLine(name, told, bool(writes), bool(o.get("overwrite")), paths, shows="evidence" in o)


def _parsed(group: Commands, words: Sequence[str]) -> tuple[click.Context, Any, Config | None]:
    """Return the command's context with its options, its module, and the configuration."""
    outer = click.Context(group, info_name="gru-lower", **group.context_settings)
    name, command, rest = group.resolve_command(outer, group.with_command(outer, [*words, MODEL]))
    if command is None or name is None or not takes_a_model(command):
        raise _unusable(f"{name or words[0]} is not for many models", group)
    try:
        ctx = command.make_context(name, rest, parent=outer)
    except click.UsageError as error:
        if "extra argument" in error.message:
            raise _names_a_model() from error
        raise
    models = next(value for value in (ctx.params.get("model"), ctx.params.get("models")) if value is not None)
    if [str(each) for each in (models if isinstance(models, tuple) else (models,))] != [MODEL]:
        raise _names_a_model()
    for own in BATCHS_OWN:
        if ctx.get_parameter_source(own) is ParameterSource.COMMANDLINE:
            flag = "-o" if own == "output" else f"--{own.replace('_', '-')}"
            raise Unsupported(
                f"--do: {flag} is batch's own", code="GL008", hint="say it to batch: --out, --output-format, --report"
            )
    return ctx, importlib.import_module(f"gru_lower.cli.{name}"), ctx.find_object(Config)


def _names_a_model() -> Unsupported:
    hint = "leave it out: batch names the models, one after another"
    return Unsupported("--do: names a model", code="GL008", hint=hint)


def _behind(words: Sequence[str], command: str) -> Sequence[str]:
    return words[1:] if words[0] == command else words


def _unusable(what: str, group: Commands) -> Unsupported:
    ctx = click.Context(group)
    fit = [
        name for name in group.list_commands(ctx) if (found := group.get_command(ctx, name)) and takes_a_model(found)
    ]
    return Unsupported(f"--do: {what}", code="GL008", hint=f"one of {', '.join(fit)}, with its options")


def _refuse_overruled(_o: dict[str, Any]) -> None:
    exclusive_options.refuse_overruled()


def _refuse_unknown(o: dict[str, Any]) -> None:
    """Refuse words that only a model at hand would bring to light: a target, passes and codes that there are not.

    Raises:
        Unsupported: There are none of that name.

    """
    if o.get("target"):
        from gru_lower.targets import read_profile

        read_profile.load(o["target"])
    if o.get("passes"):
        from gru_lower.passes import pipeline

        pipeline.parse(o["passes"])
    if "select" in o:
        from gru_lower.checking.code_selection import CodeSelection

        CodeSelection(o["select"], o["ignore"])
    if o.get("inputs") and not o["inputs"].exists():
        raise Unsupported(f"{o['inputs']}: no such file or folder", code="GL504", hint="check --inputs")


def _paths(ctx: click.Context, config: Config | None) -> Iterator[str]:
    for parameter in ctx.command.params:
        value = ctx.params.get(parameter.name or "")
        if isinstance(parameter, click.Option) and isinstance(value, Path):
            yield str(value)
    target = ctx.params.get("target")
    if target and str(target).endswith(".toml"):
        yield str(target)
    for value in dict(ctx.params.get("set") or {}).values():
        if isinstance(value, str) and value.endswith(".npy"):
            yield value
    if config is not None:
        yield str(config.path)
