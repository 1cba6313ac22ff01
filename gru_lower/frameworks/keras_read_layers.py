"""What a Keras layer is: read off the layer itself, or off its weights and a configuration, without importing Keras."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.frameworks.framework_data import KERAS_2_ACTIVATIONS
from gru_lower.frameworks.layer_cell import MERGES, Array, Cell, Half, Merge, Weights, dtype_named
from gru_lower.frameworks.refusals import beyond_onnx, not_a_layer, stranger, unfit
from gru_lower.frameworks.weight_layouts import to_cell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.frameworks.framework_schema import Framework
    from gru_lower.gru.activations import Activation

TAKES = "a GRU, Bidirectional(GRU), RNN of GRUCells, GRUCell, a Sequential or list of these, or a dict of weights"
ROOTS = ("keras", "tf_keras")
BACKENDS = ("tensorflow", "jax", "torch")
NOTHING = ("Dropout", "SpatialDropout1D", "GaussianDropout", "GaussianNoise", "AlphaDropout", "InputLayer", "Identity")
"""Layers that hand on what they get, at inference."""
CALLED = re.compile(r"(\w+)\((.+)\)")


@dataclass(frozen=True)
class Recurrent:
    """A GRU, or an RNN of one or several GRUCells.

    Attributes:
        cells: Each fed the output of the one before.
        reverse: ``go_backwards``.
        sequences: ``return_sequences``.
        state: ``return_state``.
        zeros: ``zero_output_for_mask``.
        stateful: ``stateful``.

    """

    cells: tuple[Cell, ...]
    reverse: bool = False
    sequences: bool = False
    state: bool = False
    zeros: bool = False
    stateful: bool = False
    time_major: bool = False


@dataclass(frozen=True)
class Layer:
    """One layer of a stack.

    Attributes:
        forward: The layer, or the forward one of a Bidirectional.
        backward: The backward one of a Bidirectional.
        merge: How a Bidirectional puts them together; ``None`` for two outputs.
        step: Whether it is a cell by itself.

    """

    forward: Recurrent
    backward: Recurrent | None = None
    merge: Merge | None = "concat"
    step: bool = False

    @property
    def parts(self) -> tuple[Recurrent, ...]:
        """The one or two recurrent layers."""
        return (self.forward,) if self.backward is None else (self.forward, self.backward)

    @property
    def halves(self) -> list[Half]:
        """The last cells, whose output the layer gives."""
        return [Half(part.cells[-1], part.reverse) for part in self.parts]


@dataclass(frozen=True)
class Layers:
    """A stack.

    Attributes:
        layers: Its layers.
        masking: The value of a Masking layer in front, ``None`` without one.

    """

    layers: tuple[Layer, ...]
    masking: float | None = None


def of_layer(framework: Framework, layer: Any) -> Layers:  # noqa: ANN401 - Keras layers, without Keras
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
        elif kind_of(part) not in NOTHING:
            found.append(_layer(framework, part))
    if not found:
        raise not_a_layer(framework, layer, TAKES)
    return Layers(tuple(found), masking)


def kind_of(layer: Any) -> str:  # noqa: ANN401
    """Name the Keras class whose call the layer runs, ``""`` for anything else."""
    for base in type(layer).__mro__:
        if base.__module__.partition(".")[0] in ROOTS and hasattr(base, "call"):
            return base.__name__ if type(layer).call is base.call else ""
    return ""


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
    dtype = dtype_named(str(cell.compute_dtype))
    arrays = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    known = activations_of(framework, cell)
    made = to_cell(
        framework,
        {name: np.asarray(value).astype(dtype) for name, value in arrays.items() if value is not None},
        site=cell.name,
        f=activation(framework, cell.recurrent_activation, known),
        g=activation(framework, cell.activation, known),
        linear_before_reset=bool(cell.reset_after),
    )
    return (made,)


def activations_of(framework: Framework, layer: Any) -> Mapping[str, Activation]:  # noqa: ANN401
    """Return the activations of the Keras a layer, or a module, comes from: Keras 2 has another hard_sigmoid."""
    name = layer.__name__ if isinstance(layer, type(sys)) else type(layer).__module__
    root = sys.modules.get(name.partition(".")[0])
    if name.partition(".")[0] == "tensorflow":  # tf.keras, whichever Keras that is
        root = layer
    return KERAS_2_ACTIVATIONS if str(getattr(root, "__version__", "3")).startswith("2.") else framework.activations


def activation(framework: Framework, function: Any, known: Mapping[str, Activation]) -> Activation:  # noqa: ANN401
    """Return what an activation is in ONNX.

    Args:
        framework: For the message.
        function: A function of Keras or its backend, an activation layer, ``None``, or a name: ``"leaky_relu(0.3)"``.
        known: Those of its Keras.

    Raises:
        Unsupported: ONNX's GRU has no such activation.

    """
    if function is None:
        return known["linear"]
    kind = kind_of(function)
    if kind == "Activation":
        return activation(framework, function.activation, known)
    name, alpha = (
        function if isinstance(function, str) else getattr(function, "__name__", type(function).__name__),
        None,
    )
    if isinstance(function, str) and (match := CALLED.fullmatch(function)):
        name, alpha = match.group(1), _number(framework, match.group(2))
    elif kind in ("LeakyReLU", "ELU"):
        name = {"LeakyReLU": "leaky_relu", "ELU": "elu"}[kind]
        alpha = float(getattr(function, "negative_slope", getattr(function, "alpha", 0.0)))
    elif kind == "ReLU" and not isinstance(function, str):
        plain = function.max_value is None and not function.negative_slope and not function.threshold
        name = "relu" if plain else "relu with limits"
    elif not isinstance(function, str):
        root = str(getattr(function, "__module__", "")).partition(".")[0]
        if root not in ROOTS and not (root in BACKENDS and name in ("tanh", "sigmoid", "relu", "softplus", "softsign")):
            name = f"{name} of {root or 'nowhere'}"
    entry = known.get(name)
    if entry is None or (alpha is not None and entry.name not in ("LeakyRelu", "Elu")):
        hint = f"known are {', '.join(known)}"
        raise beyond_onnx(framework, f"the activation {name} is none of the operator's", hint)
    return entry if alpha is None else replace(entry, alpha=float(np.float32(alpha)))


def _number(framework: Framework, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise unfit(framework, f"{text!r} is no number", "write it like leaky_relu(0.3)") from None


DEFAULTS: dict[str, Any] = {
    "units": None,
    "activation": "tanh",
    "recurrent_activation": "sigmoid",
    "use_bias": None,
    "reset_after": None,
    "return_sequences": False,
    "return_state": False,
    "go_backwards": False,
    "zero_output_for_mask": False,
    "merge_mode": "concat",
    "backward_activation": None,
    "backward_recurrent_activation": None,
}
"""What a configuration may say of a layer, and what holds where it does not; ``None``: what the weights say."""


def of_weights(framework: Framework, weights: Mapping[str, Any], config: Mapping[str, Any]) -> Layers:
    """Make a stack of arrays and a configuration.

    Args:
        framework: Whose.
        weights: ``kernel``, ``recurrent_kernel`` and ``bias``; of a Bidirectional behind ``forward/`` and
            ``backward/``, of several layers behind ``0/``, ``1/`` and so on.
        config: The keys of :data:`DEFAULTS`; under ``layers`` a list of such, one for each layer.

    Raises:
        InvalidModel: Weights or keys are missing or unknown, or do not fit each other.

    """
    groups: dict[tuple[int, str], Weights] = {}
    for name, value in weights.items():
        *prefix, short = name.split("/")
        number = int(prefix.pop(0)) if prefix and prefix[0].isdecimal() else 0
        side = prefix.pop(0) if prefix and prefix[0] in ("forward", "backward") else "forward"
        if prefix:
            raise stranger(framework, name)
        groups.setdefault((number, side), {})[short] = np.asarray(value)
    count = max((number for number, _ in groups), default=-1) + 1
    if not count or any((k, "forward") not in groups for k in range(count)):
        raise unfit(framework, "there are no weights" if not count else "a layer's weights are missing", "all of them")
    for_all = {key: value for key, value in config.items() if key != "layers"}
    configs = [{**entry, **for_all} for entry in config.get("layers", [{}] * count)]
    if len(configs) != count:
        raise unfit(framework, f"{count} layers of weights, {len(configs)} of configuration", "one for each")
    layers = []
    for k, entry in enumerate(configs):
        last = k == count - 1
        both = _said(framework, entry, sequences=not last)
        forward = _configured(framework, groups[k, "forward"], both, "")
        if (k, "backward") in groups:
            backward = replace(
                _configured(framework, groups[k, "backward"], both, "backward_"), reverse=not forward.reverse
            )
            layers.append(Layer(forward, backward, both["merge_mode"]))
        else:
            layers.append(Layer(forward))
    return Layers(tuple(layers))


def _said(framework: Framework, entry: Mapping[str, Any], *, sequences: bool) -> dict[str, Any]:
    odd = [key for key in entry if key not in DEFAULTS]
    if odd:
        raise unfit(framework, f"the configuration has no {odd[0]!r}", f"its keys are {', '.join(DEFAULTS)}")
    said = {**DEFAULTS, **entry}
    if said["merge_mode"] not in (*MERGES, None):
        raise unfit(framework, f"merge_mode cannot be {said['merge_mode']!r}", f"one of {', '.join(MERGES)}, None")
    return {**said, "return_sequences": sequences or said["return_sequences"]}


def _configured(framework: Framework, arrays: Weights, said: Mapping[str, Any], side: str) -> Recurrent:
    functions = [
        activation(framework, said[f"{side}{key}"] or said[key], framework.activations)
        for key in ("recurrent_activation", "activation")
    ]
    reset_after = None if said["reset_after"] is None else bool(said["reset_after"])
    cell = to_cell(framework, arrays, f=functions[0], g=functions[1], linear_before_reset=reset_after)
    facts = {"units": cell.hidden_size, "use_bias": cell.Wb is not None}
    for key, value in facts.items():
        if said[key] not in (None, value):
            raise unfit(framework, f"{key} is {said[key]}, but the weights say {value}", "correct the configuration")
    return Recurrent(
        (cell,),
        bool(said["go_backwards"]),
        bool(said["return_sequences"]),
        bool(said["return_state"]),
        bool(said["zero_output_for_mask"]),
    )


def arrays_of(cell: Any) -> dict[str, Array]:  # noqa: ANN401 - a GRUCell
    """Return the shapes and values a cell holds now."""
    return {
        name: np.asarray(value)
        for name in ("kernel", "recurrent_kernel", "bias")
        if (value := getattr(cell, name, None)) is not None
    }
