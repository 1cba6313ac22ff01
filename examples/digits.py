"""What the pipelines share: handwritten digits as sequences of rows, and the way from an export to a checked model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from sklearn.datasets import load_digits

import gru_lower
from gru_lower import interop

if TYPE_CHECKING:
    import onnx

STEPS, INPUTS, HIDDEN, CLASSES, EPOCHS = 8, 8, 32, 10, 60
TEST = 360
"""The last 360 of 1,797 images test what was learned from the others. Models are exported for this batch."""
CLOSE = 1e-4
"""Logits are tens; runtimes differ from each other by some 1e-5 there."""

Array = np.ndarray[Any, np.dtype[Any]]


def data() -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return (x, labels) to train on and to test on: x [N,8,8] in 0..1, labels [N] of int64."""
    digits = load_digits()
    x, labels = (digits.images / 16).astype(np.float32), digits.target.astype(np.int64)
    return (x[:-TEST], labels[:-TEST]), (x[-TEST:], labels[-TEST:])


def outputs(model: onnx.ModelProto, x: Array) -> Array:
    """Run a model of one input and return its first output."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    result: Array = session.run(None, {session.get_inputs()[0].name: x})[0]
    return result


def accuracy(logits: Array, labels: Array) -> float:
    """Return the share of right answers."""
    return float((logits.argmax(-1) == labels).mean())


def finish(name: str, exported: Any, x: Array, wanted: Array, labels: Array) -> None:  # noqa: ANN401 - also an ONNXProgram
    """Fuse what an exporter took apart, lower it for any runtime, verify, and hold it to the framework's own outputs.

    Args:
        name: What to call the pipeline.
        exported: A ModelProto, a path, or a torch ONNXProgram.
        x: The test inputs, [360,8,8].
        wanted: The framework's own logits for them, [360,10].
        labels: The right answers, [360].

    """
    fused = gru_lower.fuse(exported)
    given = interop.read(exported).model.proto
    batch = (
        {} if _input(given).type.tensor_type.shape.dim[0].HasField("dim_value") else {f"{_input(given).name}:0": TEST}
    )
    lowered = gru_lower.lower(fused.model, target="portable", opset=17, fix_dims=batch)
    proto = interop.read(lowered.model).model.proto
    verdict = gru_lower.verify(exported, proto, atol=CLOSE, inputs=[{_input(proto).name: x}])
    logits = outputs(proto, x)
    before, after = accuracy(wanted, labels), accuracy(logits, labels)
    error = float(np.abs(logits - wanted).max())
    left = lowered.report.op_counts["after"]
    print(f"{name}: {verdict.status}, {error:.1e} from the framework at most, accuracy {before:.2%} and {after:.2%}")
    assert verdict.status == "equivalent", verdict
    assert error < CLOSE
    assert before == after > 0.8
    assert not {"GRU", "Loop", "Scan"} & left.keys(), left


def _input(model: onnx.ModelProto) -> onnx.ValueInfoProto:
    constants = {tensor.name for tensor in model.graph.initializer}
    return next(value for value in model.graph.input if value.name not in constants)
