"""Reading Keras layers through their own attributes, without importing Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.frameworks.keras_layers.activations import activation, activations_of, kind_of
from gru_lower.frameworks.keras_layers.layers import Layer, Recurrent, Stack
from gru_lower.frameworks.refusals import not_a_layer, unfit
from gru_lower.frameworks.weights.weight_layouts import cell_of_weights
from gru_lower.verification.arrays import dtype_of

if TYPE_CHECKING:
    from gru_lower.frameworks.descriptions.framework import Framework
    from gru_lower.frameworks.weights.cell import Array, Cell

TAKES = "a GRU, Bidirectional(GRU), RNN of GRUCells, GRUCell, a Sequential or list of these, or a dict of weights"
PASS_THROUGH = (
    "Dropout",
    "SpatialDropout1D",
    "GaussianDropout",
    "GaussianNoise",
    "AlphaDropout",
    "InputLayer",
    "Identity",
)
"""Layers that return what they are given, at inference."""


def read_layers(framework: Framework, layer: Any) -> Stack:  # noqa: ANN401 - Keras layers, without Keras
    """Read a layer, or a stack of them.

    Raises:
        Unsupported: It is none, or has an activation that ONNX's GRU has not.
        InvalidModel: It has no weights yet.

    """
    kind = kind_of(layer)
    parts = layer.layers if kind == "Sequential" else layer if isinstance(layer, (list, tuple)) else [layer]
    masking = None
    found: list[Layer] = []
    for part in parts:
        if kind_of(part) == "Masking" and not found:
            masking = float(part.mask_value)
        elif kind_of(part) not in PASS_THROUGH:
            found.append(_layer(framework, part))
    if not found:
        raise not_a_layer(framework, layer, TAKES)
    return Stack(tuple(found), masking)


def _layer(framework: Framework, layer: Any) -> Layer:  # noqa: ANN401
    kind = kind_of(layer)
    if kind in ("GRU", "RNN"):
        return Layer(_recurrent(framework, layer))
    if kind in ("GRUCell", "StackedRNNCells"):
        return Layer(Recurrent(_cells(framework, layer)), step=True)
    if kind == "Bidirectional" and {kind_of(layer.forward_layer), kind_of(layer.backward_layer)} <= {"GRU", "RNN"}:
        forward, backward = _recurrent(framework, layer.forward_layer), _recurrent(framework, layer.backward_layer)
        return Layer(forward, backward, layer.merge_mode)
    raise not_a_layer(framework, layer, TAKES)


def _recurrent(framework: Framework, layer: Any) -> Recurrent:  # noqa: ANN401
    return Recurrent(
        _cells(framework, layer.cell),
        bool(layer.go_backwards),
        bool(layer.return_sequences),
        bool(layer.return_state),
        bool(getattr(layer, "zero_output_for_mask", False)),
        bool(layer.stateful),
        bool(getattr(layer, "time_major", False)),
    )


def _cells(framework: Framework, cell: Any) -> tuple[Cell, ...]:  # noqa: ANN401
    if kind_of(cell) == "StackedRNNCells" and not getattr(cell, "reverse_state_order", False):
        return tuple(one for part in cell.cells for one in _cells(framework, part))
    if kind_of(cell) != "GRUCell":
        raise not_a_layer(framework, cell, TAKES)
    if not hasattr(cell, "kernel"):
        raise unfit(framework, f"{cell.name} has no weights yet", "call it once, or layer.build((None, None, I))")
    dtype = dtype_of(str(cell.compute_dtype))
    arrays = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    known = activations_of(framework, cell)
    made = cell_of_weights(
        framework,
        {name: np.asarray(value).astype(dtype) for name, value in arrays.items() if value is not None},
        site=cell.name,
        f=activation(framework, cell.recurrent_activation, known),
        g=activation(framework, cell.activation, known),
        linear_before_reset=bool(cell.reset_after),
    )
    return (made,)


def arrays_of(cell: Any) -> dict[str, Array]:  # noqa: ANN401 - a GRUCell
    """Return the weights a cell has now, by name."""
    return {
        name: np.asarray(value)
        for name in ("kernel", "recurrent_kernel", "bias")
        if (value := getattr(cell, name, None)) is not None
    }
