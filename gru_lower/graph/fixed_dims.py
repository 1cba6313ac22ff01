"""Dims of a model's inputs: which are open, and writing the lengths that a caller gives for them (``--fix-dim``)."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from onnx import GraphProto

from gru_lower.errors import Unsupported
from gru_lower.graph.scopes import walk
from gru_lower.graph.tensor_types import is_known
from gru_lower.nearest_word import did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import onnx

    from gru_lower.graph.model import Model

LARGEST = 2**63 - 1
"""The longest axis that a model can declare."""
MOST_DIGITS = 9
"""More than the number of an axis has."""


def flags(names: Collection[str]) -> str:
    """Return the flags that fix dims as a shell takes them, with a placeholder for each length."""
    given = (f"{name}={placeholder([name])}" for name in names)
    return " ".join(f"--fix-dim {shlex.quote(each)}" for each in given)


def placeholder(dims: Collection[str]) -> str:
    """Return what stands for a number in a hint: no dim's name, which would be taken for the dim's length."""
    return "LENGTH" if "N" in dims else "N"


def fix(model: Model, wanted: Mapping[str, int]) -> None:
    """Write static dims into a model's inputs, and wherever else the same symbol stands.

    Args:
        model: Edited in place.
        wanted: Length by symbol (``"batch"``), or by input and axis (``"X:0"``).

    Raises:
        Unsupported: There is no such symbol or axis, or it has another length already.

    """
    for key, length in wanted.items():
        if length < 0:
            raise Unsupported(
                f"--fix-dim {key}={length}: a length cannot be negative", code="GL008", hint="use 0 or more"
            )
        if length > LARGEST:
            raise Unsupported(f"--fix-dim {key}: no axis is longer than {LARGEST}", code="GL008", hint="use fewer")
        name, colon, axis = key.rpartition(":")
        if colon and axis.isdecimal() and len(axis) <= MOST_DIGITS:
            _fix_axis(model, name, int(axis), length, key)
        else:
            _fix_symbol(model, key, length)
    model.modified = True


def _fix_symbol(model: Model, symbol: str, length: int) -> None:
    symbols = {dim.dim_param for value in model.proto.graph.input for dim in _dims(value) if dim.dim_param}
    if symbol not in symbols:
        near = nearest(symbol, symbols)
        known = f"did you mean {near}={length}?" if near else f"the inputs' symbols: {', '.join(sorted(symbols))}"
        hint = known if symbols else "the inputs have no symbols; name an axis: --fix-dim INPUT:AXIS=N"
        raise Unsupported(f"no input has a dim called {symbol!r}", code="GL008", hint=hint)
    for scope in walk(model.proto):
        values = [*scope.proto.value_info]
        if isinstance(scope.proto, GraphProto):
            values += [*scope.proto.input, *scope.proto.output]
        for value in values:
            for dim in _dims(value):
                if dim.dim_param == symbol:
                    dim.dim_value = length


def _fix_axis(model: Model, name: str, axis: int, length: int, key: str) -> None:
    value = next((value for value in model.proto.graph.input if value.name == name), None)
    if value is None:
        names = [value.name for value in model.proto.graph.input]
        hint = did_you_mean(name, names, f"inputs: {', '.join(names)}")
        raise Unsupported(f"there is no input {name!r}", code="GL008", hint=hint)
    dims = list(_dims(value))
    if axis >= len(dims):
        raise Unsupported(
            f"{key}: the input has {len(dims)} axes", code="GL008", hint="count axes from 0; run gru-lower inspect"
        )
    dim = dims[axis]
    if is_known(dim) and dim.dim_value != length:
        raise Unsupported(f"{key}: that axis has length {dim.dim_value} already", code="GL008", hint="leave it out")
    if dim.dim_param:
        _fix_symbol(model, dim.dim_param, length)
    else:
        dim.dim_value = length


def _dims(value: onnx.ValueInfoProto) -> Iterator[onnx.TensorShapeProto.Dimension]:
    yield from value.type.tensor_type.shape.dim


def open_dims(model: Model) -> list[str]:
    """Return the inputs' dims that are not static, as ``--fix-dim`` names them."""
    found: dict[str, None] = {}
    defaults = {tensor.name for tensor in model.proto.graph.initializer}
    for value in model.proto.graph.input:
        if value.name in defaults:
            continue
        for axis, dim in enumerate(_dims(value)):
            if not is_known(dim):
                found[dim.dim_param or f"{value.name}:{axis}"] = None
    return list(found)
