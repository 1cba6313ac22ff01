"""The traps of docs/one-gru.md, each held to the framework it is about: ``nox -s frameworks``, one framework a session.

What needs onnxruntime alone is held by default.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.diagnostic_codes import CODES
from gru_lower.frameworks import mlx as of_mlx
from gru_lower.frameworks import pytorch

if TYPE_CHECKING:
    from collections.abc import Callable

    import onnx

PAGE = Path(__file__).resolve().parents[1] / "docs" / "one-gru.md"
T, B, I, H = 5, 2, 3, 4
RNG = np.random.default_rng(0)
X, H0 = RNG.normal(size=(T, B, I)).astype(np.float32), RNG.normal(size=(B, H)).astype(np.float32)
W, R = (RNG.normal(size=(3 * H, n)).astype(np.float32) for n in (I, H))
WB, RB = (RNG.normal(size=3 * H).astype(np.float32) for _ in range(2))
Array = np.ndarray[Any, np.dtype[Any]]


def needs(package: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Leave a test to the session that installs a package."""
    absent = importlib.util.find_spec(package) is None

    def mark(test: Callable[[], None]) -> Callable[[], None]:
        return pytest.mark.frameworks(pytest.mark.skipif(absent, reason=f"{package} is not installed")(test))

    return mark


def rows() -> list[list[str]]:
    """Return the cells of the table of traps."""
    table = PAGE.read_text(encoding="utf-8").partition("## Traps")[2]
    return [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| ")][1:]


def model_of(
    lengths: Array | None = None, weights: tuple[Array, ...] = (W, R, WB, RB), **attributes: Any
) -> onnx.ModelProto:
    D = 2 if attributes.get("direction") == "bidirectional" else 1
    w, r, wb, rb = weights
    constants = {"W": np.stack([w] * D), "R": np.stack([r] * D), "B": np.stack([np.concatenate([wb, rb])] * D)}
    inputs = [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, None, I])]
    if lengths is not None:
        kind = helper.np_dtype_to_tensor_dtype(lengths.dtype)
        inputs.append(helper.make_tensor_value_info("lengths", kind, [None]))
    node = helper.make_node(
        "GRU", ["X", "W", "R", "B", "" if lengths is None else "lengths"], ["Y", "Y_h"], hidden_size=H, **attributes
    )
    graph = helper.make_graph(
        [node],
        "traps",
        inputs,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("Y", "Y_h")],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def operator(x: Array = X, lengths: Array | None = None, **how: Any) -> tuple[Array, Array]:
    """Run the operator; return Y and Y_h."""
    session = onnxruntime.InferenceSession(model_of(lengths, **how).SerializeToString())
    Y, Y_h = session.run(None, {"X": x} | ({} if lengths is None else {"lengths": lengths}))
    return Y, Y_h


def torch_layer(**how: Any) -> Any:
    import torch

    layer = torch.nn.GRU(I, H, **how)
    order = np.concatenate([np.arange(H, 2 * H), np.arange(H), np.arange(2 * H, 3 * H)])
    given = {"weight_ih": W, "weight_hh": R, "bias_ih": WB, "bias_hh": RB}
    state = {name: torch.from_numpy(given[re.sub(r"_l0(_reverse)?$", "", name)][order]) for name in layer.state_dict()}
    layer.load_state_dict(state)
    return layer


def keras_layer(module: Any, bias: Array | None = None, **how: Any) -> Any:
    layer = module.layers.GRU(H, return_sequences=True, **how)
    layer.build((B, T, I))
    layer.set_weights([W.T, R.T, np.stack([WB, RB]) if bias is None else bias])
    return layer


def mlx_layer() -> Any:
    import mlx.core as mx
    import mlx.nn

    layer = mlx.nn.GRU(I, H)
    order = np.concatenate([np.arange(H, 2 * H), np.arange(H), np.arange(2 * H, 3 * H)])
    added = WB + np.concatenate([RB[: 2 * H], np.zeros(H, np.float32)])
    layer.Wx, layer.Wh, layer.b = (mx.array(each[order]) for each in (W, R, added))
    layer.bhn = mx.array(RB[2 * H :])
    return layer


def batch_major(array: Array) -> Array:
    return np.ascontiguousarray(array.swapaxes(0, 1))


def same(one: Any, other: Any) -> bool:
    return np.allclose(np.asarray(one), np.asarray(other), atol=1e-5)


def test_every_trap_has_a_test() -> None:
    names = [re.sub(r"\W+", "_", cells[0].strip().lower()) for cells in rows()]
    for name in names:
        assert any(each.startswith(f"test_{name}") for each in globals()), f"docs/one-gru.md: nothing tests {name}"


