"""A small model to run on a target, with its inputs, the right outputs, and how far off outputs may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper

if TYPE_CHECKING:
    import onnx

Array = np.ndarray[Any, np.dtype[Any]]
IR_VERSION = 8

TOLERANCE = {"float32": 1e-3, "float16": 2e-2, "float64": 1e-5, "bfloat16": 8e-2}
"""How far off a value may be, absolutely and relative to the largest: what engines' approximations need, and far below
any mistake."""


@dataclass(frozen=True)
class ProbeModel:
    """One model with its inputs.

    Attributes:
        model: The model.
        feeds: Its inputs; bfloat16 stands in them as float32, which the model casts.
        expected: What is right, in float64.
        tolerance: How far off a value may be.
        options: The options its GRU really takes.

    """

    model: onnx.ModelProto
    feeds: dict[str, Array]
    expected: dict[str, Array]
    tolerance: float
    options: frozenset[str] = frozenset()

    def fault(self, outputs: dict[str, Array]) -> str:
        """Return what is wrong with outputs, whatever float type they come in; ``""`` if nothing is."""
        for name, expected in self.expected.items():
            actual = outputs.get(name)
            if actual is None:
                wrote = f"it wrote {', '.join(sorted(outputs))}" if outputs else "it wrote no outputs"
                return f"{wrote}, and the graph's output is {name}"
            if actual.shape != expected.shape:
                return f"{name} is of shape {list(actual.shape)}, not {list(expected.shape)}"
            if actual.dtype.kind not in "fiub":
                return f"{name} is of type {actual.dtype}"
            bound = self.tolerance * (1 + np.abs(expected).max(initial=0.0))
            error = np.abs(actual.astype(np.float64) - expected)
            if not (error <= bound).all():
                return f"{name} is off by {error.max():.2g}"
        return ""


def ir_version(opset: int) -> int:
    """Return an IR version that goes with an opset and that runtimes of some age know."""
    return max(IR_VERSION, helper.find_min_ir_version_for([helper.make_opsetid("", opset)]))
