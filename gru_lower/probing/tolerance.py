"""How far off a target's outputs may be before they count as wrong, by float type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

TOLERANCE = {"float32": 1e-3, "float16": 2e-2, "float64": 1e-5, "bfloat16": 8e-2}
"""How far off a value may be, absolutely and relative to the largest: what engines' approximations need, and far below
any mistake."""

INT8_TOLERANCE = 0.1
"""The same for a target that quantises weights and activations to 8 bits, with the inputs to calibrate it."""


def find_fault(
    outputs: Mapping[str, np.ndarray[Any, np.dtype[Any]]],
    right: Mapping[str, np.ndarray[Any, np.dtype[Any]]],
    tolerance: float,
) -> str:
    """Return what is wrong with outputs, whatever float type they come in; ``""`` if nothing is.

    Args:
        outputs: What a target gave.
        right: What is right, in float64.
        tolerance: How far off a value may be, absolutely and relative to the largest of its output.

    """
    for name, expected in right.items():
        actual = outputs.get(name)
        if actual is None:
            wrote = f"it wrote {', '.join(sorted(outputs))}" if outputs else "it wrote no outputs"
            return f"{wrote}, and the graph's output is {name}"
        if actual.shape != expected.shape:
            return f"{name} is of shape {list(actual.shape)}, not {list(expected.shape)}"
        if actual.dtype.kind not in "fiub":
            return f"{name} is of type {actual.dtype}"
        bound = tolerance * (1 + np.abs(expected).max(initial=0.0))
        error = np.abs(actual.astype(np.float64) - expected)
        if not (error <= bound).all():
            return f"{name} is off by {error.max():.2g}"
    return ""
