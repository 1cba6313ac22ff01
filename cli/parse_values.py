"""Values of options and arguments, read from their text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gru_lower.errors import InvalidModel
from gru_lower.isolation.memory_size import HOW_TO_WRITE, bytes_of
from gru_lower.nearest_word import nearest

if TYPE_CHECKING:
    from gru_lower.interop import Source

    Choice = click.Choice[str]
else:
    Choice = click.Choice


class ModelPath(click.Path):
    """The name of a model, a folder or a pattern; ``-`` for stdin."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's
        """Return the path; an empty text is none, though Python takes it for this folder."""
        if value == "":
            self.fail("the name is empty.", param, ctx)
        return super().convert(value, param, ctx)


MODEL = ModelPath(path_type=Path, allow_dash=True, readable=False)
"""The type of an argument that names models."""


class Word(Choice):
    """One of a few words; the refusal of another names the nearest one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's
        """Return the word."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            found = nearest(str(value), self.choices)
            meant = f" Did you mean {found!r}?" if found else ""
            raise click.BadParameter(f"{error.message}{meant}", ctx, param) from None


def read_model(path: Path) -> Source:
    """Read the model that an argument names.

    Raises:
        InvalidModel: There is none, or it cannot be read.

    """
    from gru_lower import interop
    from gru_lower.graph.bounded_read import read_bounded

    try:
        return interop.read(read_bounded(sys.stdin.buffer, "stdin") if str(path) == "-" else path)
    except OSError as error:
        reason = error.strerror or error
        raise InvalidModel(f"stdin: cannot be read ({reason})", code="GL001", hint="name a file") from error


def _enter(found: dict[str, Any], name: str, value: Any) -> None:  # noqa: ANN401 - of any option
    """Enter what a name is given; the same name may stand there again, with the same value.

    Raises:
        click.BadParameter: It has another value already.

    """
    if name in found and found[name] != value:
        raise click.BadParameter(f"{name!r} is given twice, and not the same")
    found[name] = value


def _whole(text: str) -> int | None:
    """Return a whole number as ONNX can hold it, ``None`` for any other text."""
    longest = len(str(LARGEST)) + 1  # int() raises on thousands of digits
    if not text.removeprefix("-").isdecimal() or len(text) > longest:
        return None
    number = int(text)
    return number if -LARGEST <= number < LARGEST else None


def _json(text: str, otherwise: Any) -> Any:  # noqa: ANN401 - JSON
    """Return what a text is as JSON, or something else where it is none."""
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return otherwise


def shapes(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Read NAME=2,7,64."""
    found: dict[str, tuple[int, ...]] = {}
    for value in values:
        name, _, dims = value.rpartition("=")
        numbers = tuple(
            number for dim in dims.split(",") if dim.strip() and (number := _whole(dim.strip())) is not None
        )
        if not name or len(numbers) < sum(bool(dim.strip()) for dim in dims.split(",")):
            raise click.BadParameter(f"{value!r}: write it like X=2,7,64")
        _enter(found, name, numbers)
    return found


def fixed_dims(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, int]:
    """Read NAME=N and INPUT:AXIS=N."""
    dims: dict[str, int] = {}
    for value in values:
        name, _, text = value.rpartition("=")
        length = _whole(text)
        if not name or length is None or length < 0:
            raise click.BadParameter(f"{value!r}: write it like batch=1 or X:0=1")
        _enter(dims, name, length)
    return dims


def axes(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, int]:
    """Read INPUT:AXIS."""
    found: dict[str, int] = {}
    for value in values:
        name, _, text = value.rpartition(":")
        axis = _whole(text)
        if not name or axis is None:
            raise click.BadParameter(f"{value!r}: write it like X:1")
        _enter(found, name, axis)
    return found


def set_inputs(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    """Read NAME=VALUE; VALUE is JSON, numbers with commas between, a file's path or a dim's name."""
    found: dict[str, Any] = {}
    for value in values:
        name, _, text = value.partition("=")
        if not name or not text:
            raise click.BadParameter(
                f"{value!r}: write it like lengths=5, lengths=[5,3], lengths=time or lengths=x.npy"
            )
        read = _json(text, None)
        if read is None and text != "null":
            read = _json(f"[{text}]" if "," in text else text, text)
        _enter(found, name, read)
    return found


LARGEST = 2**63
"""What no length and no number of bytes reaches."""


def size(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    """Read 8GB, 512MB, or a number of bytes."""
    if value is None:
        return None
    found = bytes_of(value)
    if found is None:
        raise click.BadParameter(f"{value!r}: {HOW_TO_WRITE}")
    return found


def codes(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Read GL711,GL72."""
    return tuple(code.strip().upper() for value in values for code in value.split(",") if code.strip())


def operators(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Read Split+Sub, as often as it is given."""
    return tuple(op for value in values for op in value.replace(",", "+").split("+") if op)


def layer_config(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    """Read KEY=VALUE; values are JSON, or else text."""
    config: dict[str, Any] = {}
    for value in values:
        key, _, text = value.partition("=")
        if not key or not text:
            raise click.BadParameter(f"{value!r}: write it like reset_after=false")
        _enter(config, key, _json(text, {"None": None, "True": True, "False": False}.get(text, text)))
    return config
