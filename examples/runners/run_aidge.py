"""Load a model by aidge_onnx and run it in aidge's CPU backend, in float32."""

from __future__ import annotations

import sys

import aidge_backend_cpu  # noqa: F401 - it is there once it is imported
import aidge_core
import aidge_onnx
import numpy as np
import onnx

from runner import Arrays, main, names

aidge_core.Log.set_console_level(aidge_core.Level.Fatal)


def run(model: str, feeds: Arrays) -> Arrays:
    """Import the model, refuse what aidge makes placeholders of, and run the rest in the order of its schedule."""
    inputs, outputs = names(model)
    read = {name for node in onnx.load(model).graph.node for name in node.input}
    given = [name for name in inputs if name in read or name in outputs]
    graph = aidge_onnx.load_onnx(model)
    nodes = graph.get_nodes()
    lacking = {node.type() for node in nodes if isinstance(node.get_operator(), aidge_core.GenericOperatorOp)}
    if lacking:
        raise RuntimeError(f"aidge does not take {', '.join(sorted(lacking))} as it stands in the model")
    arrays = [np.ascontiguousarray(feeds[name]) for name in given]
    graph.compile("cpu", aidge_core.dtype.float32, dims=[list(array.shape) for array in arrays])
    aidge_core.SequentialScheduler(graph).forward(data=[aidge_core.Tensor(array) for array in arrays])
    found = [np.array(node.get_operator().get_output(index)) for node, index in graph.get_ordered_outputs()]
    return dict(zip(outputs, found, strict=False))  # the first are the model's


if __name__ == "__main__":
    sys.exit(main(run))
