"""The inputs a model declares: names, element types and dims."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

Dim = int | str
"""A size, or the name of an unknown one."""

_NO_OVERRIDE_BELOW_IR = 4


@dataclass(frozen=True)
class Input:
    """One input of a model.

    Attributes:
        name: Its name.
        elem_type: A ``TensorProto.DataType``; 0 if it is no tensor.
        dims: Sizes; a string for an unknown one (``"INPUT:AXIS"`` if it has no name); None if the rank is unknown.
        default: The initializer it overrides, if it need not be fed.

    """

    name: str
    elem_type: int
    dims: tuple[Dim, ...] | None
    default: onnx.TensorProto | None = None


def inputs_of(model: onnx.ModelProto) -> dict[str, Input]:
    """Return the inputs a caller may feed, by name.

    Below ir_version 4, those with an initializer are constants and left out.
    """
    graph = model.graph
    defaults = {tensor.name: tensor for tensor in graph.initializer}
    defaults |= {sparse.values.name: sparse.values for sparse in graph.sparse_initializer}
    found = {}
    for value in graph.input:
        default = defaults.get(value.name)
        if default is None or model.ir_version >= _NO_OVERRIDE_BELOW_IR:
            found[value.name] = Input(value.name, value.type.tensor_type.elem_type, _dims(value), default)
    return found


def _dims(value: onnx.ValueInfoProto) -> tuple[Dim, ...] | None:
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return tuple(
        dim.dim_value
        # Some exporters write -1 for "unknown".
        if dim.WhichOneof("value") == "dim_value" and dim.dim_value >= 0
        else dim.dim_param or f"{value.name}:{axis}"
        for axis, dim in enumerate(tensor.shape.dim)
    )


def spell(dims: Iterable[Dim] | None) -> str:
    """Return dims as messages show them: ``[5, N, ?]``, with ``?`` where nothing is known."""
    shown = ("?" if isinstance(dim, str) and ":" in dim else str(dim) for dim in dims or ())
    return "of any rank" if dims is None else f"[{', '.join(shown)}]"


def type_name(elem_type: int) -> str:
    """Return an element type as messages show it: "float16"."""
    if elem_type not in onnx.TensorProto.DataType.values():
        return f"element type {elem_type}"
    return str(onnx.TensorProto.DataType.Name(elem_type)).lower() if elem_type else "no tensor"