def test_codes_of_traps_are_registered() -> None:
    assert set(re.findall(r"GL\d{3}", PAGE.read_text(encoding="utf-8"))) <= CODES.keys()


@needs("torch")
def test_gates_in_another_order_of_torch() -> None:
    import torch

    layer, Y = torch_layer(), operator(linear_before_reset=1)[0][:, 0]
    assert same(layer(torch.from_numpy(X))[0].detach(), Y)
    layer.load_state_dict(dict(zip(layer.state_dict(), map(torch.from_numpy, (W, R, WB, RB)), strict=True)))
    assert not same(layer(torch.from_numpy(X))[0].detach(), Y)


@needs("torch")
def test_linear_before_reset_left_out_of_torch() -> None:
    import torch

    assert not same(torch_layer()(torch.from_numpy(X))[0].detach(), operator()[0][:, 0])


def test_linear_before_reset_left_out() -> None:
    assert not same(operator()[0], operator(linear_before_reset=1)[0])


@needs("tf_keras")
def test_reset_after_in_old_code() -> None:
    import tensorflow as tf
    import tf_keras
    from tf_keras.api._v1.keras import layers as of_version_1

    assert tf_keras.layers.GRU(H).reset_after
    assert tf.compat.v1.keras.layers.GRU(H).reset_after
    old = of_version_1.GRU(H)
    assert not old.reset_after
    old.build((B, T, I))
    assert [tuple(each.shape) for each in old.weights] == [(I, 3 * H), (H, 3 * H), (3 * H,)]


@needs("torch")
def test_batch_first_forgotten() -> None:
    import torch

    x = torch.from_numpy(batch_major(X))
    right = torch_layer(batch_first=True)(x)[0]
    wrong = torch_layer()(x)[0]
    assert right.shape == wrong.shape
    assert not same(right.detach(), wrong.detach())


@needs("torch")
def test_batch_first_and_the_state() -> None:
    import torch

    layer, x = torch_layer(batch_first=True), torch.from_numpy(batch_major(X))
    assert layer(x, torch.from_numpy(H0[None]))[1].shape == (1, B, H)
    with pytest.raises(RuntimeError, match="hidden size"):
        layer(x, torch.from_numpy(H0[:, None]))


@needs("torch")
def test_layers_and_directions_in_h_0() -> None:
    import torch

    layer = torch.nn.GRU(I, H, num_layers=2, bidirectional=True)
    h_0 = torch.randn(4, B, H)
    output, _ = layer(torch.from_numpy(X), h_0)
    session = onnxruntime.InferenceSession(pytorch.to_onnx(layer, initial_state=True).SerializeToString())
    feeds = {session.get_inputs()[0].name: X, session.get_inputs()[1].name: h_0.numpy()}
    assert same(session.run(None, feeds)[0], output.detach())
    halves = [torch.nn.GRU(I if k == 0 else 2 * H, H, bidirectional=True) for k in range(2)]
    for k, half in enumerate(halves):
        half.load_state_dict({name: layer.state_dict()[name.replace("_l0", f"_l{k}")] for name in half.state_dict()})
    lower, _ = halves[0](torch.from_numpy(X), h_0[:2])
    assert same(halves[1](lower, h_0[2:])[0].detach(), output.detach())


def test_layout_1() -> None:
    with pytest.raises(Exception, match=r"[Ll]ayout"):
        onnxruntime.InferenceSession(model_of(layout=1).SerializeToString())


@needs("torch")
def test_the_axis_of_directions() -> None:
    import torch

    Y = operator(linear_before_reset=1, direction="bidirectional")[0]
    output = torch_layer(bidirectional=True)(torch.from_numpy(X))[0].detach()
    assert same(Y.swapaxes(1, 2).reshape(T, B, 2 * H), output)
    assert not same(Y.reshape(T, B, 2 * H), output)


def test_one_bias_for_two() -> None:
    def added(first: int, last: int) -> tuple[Array, ...]:
        moved = np.zeros_like(RB)
        moved[first:last] = RB[first:last]
        return W, R, WB + moved, RB - moved

    Y = operator(linear_before_reset=1)[0]
    assert same(operator(linear_before_reset=1, weights=added(0, 2 * H))[0], Y)
    assert not same(operator(linear_before_reset=1, weights=added(0, 3 * H))[0], Y)


@needs("keras")
def test_go_backwards() -> None:
    import keras

    Y = batch_major(operator(linear_before_reset=1, direction="reverse")[0][:, 0])
    sequence = np.asarray(keras_layer(keras, go_backwards=True)(batch_major(X)))
    assert same(sequence[:, ::-1], Y)
    assert not same(sequence, Y)


