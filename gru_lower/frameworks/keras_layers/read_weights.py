"""Reading weights and a configuration, without a layer: arrays under Keras's names, and the layer's arguments."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.frameworks.keras_layers.activations import activation
from gru_lower.frameworks.keras_layers.layers import Layer, Recurrent, Stack
from gru_lower.frameworks.refusals import unfit, unknown_weight
from gru_lower.frameworks.weights.cell import MERGES
from gru_lower.frameworks.weights.weight_layouts import cell_of_weights
from gru_lower.nearest_word import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.frameworks.descriptions.framework import Framework
    from gru_lower.frameworks.weights.cell import Weights

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
"""The keys of a layer's configuration and their defaults; ``None`` where the weights tell."""


def read_weights(framework: Framework, weights: Mapping[str, Any], config: Mapping[str, Any]) -> Stack:
    """Read a stack from its weights and their configuration.

    Args:
        framework: Keras or TensorFlow.
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
            raise unknown_weight(framework, name)
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
        completed = _completed(framework, entry, sequences=not last)
        forward = _recurrent_layer(framework, groups[k, "forward"], completed, "")
        if (k, "backward") in groups:
            backward = replace(
                _recurrent_layer(framework, groups[k, "backward"], completed, "backward_"), reverse=not forward.reverse
            )
            layers.append(Layer(forward, backward, completed["merge_mode"]))
        else:
            layers.append(Layer(forward))
    return Stack(tuple(layers))


def _completed(framework: Framework, entry: Mapping[str, Any], *, sequences: bool) -> dict[str, Any]:
    """Return a layer's configuration with the defaults of what it leaves out."""
    odd = [key for key in entry if key not in DEFAULTS]
    if odd:
        hint = did_you_mean(odd[0], DEFAULTS, f"its keys are {', '.join(DEFAULTS)}")
        raise unfit(framework, f"the configuration has no {odd[0]!r}", hint)
    config = {**DEFAULTS, **entry}
    if config["merge_mode"] not in (*MERGES, None):
        raise unfit(framework, f"merge_mode cannot be {config['merge_mode']!r}", f"one of {', '.join(MERGES)}, None")
    return {**config, "return_sequences": sequences or config["return_sequences"]}


def _recurrent_layer(framework: Framework, arrays: Weights, config: Mapping[str, Any], side: str) -> Recurrent:
    functions = [
        activation(framework, config[f"{side}{key}"] or config[key], framework.activations)
        for key in ("recurrent_activation", "activation")
    ]
    reset_after = None if config["reset_after"] is None else bool(config["reset_after"])
    cell = cell_of_weights(framework, arrays, f=functions[0], g=functions[1], linear_before_reset=reset_after)
    told = {"units": cell.hidden_size, "use_bias": cell.Wb is not None}
    for key, value in told.items():
        if config[key] not in (None, value):
            raise unfit(framework, f"{key} is {config[key]}, but the weights say {value}", "correct the configuration")
    return Recurrent(
        (cell,),
        bool(config["go_backwards"]),
        bool(config["return_sequences"]),
        bool(config["return_state"]),
        bool(config["zero_output_for_mask"]),
    )
