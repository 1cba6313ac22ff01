"""Making layers of MLX of a model's GRUs, and filling layers with their weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.frameworks.descriptions.mlx import MLX
from gru_lower.frameworks.import_framework import import_framework
from gru_lower.frameworks.mlx_layers.configure_layers import config_of
from gru_lower.frameworks.mlx_layers.read_layers import grus_of
from gru_lower.frameworks.onnx_models.read_grus import read
from gru_lower.frameworks.refusals import check_expressible, check_order_of_time, unfit
from gru_lower.frameworks.weights.weight_layouts import weights_of_cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.frameworks.onnx_models.gru_stack import Gru
    from gru_lower.frameworks.weights.cell import Array


def expressible_grus(model: Any, node: str | None) -> tuple[Gru, ...]:  # noqa: ANN401 - whatever holds a model
    """Read the GRUs of a model.

    Raises:
        Unsupported: MLX cannot express one of them, or a turn between two.

    """
    grus = read(model, node).grus
    for gru in grus:
        check_expressible(MLX, gru)
    check_order_of_time(MLX, grus)
    return grus


def make_layers(grus: Sequence[Gru], into: Any) -> Any:  # noqa: ANN401 - mlx's classes and layers
    """Return layers made of GRUs; where ``into`` is a layer, that layer, filled with their weights.

    Raises:
        Unsupported: mlx is not installed.
        InvalidModel: ``into`` is a layer of another shape.

    """
    mx, nn = import_framework(MLX, "mlx.core"), import_framework(MLX, "mlx.nn")
    if into is not None and into is not nn.GRU:
        layers = grus_of(into)
        if len(layers) != len(grus):
            raise unfit(MLX, f"{len(layers)} GRUs to fill, {len(grus)} in the model", "name one with node=")
        for layer, gru in zip(layers, grus, strict=True):
            _fill(mx, layer, gru)
        return into
    made = [_fill(mx, nn.GRU(**config_of(gru.cells()[0].cell)), gru) for gru in grus]
    return made[0] if len(made) == 1 else nn.Sequential(*made)


def _fill(mx: Any, layer: Any, gru: Gru) -> Any:  # noqa: ANN401 - mlx's layers
    weights = weights_of_cell(MLX, gru.cells()[0].cell)
    for weight in MLX.weights:
        array, old = weights.get(weight.name), getattr(layer, weight.name)
        if (array is None) != (old is None) or (array is not None and tuple(old.shape) != array.shape):
            shapes = [None if value is None else tuple(value.shape) for value in (old, array)]
            what = f"{weight.name} is {shapes[0] or 'absent'} in the layer and {shapes[1] or 'absent'} in the model"
            raise unfit(MLX, what, "make the layer with to_config(model), or leave out into=")
        setattr(layer, weight.name, None if array is None else _tensor(mx, array))
    return layer


def _tensor(mx: Any, array: Array) -> Any:  # noqa: ANN401 - mlx's arrays
    if array.dtype.name == "bfloat16":
        return mx.array(array.view(np.uint16)).view(mx.bfloat16)
    return mx.array(array, dtype=getattr(mx, array.dtype.name))
