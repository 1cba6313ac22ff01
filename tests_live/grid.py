"""The grid of GRU features, one small model per cell.

Every cell is a legal GRU that differs from a plain one - forward, float32, opset 17, static, constant W, R and B, both
outputs, linear_before_reset 1 - in the features that its name tells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from strategies import WEIGHTS, random_case

if TYPE_CHECKING:
    from strategies import GruCase

T, N, I, H = 4, 3, 3, 4
PLAIN: dict[str, Any] = {
    "opset": 17,
    "dtype": np.float32,
    "seed": 5,
    "T": T,
    "N": N,
    "I": I,
    "H": H,
    "scale": 1.5,
    "linear_before_reset": 1,
    "direction": None,
    "layout": None,
    "clip": None,
    "hidden_size": H,
    "activations": None,
    "activation_alpha": None,
    "activation_beta": None,
    "bias": True,
    "initial_h": False,
    "sequence_lens": None,
    "nan_padding": False,
    "outputs": ("Y", "Y_h"),
    "spelled_out": False,
    "static": True,
    "constants": WEIGHTS,
}
BIDIRECTIONAL = {"direction": "bidirectional"}
LENS = {"sequence_lens": (4, 2, 3)}
HAS_ALPHA = ("LeakyRelu", "ThresholdedRelu", "Elu")
HAS_BETA = ("Affine", "ScaledTanh", "HardSigmoid")

BOTH: dict[str, dict[str, Any]] = {
    "plain": {},
    "reverse": {"direction": "reverse"},
    "bidirectional": BIDIRECTIONAL,
    "layout": {"layout": 1},
    "layout bidirectional": {"layout": 1, **BIDIRECTIONAL},
    "sequence_lens": LENS,
    "sequence_lens reverse": {**LENS, "direction": "reverse"},
    "sequence_lens bidirectional": {**LENS, **BIDIRECTIONAL},
    "initial_h": {"initial_h": True},
    "initial_h bidirectional": {"initial_h": True, **BIDIRECTIONAL},
    "clip": {"clip": 0.3},
    "no B": {"bias": False, "constants": WEIGHTS - {"B"}},
    "only Y": {"outputs": ("Y",)},
    "only Y_h": {"outputs": ("Y_h",)},
    "one step": {"T": 1},
}
"""Cells with linear_before_reset 1 and 0."""
ONE: dict[str, dict[str, Any]] = {
    "only Y bidirectional": {"outputs": ("Y",), **BIDIRECTIONAL},
    "only Y_h bidirectional": {"outputs": ("Y_h",), **BIDIRECTIONAL},
    "layout initial_h": {"layout": 1, "initial_h": True},
    "layout sequence_lens": {"layout": 1, **LENS},
    "sequence_lens constant": {**LENS, "constants": WEIGHTS | {"sequence_lens"}},
    "sequence_lens full": {"sequence_lens": (4, 4, 4)},
    "sequence_lens zero": {"sequence_lens": (4, 0, 3)},
    "sequence_lens zero initial_h": {"sequence_lens": (4, 0, 3), "initial_h": True},
    "sequence_lens nan": {**LENS, "nan_padding": True},
    "initial_h constant": {"initial_h": True, "constants": WEIGHTS | {"initial_h"}},
    "inputs W R B": {"constants": frozenset()},
    "one sequence": {"N": 1},
    "no hidden_size": {"hidden_size": None},
    "dynamic": {"static": False},
    "dynamic initial_h": {"static": False, "initial_h": True},
    "dynamic bidirectional": {"static": False, **BIDIRECTIONAL},
    "activations Relu": {"activations": ["Sigmoid", "Relu"]},
    "activations Tanh Sigmoid": {"activations": ["Tanh", "Sigmoid"]},
    "activations Softsign": {"activations": ["Sigmoid", "Softsign"]},
    "activations Softplus": {"activations": ["Sigmoid", "Softplus"]},
    **{
        f"activations {name}": {"activations": ["Sigmoid", name], "activation_alpha": [0.3]}
        for name in ("LeakyRelu", "ThresholdedRelu", "Elu")
    },
    **{
        f"activations {name}": {
            "activations": [name, "Tanh"],
            "activation_alpha": [0.3],
            "activation_beta": [0.6],
        }
        for name in ("HardSigmoid", "Affine", "ScaledTanh")
    },
    "activations HardSigmoid default": {"activations": ["HardSigmoid", "Tanh"]},
    "activations bidirectional": {"activations": ["Sigmoid", "Tanh", "HardSigmoid", "Softsign"], **BIDIRECTIONAL},
    "activations lower case": {"activations": ["sigmoid", "tanh"]},
    **{f"opset {opset}": {"opset": opset} for opset in (7, 9, 11, 13, 14, 18, 21, 22, 24)},
    "float16": {"dtype": np.float16},
    "float64": {"dtype": np.float64},
}
"""Cells with linear_before_reset 1."""
LARGE: dict[str, dict[str, Any]] = {
    "lbr1": {},
    "lbr0": {"linear_before_reset": 0},
    **{f"{name}": {"activations": ["Sigmoid", name], "activation_alpha": [0.3]} for name in ("Softplus", "Elu")},
}
"""Cells with large X: exp overflows in functions that are written carelessly."""


@dataclass(frozen=True)
class Cell:
    """One cell of the grid.

    Attributes:
        name: Its features, as ``"reverse lbr0"``.
        knobs: Of :func:`strategies.random_case`.
        factor: What X is multiplied by.

    """

    name: str
    knobs: dict[str, Any]
    factor: float = 1.0

    def case(self, **more: object) -> GruCase:
        """Return the model; ``more`` are further knobs."""
        drawn = random_case(np.random.default_rng(0), **{**PLAIN, **self.knobs, **more})
        return replace(drawn, X=drawn.X * np.asarray(self.factor, drawn.dtype))


def cells() -> list[Cell]:
    """Return every cell."""
    found = [
        Cell(f"{name} lbr{lbr}", {**knobs, "linear_before_reset": lbr})
        for name, knobs in BOTH.items()
        for lbr in (1, 0)
    ]
    found += [Cell(name, knobs) for name, knobs in ONE.items()]
    return found + [Cell(f"large {name}", knobs, 100.0) for name, knobs in LARGE.items()]
