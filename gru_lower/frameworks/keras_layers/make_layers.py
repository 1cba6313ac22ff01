"""Making Keras layers of a model's GRUs, and filling layers with their weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.frameworks.keras_layers.activations import activation as as_activation
from gru_lower.frameworks.keras_layers.activations import activations_of, kind_of
from gru_lower.frameworks.keras_layers.read_layers import TAKES, arrays_of
from gru_lower.frameworks.refusals import not_a_layer, unfit
from gru_lower.frameworks.weights.weight_layouts import weights_of_cell

if TYPE_CHECKING:
    from gru_lower.frameworks.descriptions.framework import Framework
    from gru_lower.frameworks.keras_layers.configure_layers import ConfiguredGru, Known
    from gru_lower.frameworks.onnx_models.gru_stack import Gru
    from gru_lower.frameworks.weights.cell import Array, Cell


def make_layers(framework: Framework, keras: Any, found: tuple[ConfiguredGru, ...], into: Any) -> Any:  # noqa: ANN401 - Keras layers
    """Return layers made of a stack of GRUs; where ``into`` is a layer, that layer, filled with their weights."""
    if into is not None and not isinstance(into, type):
        return _fill_into(framework, into, found)
    kind = "GRU" if into is None else into.__name__
    first = found[0].gru
    if kind in ("GRUCell", "RNN") and (len(found) > 1 or first.spec.num_directions > 1):
        raise unfit(framework, f"one {kind} is one layer of one direction", "leave out into=")
    if kind not in ("GRU", "GRUCell", "RNN"):
        raise unfit(framework, f"into={kind} is no GRU", "GRU, GRUCell, RNN, or a layer of these")
    layers = [_made_layer(framework, keras, gru, config, kind) for gru, config in found]
    if len(layers) == 1:
        return layers[0]
    stack = keras.Sequential(layers)
    stack.build((None, None, first.W.shape[2]))
    return stack


def _made_layer(framework: Framework, keras: Any, gru: Gru, config: dict[str, Any], kind: str) -> Any:  # noqa: ANN401
    """Return a GRU, a Bidirectional of GRUs, a GRUCell or an RNN of one, with the weights of a GRU."""
    arguments = {**config, "dtype": gru.cells()[0].cell.dtype.name}
    merge = arguments.pop("merge_mode", None)
    backward_arguments = {
        key.removeprefix("backward_"): arguments.pop(key) for key in list(arguments) if key.startswith("backward_")
    }
    for keywords in (arguments, backward_arguments):
        for key in [key for key in keywords if key.endswith("activation")]:
            keywords[key] = _keras_activation(keras, keywords[key])
    I = gru.cells()[0].cell.input_size
    own = ("units", "activation", "recurrent_activation", "use_bias", "reset_after", "dtype")
    if kind == "GRU":
        layer = keras.layers.GRU(**arguments)
        if gru.spec.num_directions == 2:
            backward = (
                keras.layers.GRU(**{**arguments, **backward_arguments, "go_backwards": not arguments["go_backwards"]})
                if backward_arguments
                else None
            )
            layer = keras.layers.Bidirectional(
                layer, merge_mode=merge, backward_layer=backward, dtype=arguments["dtype"]
            )
    else:
        layer = keras.layers.GRUCell(
            **{key: arguments.pop(key) for key in own if key != "dtype"}, dtype=arguments["dtype"]
        )
        if kind == "RNN":
            layer = keras.layers.RNN(layer, **arguments)
    layer.build((None, I) if kind == "GRUCell" else (None, None, I))
    for cell, each in zip(_cells(framework, layer), gru.cells(), strict=True):
        _fill(framework, cell, each.cell)
    return layer


def _keras_activation(keras: Any, name: str) -> Any:  # noqa: ANN401
    """Return what Keras takes for an activation: a name, or a layer where the function has a parameter."""
    if name.partition("(")[0] not in ("leaky_relu", "elu") or name == "elu":
        return name
    alpha = float(name.partition("(")[2].rstrip(")") or 0.2)
    if name.startswith("elu"):
        return keras.layers.ELU(alpha=alpha)
    slope = "alpha" if str(keras.__version__).startswith("2.") else "negative_slope"
    return keras.layers.LeakyReLU(**{slope: alpha})


def _cells(framework: Framework, layer: Any) -> list[Any]:  # noqa: ANN401
    """Return the GRUCells of a layer, in order."""
    kind = kind_of(layer)
    if kind == "GRUCell":
        return [layer]
    if kind == "Sequential":
        return [cell for part in layer.layers for cell in _cells(framework, part)]
    if kind == "StackedRNNCells":
        odd = next((part for part in layer.cells if kind_of(part) not in ("GRUCell", "StackedRNNCells")), None)
        if odd is not None:
            raise not_a_layer(framework, odd, TAKES)
        return [cell for part in layer.cells for cell in _cells(framework, part)]
    if kind == "Bidirectional":
        return [*_cells(framework, layer.forward_layer), *_cells(framework, layer.backward_layer)]
    return _cells(framework, layer.cell) if kind in ("GRU", "RNN") else []


def _fill_into(framework: Framework, layer: Any, found: tuple[ConfiguredGru, ...]) -> Any:  # noqa: ANN401
    cells = _cells(framework, layer)
    wanted = [each for gru, _ in found for each in gru.cells()]
    if len(cells) != len(wanted):
        raise unfit(
            framework,
            f"{len(cells)} cells to fill, {len(wanted)} in the model",
            "name one GRU with node=",
        )
    known = activations_of(framework, cells[0])
    for cell, each in zip(cells, wanted, strict=True):
        _check_cell(framework, cell, each.cell, known)
    for cell, each in zip(cells, wanted, strict=True):
        _fill(framework, cell, each.cell)
    return layer


def _check_cell(framework: Framework, cell: Any, given: Cell, known: Known) -> None:  # noqa: ANN401
    """Refuse a cell that would compute something else with the weights of a GRU."""
    pairs = {
        "units": (int(cell.units), given.hidden_size),
        "use_bias": (bool(cell.use_bias), given.Wb is not None),
        "reset_after": (bool(cell.reset_after), given.linear_before_reset),
        "activation": (as_activation(framework, cell.activation, known), given.g),
        "recurrent_activation": (as_activation(framework, cell.recurrent_activation, known), given.f),
        "dtype": (str(cell.compute_dtype), given.dtype.name),
    }
    for key, (own, other) in pairs.items():
        if own != other:
            hint = "make the layer with to_config(model), or leave out into="
            raise unfit(framework, f"{key} is {own} in the layer and {other} in the model", hint)
    if not hasattr(cell, "kernel"):
        cell.build((None, given.input_size))


def _fill(framework: Framework, cell: Any, given: Cell) -> None:  # noqa: ANN401
    weights, own = weights_of_cell(framework, given), arrays_of(cell)
    for name, array in weights.items():
        if name not in own or own[name].shape != array.shape:
            shape = list(own[name].shape) if name in own else "absent"
            what = f"{name} is {shape} in the layer and {list(array.shape)} in the model"
            raise unfit(framework, what, "make the layer with to_config(model), or leave out into=")
        getattr(cell, name).assign(_assignable(array))


def _assignable(array: Array) -> Array:
    """Return bfloat16 as float32, which every backend takes; assigning it back to bfloat16 loses nothing."""
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array
