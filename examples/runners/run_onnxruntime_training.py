"""Train in onnxruntime-training 1.19: run a model forwards, build its gradients, and hold these to differences.

What is handed out is what the model computes. It is rejected where no gradient can be built, and where the gradients
of its weights and inputs are not those that small changes of them show: a loss, the sum of the squares of its outputs,
is differentiated along random directions.
"""

from __future__ import annotations

import copy
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.training.onnxblock._training_graph_utils import build_gradient_graph  # what its blocks call

from runner import Arrays, main, names

LOSS = "squared_outputs"
STEP, OFF = 1e-3, 0.05
DIRECTIONS = 3
ROUNDING = 1e-6
"""How far weights are moved, how far off a derivative may be of what is seen, at least of 1, along how many directions,
and how far a loss is off by rounding, of itself."""


def run(model: str, feeds: Arrays) -> Arrays:
    """Compute the outputs and the gradients."""
    loaded = onnx.load(model)
    _, outputs = names(model)
    found = dict(zip(outputs, _session(loaded).run(outputs, feeds), strict=True))
    with_loss = _with_loss(loaded)
    weights = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in with_loss.graph.initializer
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1
    }
    values = weights | {name: array for name, array in feeds.items() if array.dtype == np.float32}
    if not values:
        raise RuntimeError("it has no float32 weights to train")
    training, forward = build_gradient_graph(copy.deepcopy(with_loss), set(values), set(), [LOSS])
    if not all(np.isfinite(array).all() for array in values.values()):
        return found  # what is not a number has no slope
    whole = [name for name in feeds if name not in values]
    given = values | {name: feeds[name] for name in whole}
    backwards = _session(training)
    graded = [value.name.removesuffix("_grad") for value in backwards.get_outputs()[1:]]
    gradients = dict(zip(graded, backwards.run(None, _taken(backwards, given))[1:], strict=True))
    _hold(gradients, values, given, _session(forward))
    return found


def _hold(gradients: Arrays, values: Arrays, given: Arrays, forward: onnxruntime.InferenceSession) -> None:
    """Compare gradients with what small changes of their values make of the loss, either way: there may be a kink."""
    rng = np.random.default_rng(0)

    def loss(moved: Arrays) -> float:
        return float(forward.run([LOSS], _taken(forward, given | moved))[0])

    here = loss({})
    noise = ROUNDING * abs(here) / STEP
    for name, gradient in gradients.items():
        for _ in range(DIRECTIONS):
            direction = rng.choice([-1.0, 1.0], size=values[name].shape).astype(np.float32)
            slopes = [(loss({name: values[name] + step * direction}) - here) / step for step in (STEP, -STEP)]
            said = float((gradient * direction).sum())
            off = max(min(slopes) - said, said - max(slopes))
            if not off <= OFF * max(1.0, *map(abs, slopes)) + noise:
                raise RuntimeError(f"the gradient of {name} is off by {off:.2g}")


def _with_loss(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with the sum of its outputs' squares as its only output."""
    made = copy.deepcopy(model)
    floats = [value.name for value in made.graph.output if value.type.tensor_type.elem_type == TensorProto.FLOAT]
    if len(floats) < len(made.graph.output):
        raise RuntimeError("it trains float32 alone")
    nodes, total = made.graph.node, ""
    for place, name in enumerate(floats, 1):
        nodes.append(helper.make_node("Mul", [name, name], [f"{name}_squared"]))
        nodes.append(helper.make_node("ReduceSum", [f"{name}_squared"], [f"{name}_sum"], keepdims=0))
        so_far = LOSS if place == len(floats) else f"{name}_so_far"  # Sum has no gradient there
        added = [total, f"{name}_sum"] if total else [f"{name}_sum"]
        nodes.append(helper.make_node("Add" if total else "Identity", added, [so_far]))
        total = so_far
    del made.graph.output[:]
    made.graph.output.append(helper.make_tensor_value_info(LOSS, TensorProto.FLOAT, []))
    return made


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])


def _taken(session: onnxruntime.InferenceSession, given: Arrays) -> Arrays:
    """Return what a session takes: the derivative of the loss by itself is 1."""
    one = {f"{LOSS}_grad": np.array(1, np.float32)}
    return {each.name: (given | one)[each.name] for each in session.get_inputs()}


if __name__ == "__main__":
    sys.exit(main(run))
