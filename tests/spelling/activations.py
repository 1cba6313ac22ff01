"""Activations as frameworks and people write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spelling.truth import FUNCTIONS

if TYPE_CHECKING:
    from spelling.emit import Emit

# name -> the ways to write it, by weight; the first number of a pair is the least opset.
WAYS: dict[str, dict[str, tuple[int, float]]] = {
    "Sigmoid": {
        "op": (1, 8),
        "1/(1+exp)": (1, 1),
        "reciprocal": (1, 1),
        "tanh": (1, 1),
        "pow": (1, 0.3),
        "exp/(1+exp)": (1, 0.3),
        "fused neg": (1, 0.5),
    },
    "Tanh": {"op": (1, 8), "sigmoid": (1, 1), "exp": (1, 0.5), "reciprocal": (1, 0.5)},
    "HardSigmoid": {"op": (1, 3), "clip": (1, 2), "min max": (8, 1), "max min": (8, 0.5), "relu6": (1, 1)},
    "Relu": {"op": (1, 4), "max": (8, 2), "clip": (1, 1), "where": (9, 0.5)},
    "Softsign": {"op": (1, 2), "div": (1, 1)},
    "Softplus": {"op": (1, 2), "log": (1, 1)},
    "Elu": {"op": (1, 2), "where": (9, 0.5)},
    "LeakyRelu": {"op": (1, 2), "max": (8, 1), "where": (9, 0.5), "prelu": (7, 0.5)},
    "ScaledTanh": {"op": (1, 1)},
    "ThresholdedRelu": {"op": (10, 1), "where": (9, 1)},
    "Affine": {"op": (1, 1)},
    "Gelu": {"op": (9, 1)},
    "Silu": {"op": (1, 1)},
    "Sin": {"op": (7, 1)},
    "HardSwish": {"op": (1, 1)},
}


def ways(name: str, opset: int) -> dict[str, float]:
    """Return the ways an activation can be written in an opset, by weight."""
    plain = FUNCTIONS.get(name, (name, None, None))[0]
    return {way: weight for way, (least, weight) in WAYS[plain].items() if least <= opset}


def activate(e: Emit, name: str, way: str, v: str) -> str:
    """Apply an activation, written in one of its ways."""
    plain, alpha, beta = FUNCTIONS.get(name, (name, None, None))
    if plain == "Sigmoid":
        return _sigmoid(e, way, v)
    if plain == "Tanh":
        return _tanh(e, way, v)
    if plain == "HardSigmoid":
        assert alpha is not None
        assert beta is not None
        return _hard_sigmoid(e, way, v, alpha, beta)
    if way == "op":
        return _op(e, plain, v, alpha, beta)
    if plain == "Softsign":
        return e.op("Div", v, e.op("Add", e.op("Abs", v), e.scalar(1)))
    if plain == "Softplus":
        return e.op("Log", e.op("Add", e.op("Exp", v), e.scalar(1)))
    if way == "max":
        return e.op("Max", v, e.op("Mul", v, e.scalar(alpha)) if alpha else e.scalar(0))
    if way == "clip":
        return e.clip(v, 0, 3e4)
    if way == "prelu":
        return e.op("PRelu", v, e.scalar(alpha or 0))
    other = e.scalar(0)
    if plain == "Elu":
        other = e.op("Mul", e.scalar(alpha or 1), e.op("Sub", e.op("Exp", v), e.scalar(1)))
    elif plain == "LeakyRelu":
        other = e.op("Mul", v, e.scalar(alpha or 0))
    edge = alpha if plain == "ThresholdedRelu" and alpha else 0
    return e.op("Where", e.op("Greater", v, e.scalar(edge)), v, other)


def _op(e: Emit, plain: str, v: str, alpha: float | None, beta: float | None) -> str:
    if plain == "ScaledTanh":
        return e.op("Mul", e.op("Tanh", e.op("Mul", v, e.scalar(beta or 1))), e.scalar(alpha or 1))
    if plain == "Affine":
        return e.op("Identity", v)  # alpha 1, beta 0: what frameworks call a linear activation
    if plain == "Gelu":
        erf = e.op("Erf", e.op("Mul", v, e.scalar(np.sqrt(0.5))))
        return e.op("Mul", e.op("Mul", v, e.scalar(0.5)), e.op("Add", erf, e.scalar(1)))
    if plain == "Silu":
        return e.op("Mul", v, e.op("Sigmoid", v))
    if plain == "HardSwish":
        return e.op("Mul", v, e.op("HardSigmoid", v, alpha=1 / 6, beta=0.5))
    attributes: dict[str, Any] = {} if alpha is None else {"alpha": alpha}
    return e.op(plain, v, **attributes)


def _sigmoid(e: Emit, way: str, v: str) -> str:
    if way == "op":
        return e.op("Sigmoid", v)
    if way == "tanh":
        half = e.op("Tanh", e.op("Mul", v, e.scalar(0.5)))
        return e.op("Add", e.op("Mul", half, e.scalar(0.5)), e.scalar(0.5))
    if way == "exp/(1+exp)":
        up = e.op("Exp", v)
        return e.op("Div", up, e.op("Add", up, e.scalar(1)))
    down = e.op("Exp", e.op("Mul", v, e.scalar(-1)) if way == "fused neg" else e.op("Neg", v))
    under = e.add("sigmoid", down, e.scalar(1))
    if way == "reciprocal":
        return e.op("Reciprocal", under)
    if way == "pow":
        return e.op("Pow", under, e.scalar(-1))
    return e.op("Div", e.scalar(1), under)


def _tanh(e: Emit, way: str, v: str) -> str:
    if way == "op":
        return e.op("Tanh", v)
    if way == "sigmoid":  # 2 sigmoid(2v) - 1
        return e.op("Sub", e.op("Mul", e.op("Sigmoid", e.op("Mul", v, e.scalar(2))), e.scalar(2)), e.scalar(1))
    down = e.op("Exp", e.op("Neg", e.op("Mul", v, e.scalar(2))))
    under = e.op("Add", down, e.scalar(1))
    if way == "exp":  # (1 - e^-2v) / (1 + e^-2v)
        return e.op("Div", e.op("Sub", e.scalar(1), down), under)
    return e.op("Sub", e.op("Mul", e.op("Reciprocal", under), e.scalar(2)), e.scalar(1))


def _hard_sigmoid(e: Emit, way: str, v: str, alpha: float, beta: float) -> str:
    if way == "op":
        return e.op("HardSigmoid", v, alpha=alpha, beta=beta)
    if way == "relu6":  # Clip(v + beta/alpha, 0, 1/alpha) * alpha
        return e.op("Mul", e.clip(e.op("Add", v, e.scalar(beta / alpha)), 0, 1 / alpha), e.scalar(alpha))
    line = e.op("Add", e.op("Mul", v, e.scalar(alpha)), e.scalar(beta))
    if way == "clip":
        return e.clip(line, 0, 1)
    if way == "min max":
        return e.op("Max", e.op("Min", line, e.scalar(1)), e.scalar(0))
    return e.op("Min", e.op("Max", line, e.scalar(0)), e.scalar(1))
