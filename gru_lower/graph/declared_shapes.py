"""Shapes that a model declares and that do not hold: found by inference from its inputs alone, and put right.

Exporters write the lengths of their trace into value_info and outputs, also where the sequence is dynamic: torch's
newer one does for nn.GRU. Nothing contradicts them as long as the length is open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from onnx import GraphProto

from gru_lower.graph.scopes import walk
from gru_lower.graph.shape_inference import infer
from gru_lower.graph.tensor_types import dims_of

if TYPE_CHECKING:
    from gru_lower.graph.model import Model
    from gru_lower.graph.tensor_types import Dims


class Mended(NamedTuple):
    """A declared shape that was put right.

    Attributes:
        scope: The path of its scope.
        name: The value.
        is_output: Whether the value is an output of the model.
        declared: What was declared.
        shape: What is declared now.

    """

    scope: str
    name: str
    is_output: bool
    declared: Dims
    shape: Dims


def mend_declared_shapes(model: Model) -> list[Mended]:
    """Put right what value_info and outputs declare, where inference from the model's inputs says another length.

    Args:
        model: Edited in place.

    Returns:
        What was put right.

    """
    table = infer(model.proto, declared=False)
    mended: list[Mended] = []
    for scope in walk(model.proto):
        outputs = list(scope.proto.output) if isinstance(scope.proto, GraphProto) else []
        values = [*((value, False) for value in scope.proto.value_info), *((value, True) for value in outputs)]
        for value, is_output in values:
            inferred = table.get(scope.path, {}).get(value.name)
            if inferred is None or not all(each.type.tensor_type.HasField("shape") for each in (value, inferred)):
                continue
            declared, found = dims_of(value), dims_of(inferred)
            if len(declared) != len(found):
                value.type.tensor_type.shape.CopyFrom(inferred.type.tensor_type.shape)
            for dim, was, length in zip(value.type.tensor_type.shape.dim, declared, found, strict=False):
                if isinstance(was, int) and isinstance(length, int) and was != length:
                    dim.dim_value = length
            if dims_of(value) != declared:
                of_model = is_output and scope.parent is None
                mended.append(Mended(scope.path, value.name, of_model, declared, dims_of(value)))
    if mended:
        model.modified = True
    return mended
