"""Activations of Keras: which one a layer has, and what it is in ONNX."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.frameworks.descriptions.keras import KERAS_2_ACTIVATIONS
from gru_lower.frameworks.refusals import beyond_onnx, unfit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.frameworks.descriptions.framework import Framework
    from gru_lower.gru.activations import Activation

ROOTS = ("keras", "tf_keras")
BACKENDS = ("tensorflow", "jax", "torch")
CALLED = re.compile(r"(\w+)\((.+)\)")


def kind_of(layer: Any) -> str:  # noqa: ANN401
    """Name the Keras class whose call the layer runs, ``""`` for anything else."""
    for base in type(layer).__mro__:
        if base.__module__.partition(".")[0] in ROOTS and hasattr(base, "call"):
            return base.__name__ if type(layer).call is base.call else ""
    return ""


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
