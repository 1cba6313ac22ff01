"""Layers from each installed framework to each: ``nox -s "frameworks(name='pairs')"``."""

from __future__ import annotations

import importlib.util
import itertools
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from framework_cells import drawn, keras_shapes, mlx_shapes, torch_shapes
from gru_lower.frameworks import keras, mlx, pytorch, tensorflow
from lowering import run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

pytestmark = pytest.mark.frameworks
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
MODULES: dict[str, ModuleType] = {"torch": pytorch, "keras": keras, "tensorflow": tensorflow, "mlx": mlx}
INSTALLED = {name: module for name, module in MODULES.items() if importlib.util.find_spec(name)}
SIZES = ((1, 1), (3, 4), (8, 5))
Array = np.ndarray[Any, np.dtype[Any]]


def weights_of(name: str, I: int, H: int, *, bias: bool) -> dict[str, Array]:
    """Return weights at random, of which every framework holds all: MLX has one bias for the gates r and z."""
    shapes = {"torch": torch_shapes(I, H, bias=bias), "mlx": mlx_shapes(I, H, bias=bias)}
    w = drawn(np.random.default_rng(I * H), shapes.get(name, keras_shapes(I, H, bias=bias)))
    if name == "torch" and bias:
        w["bias_hh_l0"][: 2 * H] = 0
    if name in ("keras", "tensorflow") and bias:
        w["bias"][1, : 2 * H] = 0
    return w


def made(module: Any, weights: Mapping[str, Array]) -> Any:
    """Return a layer of a framework with these weights."""
    more = {"config": {"return_sequences": True}} if module in (keras, tensorflow) else {}
    return module.from_onnx(module.to_onnx(weights, **more))


def called(name: str, layer: Any, x: Array) -> Array:
    """Return what a layer makes of x [B,T,I], from a state of zeros: [B,T,H]."""
    if name == "torch":
        import torch

        with torch.no_grad():
            major = x if layer.batch_first else x.swapaxes(0, 1)
            y: Array = layer(torch.from_numpy(np.ascontiguousarray(major)))[0].numpy()
            return y if layer.batch_first else y.swapaxes(0, 1)
    if name == "mlx":
        import mlx.core as mx

        return np.array(layer(mx.array(x), mx.zeros((len(x), layer.hidden_size))))
    results = layer(x)
    return np.asarray(results[0] if layer.return_state else results)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("I", "H"), SIZES)
@pytest.mark.parametrize(("one", "other"), list(itertools.product(INSTALLED, repeat=2)))
def test_a_layer_goes_to_another_framework_and_comes_back(one: str, other: str, I: int, H: int, *, bias: bool) -> None:
    there, back = INSTALLED[other], INSTALLED[one]
    w = weights_of(one, I, H, bias=bias)
    layer = made(back, w)
    exact = {} if one != "mlx" else {"omits_bhn": False}  # the layers below are called with a state
    model = back.to_onnx(layer, **exact)
    guest = there.from_onnx(model)
    again = back.from_onnx(there.to_onnx(guest, **({} if other != "mlx" else {"omits_bhn": False})))
    found = back.to_weights(back.to_onnx(again, **exact))
    assert {name: a.tobytes() for name, a in found.items()} == {name: a.tobytes() for name, a in w.items()}

    x = np.random.default_rng(0).normal(size=(2, 6, I)).astype("float32")
    wanted = called(one, layer, x)
    np.testing.assert_allclose(called(other, guest, x), wanted, rtol=0, atol=1e-6)
    np.testing.assert_allclose(called(one, again, x), wanted, rtol=0, atol=0)
    fed = x.swapaxes(0, 1) if one == "torch" and not layer.batch_first else x
    y = run(model, {"X": np.ascontiguousarray(fed)})["Y"]
    np.testing.assert_allclose(y if fed is x else y.swapaxes(0, 1), wanted, rtol=0, atol=1e-6)
