"""Pairs of models that compute the same: lowered, fused again, and chaotic ones of large recurrent weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import onnx
from onnx import numpy_helper

import gru_lower
from lowering import lower
from mutating.bases import FORMS, bases

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

CHAOTIC = 3.0


@dataclass(frozen=True)
class Pair:
    """Two models that compute the same.

    Attributes:
        name: What they are.
        a: The original.
        b: The other.

    """

    name: str
    a: onnx.ModelProto
    b: onnx.ModelProto


def pairs(rng: np.random.Generator) -> Iterator[Pair]:
    """Yield pairs without end: every second one is chaotic, every fifth has been fused again."""
    for number, base in enumerate(bases(rng)):
        if number % 2:
            original = louder(base.original)
            form = FORMS[int(rng.integers(len(FORMS)))]
            yield Pair(f"chaotic {form} {base.name}", original, lower(original, f"lower-gru{{form={form}}}")[0])
        elif number % 5 == 0:
            yield Pair(f"fused {base.name}", base.lowered, gru_lower.fuse(base.lowered, verify=False).model)
        else:
            yield Pair(base.name, base.original, base.lowered)


def louder(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model whose GRUs have recurrent weights three times as large, where they are constant."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    recurrent = {node.input[2] for node in copy.graph.node if node.op_type == "GRU"}
    for tensor in copy.graph.initializer:
        if tensor.name in recurrent:
            array = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array((array * CHAOTIC).astype(array.dtype), tensor.name))
    return copy
