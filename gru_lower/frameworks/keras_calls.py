"""The calls of the modules keras and tensorflow: the same layer under two names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gru_lower.errors import Unsupported
from gru_lower.frameworks.keras_read_layers import activation as as_activation
from gru_lower.frameworks.keras_read_layers import activations_of, arrays_of, kind_of, of_layer, of_weights
from gru_lower.frameworks.keras_write_model import write
from gru_lower.frameworks.read_grus import read
from gru_lower.frameworks.refusals import check, unfit
from gru_lower.frameworks.weight_layouts import activation_name, of_cell

if TYPE_CHECKING:
    import onnx

    from gru_lower.frameworks.framework_schema import Framework
    from gru_lower.frameworks.gru_stack import Gru
    from gru_lower.frameworks.layer_cell import Array, Cell, Half, Weights
    from gru_lower.gru.activations import Activation

Known = Mapping[str, "Activation"]


class Planned(NamedTuple):
    """A GRU of a model and the configuration of the layer it becomes."""

    gru: Gru
    config: dict[str, Any]


def to_onnx(framework: Framework, layer: Any, config: Mapping[str, Any] | None, **options: Any) -> onnx.ModelProto:  # noqa: ANN401
    """Write a layer, or weights and their configuration; see :func:`gru_lower.frameworks.keras.to_onnx`."""
    if isinstance(layer, Mapping):
        return write(framework, of_weights(framework, layer, config or {}), **options)
    if config is not None:
        raise unfit(framework, "a configuration goes with weights; a layer has its own", "leave out config=")
    return write(framework, of_layer(framework, layer), **options)


def grus(framework: Framework, model: Any, node: str | None, known: Known, *, flipped: bool) -> tuple[Planned, ...]:  # noqa: ANN401
    """Read the GRUs of a model and refuse what Keras cannot say of them.

    Keras hands out the sequence of a layer that goes backwards in the order of the walk. So what layers hand on may run
    against time, and a layer fed such a sequence goes backwards where the operator goes forward.

    Args:
        framework: Keras or TensorFlow.
        model: What :func:`gru_lower.lower` takes.
        node: The name or site of the one meant.
        known: The activations it can name.
        flipped: Whether the caller turns the last layer's sequence round.

    Raises:
        Unsupported: GL602.

    """
    found, result, turned = read(model, node).grus, [], False
    for k, gru in enumerate(found):
        check(framework, gru, activations=known)
        last = k == len(found) - 1
        config = config_of(gru, known, last=last, turned=turned)
        turned = gru.spec.direction == "reverse"
        if last and turned and gru.spec.Y and not gru.flipped and not flipped:
            raise Unsupported(
                f"{framework.title} cannot express direction {gru.spec.direction} with Y in the order of time: a layer "
                "that goes backwards hands out its steps in the order it walked",
                code="GL602",
                node=gru.site or None,
                hint="from_onnx(..., flipped=True) if you turn the layer's output round yourself",
            )
        turned ^= gru.flipped
        result.append(Planned(gru, config))
    return tuple(result)


def config_of(gru: Gru, known: Known, *, last: bool, turned: bool) -> dict[str, Any]:
    """Return the configuration of one layer, with the keys of :data:`gru_lower.frameworks.keras_read_layers.DEFAULTS`.

    Args:
        gru: The GRU.
        known: The activations Keras can name.
        last: Whether it is the last of its stack.
        turned: Whether the layer is fed against the order of time.

    """
    halves = gru.halves()
    cell, other = halves[0].cell, halves[-1].cell
    config: dict[str, Any] = {
        "units": cell.hidden_size,
        "activation": activation_name(known, cell.g),
        "recurrent_activation": activation_name(known, cell.f),
        "use_bias": cell.Wb is not None,
        "reset_after": cell.linear_before_reset,
        "return_sequences": not last or bool(gru.spec.Y),
        "return_state": last and bool(gru.spec.Y) and bool(gru.spec.Y_h),
        "go_backwards": halves[0].reverse != turned,
    }
    if len(halves) == 2:
        config["merge_mode"] = gru.merge
        if (cell.f, cell.g) != (other.f, other.g):
            config["backward_activation"] = activation_name(known, other.g)
            config["backward_recurrent_activation"] = activation_name(known, other.f)
    return config


def to_weights(framework: Framework, found: tuple[Planned, ...]) -> Weights:
    """Return the weights of a stack under the names that :func:`to_onnx` reads."""
    result: Weights = {}
    for k, (gru, _) in enumerate(found):
        halves = gru.halves()
        for half, side in zip(halves, ("forward/", "backward/"), strict=False):
            prefix = (f"{k}/" if len(found) > 1 else "") + (side if len(halves) == 2 else "")
            result |= {f"{prefix}{name}": array for name, array in of_cell(framework, half.cell).items()}
    return result


def to_config(found: tuple[Planned, ...]) -> dict[str, Any]:
    """Return the configuration that goes with :func:`to_weights`."""
    return found[0].config if len(found) == 1 else {"layers": [config for _, config in found]}


def make(framework: Framework, keras: Any, found: tuple[Planned, ...], into: Any) -> Any:  # noqa: ANN401 - Keras layers
    """Make layers, or fill one, of a stack."""
    if into is not None and not isinstance(into, type):
        return _fill_into(framework, into, found)
    kind = "GRU" if into is None else into.__name__
    first = found[0].gru
    if kind in ("GRUCell", "RNN") and (len(found) > 1 or first.spec.num_directions > 1):
        raise unfit(framework, f"one {kind} is one layer of one direction", "leave out into=")
    if kind not in ("GRU", "GRUCell", "RNN"):
        raise unfit(framework, f"into={kind} is no GRU", "GRU, GRUCell, RNN, or a layer of these")
    layers = [_layer(framework, keras, gru, config, kind) for gru, config in found]
    if len(layers) == 1:
        return layers[0]
    stack = keras.Sequential(layers)
    stack.build((None, None, first.W.shape[2]))
    return stack


def _layer(framework: Framework, keras: Any, gru: Gru, config: dict[str, Any], kind: str) -> Any:  # noqa: ANN401
    arguments = {**config, "dtype": gru.halves()[0].cell.dtype.name}
    merge = arguments.pop("merge_mode", None)
    others = {
        key.removeprefix("backward_"): arguments.pop(key) for key in list(arguments) if key.startswith("backward_")
    }
    for said in (arguments, others):
        for key in [key for key in said if key.endswith("activation")]:
            said[key] = _function(keras, said[key])
    I = gru.halves()[0].cell.input_size
    own = ("units", "activation", "recurrent_activation", "use_bias", "reset_after", "dtype")
    if kind == "GRU":
        layer = keras.layers.GRU(**arguments)
        if gru.spec.num_directions == 2:
            backward = (
                keras.layers.GRU(**{**arguments, **others, "go_backwards": not arguments["go_backwards"]})
                if others
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
    for cell, half in zip(_cells(layer), gru.halves(), strict=True):
        _fill(framework, cell, half.cell)
    return layer


def _function(keras: Any, name: str) -> Any:  # noqa: ANN401
    """Return what Keras takes for an activation: a name, or a layer where the function has a parameter."""
    if name.partition("(")[0] not in ("leaky_relu", "elu") or name == "elu":
        return name
    alpha = float(name.partition("(")[2].rstrip(")") or 0.2)
    if name.startswith("elu"):
        return keras.layers.ELU(alpha=alpha)
    slope = "alpha" if str(keras.__version__).startswith("2.") else "negative_slope"
    return keras.layers.LeakyReLU(**{slope: alpha})


def _cells(layer: Any) -> list[Any]:  # noqa: ANN401
    """Return the GRUCells of a layer, in order."""
    kind = kind_of(layer)
    if kind == "GRUCell":
        return [layer]
    if kind == "Sequential":
        return [cell for part in layer.layers for cell in _cells(part)]
    if kind == "StackedRNNCells":
        return [cell for part in layer.cells for cell in _cells(part)]
    if kind == "Bidirectional":
        return [*_cells(layer.forward_layer), *_cells(layer.backward_layer)]
    return _cells(layer.cell) if kind in ("GRU", "RNN") else []


def _fill_into(framework: Framework, layer: Any, found: tuple[Planned, ...]) -> Any:  # noqa: ANN401
    cells = _cells(layer)
    wanted = [half for gru, _ in found for half in gru.halves()]
    if len(cells) != len(wanted):
        raise unfit(framework, f"{len(cells)} cells to fill, {len(wanted)} in the model", "name one GRU with node=...")
    known = activations_of(framework, cells[0])
    for cell, half in zip(cells, wanted, strict=True):
        _same(framework, cell, half, known)
    for cell, half in zip(cells, wanted, strict=True):
        _fill(framework, cell, half.cell)
    return layer


def _same(framework: Framework, cell: Any, half: Half, known: Known) -> None:  # noqa: ANN401
    """Refuse a cell that would compute something else with the weights."""
    given = half.cell
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
    weights, own = of_cell(framework, given), arrays_of(cell)
    for name, array in weights.items():
        if name not in own or own[name].shape != array.shape:
            shape = list(own[name].shape) if name in own else "absent"
            what = f"{name} is {shape} in the layer and {list(array.shape)} in the model"
            raise unfit(framework, what, "make the layer with to_config(model), or leave out into=")
        getattr(cell, name).assign(_plain(array))


def _plain(array: Array) -> Array:
    """Return bfloat16 as float32, which every backend takes; nothing is lost when it is assigned."""
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array