@needs("torch")
def test_direction_reverse() -> None:
    import torch

    Y = operator(linear_before_reset=1, direction="reverse")[0][:, 0]
    turned = torch_layer()(torch.from_numpy(X[::-1].copy()))[0].detach().numpy()
    assert same(turned[::-1], Y)
    assert same(torch_layer(bidirectional=True)(torch.from_numpy(X))[0].detach()[:, :, H:], Y)


@needs("torch")
def test_padding_without_lengths() -> None:
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    layer, lengths = torch_layer(bidirectional=True), torch.tensor([T, T - 2])
    padded = layer(torch.from_numpy(X))[0].detach()
    packed = pad_packed_sequence(layer(pack_padded_sequence(torch.from_numpy(X), lengths))[0])[0].detach()
    assert same(padded[: T - 2, 1, :H], packed[: T - 2, 1, :H])
    assert not same(padded[0, 1, H:], packed[0, 1, H:])
    Y = operator(lengths=lengths.numpy().astype(np.int32), linear_before_reset=1, direction="bidirectional")[0]
    assert same(Y.swapaxes(1, 2).reshape(T, B, 2 * H), packed)


@needs("keras")
def test_a_mask_is_no_length() -> None:
    import keras

    mask = np.arange(T)[None] < np.array([[T], [T - 2]])
    sequence = np.asarray(keras_layer(keras)(batch_major(X), mask=mask))
    Y = batch_major(operator(lengths=np.array([T, T - 2], np.int32), linear_before_reset=1)[0][:, 0])
    assert same(sequence[1, : T - 2], Y[1, : T - 2])
    assert same(sequence[1, T - 2 :], sequence[1, [T - 3] * 2])
    assert not Y[1, T - 2 :].any()


@needs("keras")
def test_hard_sigmoid() -> None:
    import keras

    assert np.isclose(float(np.asarray(keras.activations.hard_sigmoid(np.float32(1)))), 1 / 6 + 0.5)


@needs("tf_keras")
def test_hard_sigmoid_of_keras_2() -> None:
    import tensorflow as tf
    import tf_keras

    assert np.isclose(float(tf_keras.activations.hard_sigmoid(tf.constant(1.0))), 0.2 + 0.5)


def test_hard_sigmoid_of_the_operator() -> None:
    written = operator(activations=["HardSigmoid", "Tanh"], activation_alpha=[0.2], activation_beta=[0.5])
    assert same(operator(activations=["HardSigmoid", "Tanh"])[0], written[0])


@needs("keras")
def test_leaky_relu() -> None:
    import keras

    assert np.isclose(float(np.asarray(keras.activations.leaky_relu(np.float32(-1)))), -0.2)


def test_leaky_relu_of_the_operator() -> None:
    written = operator(activations=["Sigmoid", "LeakyRelu"], activation_alpha=[0.01])
    assert same(operator(activations=["Sigmoid", "LeakyRelu"])[0], written[0])


@needs("mlx")
def test_the_first_step_of_mlx() -> None:
    import mlx.core as mx

    layer, x = mlx_layer(), mx.array(batch_major(X))
    Y = batch_major(operator(linear_before_reset=1)[0][:, 0])
    assert same(layer(x, mx.zeros((B, H))), Y)
    version = tuple(map(int, importlib.metadata.version("mlx").split(".")[:3]))
    assert same(layer(x), Y) == (version > (0, 31, 1))
    session = onnxruntime.InferenceSession(of_mlx.to_onnx(layer).SerializeToString())
    assert same(session.run(None, {session.get_inputs()[0].name: batch_major(X)})[0], layer(x))


@needs("mlx")
def test_no_state_comes_back() -> None:
    import mlx.core as mx

    sequence = mlx_layer()(mx.array(batch_major(X)), mx.array(H0))
    assert isinstance(sequence, mx.array)
    assert sequence.shape == (B, T, H)


def test_lengths_of_the_wrong_type() -> None:
    with pytest.raises(Exception, match=r"tensor\(int64\).* of input parameter \(lengths\)"):
        onnxruntime.InferenceSession(model_of(np.array([T, T], np.int64)).SerializeToString())
    assert "GL109" in {each.code for each in gru_lower.check(model_of(np.array([T, T], np.int64))).diagnostics}


@needs("keras")
def test_time_major() -> None:
    import keras

    with pytest.raises(ValueError, match="time_major"):
        keras.layers.GRU(H, time_major=True)


def test_stateful(shared: Path) -> None:
    found = gru_lower.check(shared / "exports" / "keras_tf__gru_stateful" / "model.onnx")
    assert "GL713" in {each.code for each in found.diagnostics}
