"""A small model to run on a target, with its inputs and the right outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper

from gru_lower.light_dataclass import dataclass
from gru_lower.probing.tolerance import find_fault

if TYPE_CHECKING:
    import onnx

Array = np.ndarray[Any, np.dtype[Any]]
IR_VERSION = 8


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

    def fault(self, outputs: dict[str, Array], tolerance: float = 0.0) -> str:
        """Return what is wrong with outputs, whatever float type they come in; ``""`` if nothing is.

        Args:
            outputs: What a target gave.
            tolerance: How far off a value may be, where that is more than the model's own.

        """
        return find_fault(outputs, self.expected, max(tolerance, self.tolerance))


def ir_version(opset: int) -> int:
    """Return an IR version that goes with an opset and that runtimes of some age know."""
    return max(IR_VERSION, helper.find_min_ir_version_for([helper.make_opsetid("", opset)]))
