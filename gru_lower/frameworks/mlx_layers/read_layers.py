"""Reading layers of MLX, or a dict of their weights, without importing mlx."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.frameworks.descriptions.mlx import MLX
from gru_lower.frameworks.import_framework import import_framework
from gru_lower.frameworks.refusals import check_sizes_and_types, not_a_layer, unfit, unknown_weight
from gru_lower.frameworks.weights.cell import DirectedCell
from gru_lower.frameworks.weights.weight_layouts import cell_of_weights

if TYPE_CHECKING:
    from gru_lower.frameworks.weights.cell import Array, Cell, Weights

WEIGHT_NAME = re.compile(rf"(?:layers\.(?P<layer>\d+)\.)?(?P<weight>{'|'.join(weight.name for weight in MLX.weights)})")
TAKES = "an mlx.nn.GRU, a Sequential or list of them, or a dict of their weights"


def read_layers(layer: Any) -> list[Cell]:  # noqa: ANN401 - mlx's layers
    """Return the cells of a GRU, of a stack of GRUs, or of a dict of weights.

    Raises:
        Unsupported: It is none of these.
        InvalidModel: Weights are missing or unknown, or do not fit each other.

    """
    if not kind_of(layer) and isinstance(layer, Mapping):  # mlx's own layers are dicts, too
        groups: dict[int, Weights] = {}
        for name, value in layer.items():
            match = WEIGHT_NAME.fullmatch(name)
            if match is None:
                raise unknown_weight(MLX, name)
            groups.setdefault(int(match["layer"] or 0), {})[match["weight"]] = np.asarray(value)
        cells = [cell_of_weights(MLX, groups[k], site=f"layer {k}") for k in sorted(groups)]
    else:
        cells = []
        for one in grus_of(layer):
            values = {weight.name: getattr(one, weight.name, None) for weight in MLX.weights}
            cells.append(
                cell_of_weights(MLX, {name: _array(value) for name, value in values.items() if value is not None})
            )
    if not cells:
        raise unfit(MLX, "there are no weights", "hand in those of the GRU: Wx, Wh, b, bhn")
    check_sizes_and_types(MLX, [[DirectedCell(cell)] for cell in cells])
    return cells


def grus_of(layer: Any) -> list[Any]:  # noqa: ANN401 - mlx's layers
    """Return the GRUs of a layer or a stack; dropout between them is nothing at inference."""
    kind = kind_of(layer)
    if kind == "GRU":
        return [layer]
    if kind == "Sequential" or isinstance(layer, (list, tuple)):
        parts = layer if isinstance(layer, (list, tuple)) else layer.layers
        found = [one for part in parts if kind_of(part) not in ("Dropout", "Identity") for one in grus_of(part)]
        if found:
            return found
    raise not_a_layer(MLX, layer, TAKES)


def kind_of(layer: Any) -> str:  # noqa: ANN401
    """Name the mlx class whose call the layer runs, ``""`` for anything else."""
    for base in type(layer).__mro__:
        if base.__module__.startswith("mlx.nn.layers."):
            return base.__name__ if type(layer).__call__ is base.__call__ else ""
    return ""


def _array(value: Any) -> Array:  # noqa: ANN401 - mlx's arrays, or numpy's
    if str(getattr(value, "dtype", "")) == "mlx.core.bfloat16":
        from ml_dtypes import bfloat16

        return np.array(value.view(import_framework(MLX, "mlx.core").uint16)).view(bfloat16)
    return np.array(value)
