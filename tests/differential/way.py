"""One way in which the second model of a pair differs from the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from differential.sketch import F, Sketch, build, random_shape

FLOAT, INT32, INT64, UINT8, BOOL = (
    TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64, TensorProto.UINT8, TensorProto.BOOL
)  # fmt: skip


@dataclass(frozen=True)
class Differing:
    """Two models that differ.

    Attributes:
        way: In which way.
        a: The first.
        b: The second.
        names: One of these words has to be said where nothing is decided: the input, dim or bound.

    """

    way: str
    a: onnx.ModelProto
    b: onnx.ModelProto
    names: tuple[str, ...]


Way = "Callable[[np.random.Generator], Differing]"
WAYS: dict[str, Any] = {}


def way(function: Any) -> Any:
    WAYS[function.__name__] = function
    return function


def pair(
    rng: np.random.Generator, name: str, needed: tuple[str, ...], b: dict[str, Any], a: dict[str, Any] | None = None,
    names: tuple[str, ...] = (), without: tuple[str, ...] = (),
) -> Differing:  # fmt: skip
    """Return the models of a random shape with the one's and the other's hooks."""
    shape = random_shape(rng, *needed, without=without)
    return Differing(
        name, build(shape, a).model(), build(shape, b).model(), (*names, *map(str, filter(None, shape.dims)))
    )


def half(g: Sketch, x: str) -> str:
    return str(g.op("Mul", x, g.const(np.array(0.5, F))))


def nought(g: Sketch, x: str) -> str:
    del x
    return g.const(np.array(0, F))
