"""What the pipelines share: handwritten digits as sequences of rows, and the way from an export to a checked model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from sklearn.datasets import load_digits

import gru_lower
from gru_lower import interop

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx

STEPS, INPUTS, HIDDEN, CLASSES = 8, 8, 64, 10
EPOCHS, BATCH, RATE = 20, 64, 0.01
"""How to train, by Adam: about 92 % of the test images are then read right."""
TEST = 360
"""The last 360 of 1,797 images test what was learned from the others; the final model has this batch size."""
CLOSE = 1e-4
"""Logits are tens; in float32, runtimes are some 1e-5 apart there."""
CELL = {"Loop", "Scan", "Sigmoid", "Tanh"}
"""What a GRU that was taken apart is made of, among others."""

Array = np.ndarray[Any, np.dtype[Any]]


def data() -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return (x, labels) to train on and to test on: x [N,8,8] in 0..1, labels [N] of int64."""
    digits = load_digits()
    x, labels = (digits.images / 16).astype(np.float32), digits.target.astype(np.int64)
    return (x[:-TEST], labels[:-TEST]), (x[-TEST:], labels[-TEST:])


def batches() -> Iterator[tuple[Array, Array]]:
    """Yield all there is to train on, as x [64,8,8] and labels [64]: each epoch in another order."""
    (x, labels), _ = data()
    rng = np.random.default_rng(0)
    for _ in range(EPOCHS):
        order = rng.permutation(len(x))
        for start in range(0, len(x) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            yield x[chosen], labels[chosen]


def finish(
    name: str,
    exported: Any,  # noqa: ANN401 - whatever holds a model
    x: Array,
    wanted: Array,
    labels: Array,
    *,
    first_step: bool = False,
) -> onnx.ModelProto:
    """Fuse what an exporter took apart, lower it for any runtime, verify, and hold it to the framework's own outputs.

    Args:
        name: What to call the pipeline.
        exported: A network with one GRU: a ModelProto, a path, or a torch ONNXProgram.
        x: The test inputs, [360,8,8].
        wanted: The framework's own logits for them, [360,10].
        labels: The right answers, [360].
        first_step: Whether the network's first step is not the GRU's, and stands by itself.

    Returns:
        The final model.

    """
    fused = gru_lower.fuse(exported)
    model = interop.read(fused.model).model.proto  # as itself comes back what goes in: an ONNXProgram as one
    image, logits = model.graph.input[0].name, model.graph.output[0].name
    lowered = gru_lower.lower(model, target="portable", opset=17, fix_dims={f"{image}:0": TEST})
    verdict = gru_lower.verify(exported, lowered.model, atol=CLOSE, inputs=[{image: x}], expected=[{logits: labels}])

    final: onnx.ModelProto = lowered.model
    session = onnxruntime.InferenceSession(final.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run([logits], {image: x})
    error = float(np.abs(found - wanted).max())
    before, after = (float((scores.argmax(-1) == labels).mean()) for scores in (wanted, found))
    counts, left = fused.report.op_counts, lowered.report.op_counts["after"]

    print(name)
    print(f"  exported  opset {_opset(model)}: {_said(counts['before'])}")
    print(f"  fused     {_said(counts['after'])}")
    size = f"{sum(left.values())} nodes, {len(left)} operators"
    print(f"  lowered   opset {_opset(final)}, IR version {final.ir_version}: {size}")
    print(f"  verified  {verdict.status}; {error:.1e} from the framework's outputs at most")
    print(f"  accuracy  {before:.2%} in the framework, {after:.2%} of the final model")
    assert counts["after"]["GRU"] == 1
    assert first_step or not CELL & counts["after"].keys()
    assert not {"GRU", "Loop", "Scan"} & left.keys()
    assert verdict.status == "equivalent", verdict
    assert error < CLOSE
    assert before == after == verdict.accuracy[0].after > 0.85
    return final


def _opset(model: onnx.ModelProto) -> int:
    version: int = next(entry.version for entry in model.opset_import if not entry.domain)
    return version


def _said(counts: dict[str, int]) -> str:
    """Say what there is of a GRU, and how much of anything else."""
    parts = [f"{count} {name}" for name, count in sorted(counts.items()) if name in {"GRU", *CELL}]
    return f"{', '.join(parts)} among {sum(counts.values())} nodes"
