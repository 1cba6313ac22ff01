"""External tensors, set aside while onnx's converter runs: it would lose where their data is, and does not need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import GraphProto, TensorProto, numpy_helper

from gru_lower.errors import Unsupported
from gru_lower.graph import tensor_values
from gru_lower.graph.external_data import is_external
from gru_lower.graph.model_tensors import tensors
from gru_lower.graph.scopes import walk
from gru_lower.graph.tensor_size import byte_size

if TYPE_CHECKING:
    from pathlib import Path

READ_BYTES = 1024
"""Tensors up to this size are read for the converter: they may be axes, shapes or scales that it writes otherwise."""
ASIDE = "gru_lower.aside"


class SetAsideTensors:
    """A model's external tensors, by where they stand.

    In their place the model gets tensors of the same type and shape: with the data where it is small, else without any.

    Args:
        model: Edited in place.
        base_dir: The folder of its external data.

    """

    def __init__(self, model: onnx.ModelProto, base_dir: Path | None) -> None:
        """Take the tensors out."""
        self._initializers: dict[tuple[int, str], tuple[TensorProto, TensorProto]] = {}
        self._attributes: dict[str, tuple[TensorProto, TensorProto]] = {}
        for place, graph in enumerate(_graphs(model)):
            for tensor in graph.initializer:
                if is_external(tensor):
                    self._initializers[place, tensor.name] = _set_aside(tensor, base_dir)
        for tensor in tensors(model):
            if is_external(tensor):
                key = f"{ASIDE}.{len(self._attributes)}"
                self._attributes[key] = _set_aside(tensor, base_dir)
                tensor.name = self._attributes[key][1].name = key

    def put_back(self, model: onnx.ModelProto) -> None:
        """Put the tensors where the converter left what stood for them.

        Raises:
            Unsupported: It made another tensor of one whose data it was not given.

        """
        for place, graph in enumerate(_graphs(model)):
            for tensor in graph.initializer:
                if (place, tensor.name) in self._initializers:
                    _put_back(tensor, *self._initializers[place, tensor.name])
        for tensor in tensors(model):
            if tensor.name in self._attributes:
                _put_back(tensor, *self._attributes[tensor.name])


def _graphs(model: onnx.ModelProto) -> list[GraphProto]:
    return [scope.proto for scope in walk(model) if isinstance(scope.proto, GraphProto)]


def _set_aside(tensor: TensorProto, base_dir: Path | None) -> tuple[TensorProto, TensorProto]:
    """Edit a tensor; return what it was and what it is."""
    original = TensorProto()
    original.CopyFrom(tensor)
    stand_in = TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
    if byte_size(tensor) <= READ_BYTES:
        stand_in = numpy_helper.from_array(tensor_values.to_array(tensor, base_dir), tensor.name)
    tensor.CopyFrom(stand_in)
    return original, stand_in


def _put_back(tensor: TensorProto, original: TensorProto, stand_in: TensorProto) -> None:
    if (tensor.data_type, list(tensor.dims)) != (stand_in.data_type, list(stand_in.dims)):
        if not stand_in.raw_data:
            raise Unsupported(
                f"onnx's converter writes tensor {original.name!r} anew, whose data is in another file",
                code="GL012",
                hint="load the data into the model first: onnx.save(onnx.load(path), path)",
            )
    elif tensor.raw_data == stand_in.raw_data:
        tensor.CopyFrom(original)
