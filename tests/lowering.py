"""What the tests of lowering share: lower a case, run what came of it, and hold the numbers to the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, numpy_helper

from gru_lower.graph.model import Model
from gru_lower.graph.model_tensors import tensors
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.passes import pipeline
from strategies import BFLOAT16, BOUNDED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.passes.base import PassResult
    from strategies import GruCase

Array = np.ndarray[Any, Any]
FORMS = ("auto", "scan", "loop", "unroll", "step")
TOLERANCE = {np.dtype(np.float32): 2e-5, np.dtype(np.float64): 1e-9, np.dtype(np.float16): 2e-2, BFLOAT16: 5e-2}


def lower(model: onnx.ModelProto, passes: str) -> tuple[onnx.ModelProto, PassResult]:
    """Run passes over a copy of a model."""
    held = Model(onnx.ModelProto.FromString(model.SerializeToString()))
    result = pipeline.run(pipeline.parse(passes), held)
    return held.proto, result


def run(model: onnx.ModelProto, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Run a model in onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    outputs = session.run(None, dict(feeds))
    return dict(zip((value.name for value in session.get_outputs()), outputs, strict=True))


def op_types(model: onnx.ModelProto) -> set[str]:
    """Return the operators that stand anywhere in a model."""
    return {node.op_type for scope in walk(model) for node in scope.nodes}


def holds_gru(model: onnx.ModelProto) -> bool:
    """Whether a GRU node is left anywhere."""
    return any(is_onnx(node, "GRU") for scope in walk(model) for node in scope.nodes)


def float32_twin(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a bfloat16 model with float32 in every place of bfloat16, since onnxruntime has no kernels for that."""
    twin = onnx.ModelProto()
    twin.CopyFrom(model)
    for tensor in tensors(twin):
        if tensor.data_type == TensorProto.BFLOAT16:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    for scope in walk(twin):
        for node in scope.nodes:
            for attribute in node.attribute:
                if node.op_type == "Cast" and attribute.i == TensorProto.BFLOAT16:
                    attribute.i = TensorProto.FLOAT
        graph = scope.proto
        if isinstance(graph, onnx.GraphProto):
            for value in (*graph.input, *graph.output, *graph.value_info):
                if value.type.tensor_type.elem_type == TensorProto.BFLOAT16:
                    value.type.tensor_type.elem_type = TensorProto.FLOAT
    return twin


def hold(case: GruCase, lowered: onnx.ModelProto, zero_length_state: Literal["zero", "initial"] = "zero") -> None:
    """Check a lowered model and hold what it computes to the float64 reference.

    Bounded activations keep errors small. With others values grow and errors with them: a result is held to the
    tolerance times the largest value, or to twice what onnxruntime's own GRU is off by, if that is more; where that
    cannot run, to ten times the tolerance.
    """
    onnx.checker.check_model(lowered, full_check=True)
    expected = case.expected(zero_length_state=zero_length_state)
    feeds = case.feeds()
    runnable = lowered
    if case.dtype == BFLOAT16:
        runnable = float32_twin(lowered)
        feeds = {k: v.astype(np.float32) if v.dtype == BFLOAT16 else v for k, v in feeds.items()}
    actual = run(runnable, feeds)
    assert actual.keys() == expected.keys()
    native = run(case.model(), feeds) if case.runs_in_onnxruntime and not bounded(case) else None
    for name, value in actual.items():
        if runnable is lowered:
            assert value.dtype == case.dtype
        assert value.shape == expected[name].shape
        if not value.size:
            continue
        error = np.abs(value.astype(np.float64) - expected[name]).max()
        scale = 1.0 if bounded(case) else max(1.0, float(np.abs(expected[name]).max())) * (10 if native is None else 1)
        allowed = TOLERANCE[case.dtype] * scale
        if native is not None and zero_length_state == "zero":
            allowed = max(allowed, 2 * np.abs(native[name].astype(np.float64) - expected[name]).max())
        assert error <= allowed, f"{name}: off by {error:.3g}, {allowed:.3g} allowed"


def bounded(case: GruCase) -> bool:
    """Whether every activation of the case is bounded."""
    names = case.attributes.get("activations", ())
    return {name.lower() for name in names} <= {name.lower() for name in BOUNDED}
