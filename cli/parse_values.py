"""Values of options and arguments, read from their text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gru_lower.errors import InvalidModel
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


def shapes(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Read NAME=2,7,64."""
    found: dict[str, tuple[int, ...]] = {}
    for value in values:
        name, _, dims = value.rpartition("=")
        numbers = [dim.strip() for dim in dims.split(",") if dim.strip()]
        if not name or not all(number.removeprefix("-").isdecimal() for number in numbers):
            raise click.BadParameter(f"{value!r}: write it like X=2,7,64")
        _enter(found, name, tuple(map(int, numbers)))
    return found


def fixed_dims(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, int]:
    """Read NAME=N and INPUT:AXIS=N."""
    dims: dict[str, int] = {}
    for value in values:
        name, _, length = value.rpartition("=")
        if not name or not length.isdecimal():
            raise click.BadParameter(f"{value!r}: write it like batch=1 or X:0=1")
        _enter(dims, name, int(length))
    return dims


def axes(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, int]:
    """Read INPUT:AXIS."""
    found: dict[str, int] = {}
    for value in values:
        name, _, axis = value.rpartition(":")
        if not name or not axis.removeprefix("-").isdecimal():
            raise click.BadParameter(f"{value!r}: write it like X:1")
        _enter(found, name, int(axis))
    return found


def set_inputs(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    """Read NAME=VALUE; VALUE is JSON, numbers with commas between, a file's path or a dim's name."""
    import json

    found: dict[str, Any] = {}
    for value in values:
        name, _, text = value.partition("=")
        if not name or not text:
            raise click.BadParameter(
                f"{value!r}: write it like lengths=5, lengths=[5,3], lengths=time or lengths=x.npy"
            )
        read: Any = text
        for spelled in (text, f"[{text}]" if "," in text else text):
            try:
                read = json.loads(spelled)
                break
            except ValueError:
                continue
        _enter(found, name, read)
    return found


UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def size(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    """Read 8GB, 512MB, or a number of bytes."""
    if value is None:
        return None
    text = value.strip().upper().removesuffix("B")
    unit = text[-1:] if text[-1:] in UNITS else ""
    number = text.removesuffix(unit).strip()
    whole, _, rest = number.partition(".")
    if not whole.isdecimal() or not (rest or "0").isdecimal() or not float(number):
        raise click.BadParameter(f"{value!r}: write it like 8GB or 512MB")
    return int(float(number) * UNITS[unit])


def codes(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Read GL711,GL72."""
    return tuple(code.strip().upper() for value in values for code in value.split(",") if code.strip())


def operators(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Read Split+Sub, as often as it is given."""
    return tuple(op for value in values for op in value.replace(",", "+").split("+") if op)


def layer_config(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    """Read KEY=VALUE; values are JSON, or else text."""
    import json

    config: dict[str, Any] = {}
    for value in values:
        key, _, text = value.partition("=")
        if not key or not text:
            raise click.BadParameter(f"{value!r}: write it like reset_after=false")
        try:
            read = json.loads(text)
        except ValueError:
            read = {"None": None, "True": True, "False": False}.get(text, text)
        _enter(config, key, read)
    return config
