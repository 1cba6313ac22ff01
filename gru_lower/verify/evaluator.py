"""onnx's reference evaluator with the project's float64 GRU in place of its own.

onnx's GRU ignores sequence_lens, clip and activations, and a `ReferenceEvaluator` does not pass added operators on to
local functions; both are mended here.
"""

from __future__ import annotations

from typing import Any

from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from gru_lower.gru.reference import gru
from gru_lower.verify.result import Array


class GRU(OpRun):  # type: ignore[misc]
    """GRU of every opset, computed in float64 and rounded once to the type of X; its name is the operator's."""

    def _run(  # noqa: PLR0913, PLR0917 - the operator's inputs and attributes
        self,
        X: Array,  # noqa: N803 - the operator's names
        W: Array,  # noqa: N803
        R: Array,  # noqa: N803
        B: Array | None = None,  # noqa: N803
        sequence_lens: Array | None = None,
        initial_h: Array | None = None,
        *,
        output_sequence: int = 0,
        direction: str = "forward",
        **attributes: Any,  # noqa: ANN401 - float, int or lists of them, as the operator has it
    ) -> tuple[Array, ...]:
        # output_sequence (below opset 7) only said whether Y is wanted; opset 1 spells its own default "foward".
        del output_sequence
        spelt = "forward" if direction == "foward" else direction
        Y, Y_h = gru(X, W, R, B, sequence_lens, initial_h, direction=spelt, **attributes)  # noqa: N806
        return Y.astype(X.dtype), Y_h.astype(X.dtype)


class Evaluator(ReferenceEvaluator):  # type: ignore[misc]
    """`ReferenceEvaluator` that knows this GRU in the graph, in every body and in every local function."""

    def __init__(self, proto: Any, *args: Any, new_ops: list[type[OpRun]] | None = None, **kwargs: Any) -> None:  # noqa: ANN401
        """Add the operator: the base class builds bodies and functions through this class too."""
        super().__init__(proto, *args, new_ops=[GRU, *(op for op in new_ops or [] if op is not GRU)], **kwargs)

    def run(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the base class's own signature
        """Run, and show the error itself where the base class hides it behind one about types."""
        try:
            return super().run(*args, **kwargs)
        except TypeError as error:
            raise error.__cause__ or error from None
