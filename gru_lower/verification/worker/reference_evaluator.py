"""Run a model in onnx's reference evaluator, with the project's float64 GRU in place of its own.

onnx's GRU ignores sequence_lens, clip and activations, and a `ReferenceEvaluator` does not pass added operators on to
local functions; both are corrected here. Only the worker imports this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx.external_data_helper import load_external_data_for_tensor
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from gru_lower.graph.external_data import is_external
from gru_lower.graph.model_tensors import tensors
from gru_lower.graph.scopes import walk
from gru_lower.gru.reference import gru

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.verification.arrays import Array, Feeds


class Reference:
    """A model held by onnx.reference, for what onnxruntime does not run."""

    def __init__(self, model: bytes, base_dir: str | None) -> None:
        """Parse the model, its external data included, and prepare its nodes."""
        proto = onnx.load_model_from_string(model)
        for tensor in tensors(proto):
            if is_external(tensor):
                load_external_data_for_tensor(tensor, base_dir or "")
                tensor.data_location = onnx.TensorProto.DEFAULT
                del tensor.external_data[:]
        # The base class keeps an output called "" as the value of every absent input after it.
        for number, (node, i) in enumerate(_unnamed(proto)):
            node.output[i] = f"gru_lower/unnamed_{number}"
        self._evaluator = Evaluator(proto)

    def run(self, feeds: Feeds, outputs: Sequence[str] | None) -> Feeds:
        """Run once; `outputs` None gives all. Overflows give no warnings."""
        names = [str(name) for name in (self._evaluator.output_names if outputs is None else outputs)]
        with np.errstate(all="ignore"):
            return dict(zip(names, self._evaluator.run(names, feeds), strict=True))


def _unnamed(proto: onnx.ModelProto) -> list[tuple[onnx.NodeProto, int]]:
    """Return where outputs have no name."""
    nodes = [node for scope in walk(proto) for node in scope.nodes]
    return [(node, i) for node in nodes for i, name in enumerate(node.output) if not name]


class GRU(OpRun):
    """GRU of every opset, computed in float64 and rounded once to the type of X; its name is the operator's."""

    def _run(
        self,
        X: Array,
        W: Array,
        R: Array,
        B: Array | None = None,
        sequence_lens: Array | None = None,
        initial_h: Array | None = None,
        *,
        output_sequence: int = 0,
        direction: str = "forward",
        **attributes: Any,  # noqa: ANN401 - floats, integers or lists of them, as the operator has it
    ) -> tuple[Array, ...]:
        # output_sequence (below opset 7) only said whether Y is wanted; opset 1 spells its own default "foward".
        del output_sequence
        spelt = "forward" if direction == "foward" else direction
        Y, Y_h = gru(X, W, R, B, sequence_lens, initial_h, direction=spelt, **attributes)
        return Y.astype(X.dtype), Y_h.astype(X.dtype)


class Evaluator(ReferenceEvaluator):
    """`ReferenceEvaluator` that knows this GRU in the graph, in every body and in every local function."""

    def __init__(self, proto: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the base class's own signature
        # The base class builds bodies and functions through this class, but hands the operators on to bodies only.
        kwargs["new_ops"] = [GRU, *(op for op in kwargs.get("new_ops") or [] if op is not GRU)]
        super().__init__(proto, *args, **kwargs)

    def run(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the base class's own signature
        """Run, and show the error itself where the base class hides it behind one about types."""
        try:
            return super().run(*args, **kwargs)
        except TypeError as error:
            raise error.__cause__ or error from None
