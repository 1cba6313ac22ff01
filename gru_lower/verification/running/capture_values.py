"""Run a model and return values of its main graph, whether they are outputs or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.worker.client import Worker
    from gru_lower.verification.worker.runtimes import Runtime


def capture_values(
    model: onnx.ModelProto,
    value_names: Sequence[str],
    feeds: Feeds,
    worker: Worker,
    base_dir: Path | None = None,
    runtime: Runtime = "onnxruntime",
) -> Feeds:
    """Run a model and return values of its main graph, inputs and initializers included.

    Args:
        model: The whole model; it is not changed.
        value_names: Which values.
        feeds: The model's inputs.
        worker: Where to run.
        base_dir: The folder of its external data.
        runtime: What runs it.

    Raises:
        RunFailure: The model does not run.

    """
    outputs = {output.name for output in model.graph.output}
    probed = onnx.ModelProto()
    probed.CopyFrom(model)
    # onnxruntime infers the type of an output that declares none.
    probed.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in dict.fromkeys(value_names) if name not in outputs
    )
    handle = worker.load(probed, base_dir, runtime)
    try:
        return worker.run(handle, feeds, list(dict.fromkeys(value_names)))
    finally:
        worker.unload(handle)
