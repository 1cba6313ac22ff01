"""Options that several commands share, and what turns their text into values."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click
from click.core import ParameterSource

from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import onnx

    from gru_lower.verification.options import VerifyOptions

P = ParamSpec("P")
R = TypeVar("R")
MODEL = click.Path(path_type=Path, allow_dash=True, readable=False)


def verification(command: Callable[P, R]) -> Callable[P, R]:
    """Add the options that say how to verify."""
    for option in (
        click.option("--seed", type=int, default=0, show_default=True, help="Seed of generated inputs."),
        click.option(
            "--cases", type=click.IntRange(1), default=3, show_default=True, help="Generated inputs to compare on."
        ),
        click.option("--atol", type=click.FloatRange(0), help="Absolute tolerance.  [default: by element type]"),
        click.option("--rtol", type=click.FloatRange(0), help="Relative tolerance.  [default: by element type]"),
        click.option(
            "--shape",
            "shapes",
            multiple=True,
            metavar="NAME=2,7,64",
            callback=given_shapes,
            help="Shape to generate for an input; repeatable.",
        ),
        click.option(
            "--inputs",
            type=click.Path(path_type=Path),
            metavar="NPZ|DIR",
            help="Compare on these inputs; with labels (out__NAME) accuracy is reported.",
        ),
    ):
        command = option(command)
    return command


def rendering(command: Callable[P, R]) -> Callable[P, R]:
    """Add the options that say how to print a report."""
    return _rendering(command, ("text", "json", "junit", "sarif", "github"))


def plain_rendering(command: Callable[P, R]) -> Callable[P, R]:
    """Add the options that say how to print what is no report on a model."""
    return _rendering(command, ("text", "json"))


def _rendering(command: Callable[P, R], names: Sequence[str]) -> Callable[P, R]:
    for option in (
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Where [tool.gru-lower] stands.  [default: the pyproject.toml around the model]",
        ),
        click.option("--no-color", is_flag=True, help="Print without colour (as does NO_COLOR)."),
        click.option("-v", "--verbose", count=True, help="Say what versions ran and how long it took; -vv: each step."),
        click.option("-q", "--quiet", is_flag=True, help="Print findings only."),
        click.option(
            "--output-format",
            type=click.Choice(names),
            default="text",
            show_default=True,
            help="What stands on stdout.",
        ),
    ):
        command = option(command)

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs.get("no_color") or os.environ.get("NO_COLOR"):
            click.get_current_context().color = False
        return command(*args, **kwargs)

    return wrapped


def given_shapes(
    _ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, tuple[int, ...]]:
    """Read NAME=2,7,64."""
    shapes = {}
    for value in values:
        name, _, dims = value.rpartition("=")
        try:
            shapes[name] = tuple(int(dim) for dim in dims.split(",") if dim.strip())
        except ValueError:
            name = ""
        if not name:
            raise click.BadParameter(f"{value!r}: write it like X=2,7,64")
    return shapes


def source(path: Path) -> Any:  # noqa: ANN401 - a path or bytes
    """Return what the library is handed for a MODEL argument: the path, or stdin's bytes for ``-``."""
    return sys.stdin.buffer.read() if str(path) == "-" else path


def fixed_dims(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, int]:
    """Read NAME=N and INPUT:AXIS=N."""
    dims = {}
    for value in values:
        name, _, length = value.rpartition("=")
        if not name or not length.isdecimal():
            raise click.BadParameter(f"{value!r}: write it like batch=1 or X:0=1")
        dims[name] = int(length)
    return dims


def verify_options(o: dict[str, Any], model: onnx.ModelProto, **more: Any) -> VerifyOptions:  # noqa: ANN401 - click's values
    """Return what the options of :func:`verification` ask for."""
    from gru_lower.verification.inputs import given_files as given
    from gru_lower.verification.inputs.bind_dims import check_shapes
    from gru_lower.verification.options import VerifyOptions

    check_shapes(model, o["shapes"])
    inputs, expected = (None, None) if o["inputs"] is None else given.read(o["inputs"], model)
    return VerifyOptions(
        rtol=o["rtol"],
        atol=o["atol"],
        cases=o["cases"],
        seed=o["seed"],
        shapes=o["shapes"],
        inputs=inputs,
        expected=expected,
        **more,
    )


def refuse_both(one: str, others: Sequence[str]) -> None:
    """Refuse an option beside others that it would silently overrule.

    Raises:
        Unsupported: It was given, and one of the others too.

    """
    ctx = click.get_current_context()
    given = {
        option
        for parameter in ctx.command.params
        if ctx.get_parameter_source(parameter.name or "") not in (None, ParameterSource.DEFAULT)
        for option in parameter.opts
    }
    beside = [other for other in others if other in given]
    if one in given and beside:
        raise Unsupported(
            f"{one} and {beside[0]} exclude each other",
            code="GL008",
            hint=f"leave out one of the two; {one} overrules {beside[0]}",
        )


def target(path: Path, output: Path | None, suffix: str) -> Path:
    """Return where the result goes: ``-o``, or the input's name with a suffix; stdin's goes to stdout."""
    if output is not None:
        return output
    if str(path) == "-":
        return Path("-")
    return path.with_name(f"{path.stem}.{suffix}.onnx")


def refuse_same(path: Path, output: Path, *, overwrite: bool) -> None:
    """Refuse to write over the input unless that was allowed.

    Raises:
        Unsupported: The output is the input and ``overwrite`` is false.

    """
    if not overwrite and output.exists() and path.exists() and output.samefile(path):
        raise Unsupported(
            f"{output}: is the input itself", code="GL004", hint="choose another -o, or allow it with --overwrite"
        )
