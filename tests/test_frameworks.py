"""Weights of each framework, without it: what the model computes is what the layer's own equations give."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gru_lower
from framework_cells import (
    Array,
    Arrays,
    drawn,
    keras_shapes,
    keras_step,
    mlx_shapes,
    mlx_step,
    torch_shapes,
    torch_step,
)
from gru_lower.errors import GruLowerError
from gru_lower.frameworks import keras, mlx, pytorch, tensorflow
from gru_lower.frameworks.descriptions.all_frameworks import FRAMEWORKS
from gru_lower.frameworks.descriptions.pytorch import TORCH
from gru_lower.frameworks.onnx_models.read_grus import read
from gru_lower.frameworks.write_docs_page import OUTPUTS, SIGNATURE, page
from lowering import run
from zoo import gru_model, weights

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
MODULES: dict[str, Any] = {"torch": pytorch, "keras": keras, "tensorflow": tensorflow, "mlx": mlx}
CLOSE = 2e-6
SIZE, TIME = st.integers(1, 9), st.integers(1, 6)
FEW = settings(max_examples=25)


def walked(step: Callable[[Array, Array], Array], x: Array, h: Array, *, reverse: bool = False) -> tuple[Array, Array]:
    """Walk over x [T,B,I]; return the sequence in the order of time, and the last state."""
    states = []
    for xt in x[::-1] if reverse else x:
        h = step(xt, h)
        states.append(h)
    return np.stack(states[::-1] if reverse else states), h


def same(one: Arrays, other: Arrays) -> bool:
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and one[name].tobytes() == other[name].tobytes() for name in one
    )


@FEW
@given(
    I=SIZE, H=SIZE, T=TIME, layers=st.integers(1, 3), D=st.integers(1, 2), bias=st.booleans(), seed=st.integers(0, 99)
)
def test_torch_weights_compute_what_torch_says(
    *, I: int, H: int, T: int, layers: int, D: int, bias: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    w, B = drawn(rng, torch_shapes(I, H, layers, D, bias=bias)), 2
    x, h0 = rng.normal(size=(T, B, I)).astype("float32"), rng.normal(size=(layers * D, B, H)).astype("float32")
    model = pytorch.to_onnx(w, initial_state=True)
    found = run(model, {"X": x, "initial_h": h0})
    sequence, states = x, []
    for k in range(layers):
        halves = []
        for d, suffix in enumerate(("", "_reverse")[:D]):
            step = lambda xt, h, end=f"_l{k}{suffix}": torch_step(w, end, xt, h)  # noqa: E731
            half, last = walked(step, sequence, h0[k * D + d], reverse=bool(d))
            halves.append(half)
            states.append(last)
        sequence = np.concatenate(halves, -1)
    np.testing.assert_allclose(found["Y"], sequence, atol=CLOSE)
    np.testing.assert_allclose(found["Y_h"], np.stack(states), atol=CLOSE)
    assert same(pytorch.to_weights(model), w)
    config = pytorch.to_config(model)
    assert (config["num_layers"], config["bidirectional"], config["bias"]) == (layers, D == 2, bias)


@FEW
@given(
    sizes=st.tuples(SIZE, SIZE, TIME),
    reset_after=st.booleans(),
    bias=st.booleans(),
    act=st.sampled_from(["tanh", "relu", "linear", "softsign", "leaky_relu"]),
    ract=st.sampled_from(["sigmoid", "hard_sigmoid"]),
    backwards=st.booleans(),
    sequences=st.booleans(),
)
def test_keras_weights_compute_what_keras_says(
    *, sizes: tuple[int, int, int], reset_after: bool, bias: bool, act: str, ract: str, backwards: bool, sequences: bool
) -> None:
    (I, H, T), rng, B = sizes, np.random.default_rng(sum(sizes)), 3
    w = drawn(rng, keras_shapes(I, H, bias=bias, reset_after=reset_after))
    x, h0 = rng.normal(size=(B, T, I)).astype("float32"), rng.normal(size=(B, H)).astype("float32")
    config = {
        "activation": act,
        "recurrent_activation": ract,
        "reset_after": reset_after,
        "go_backwards": backwards,
        "return_sequences": sequences,
    }
    for module in (keras, tensorflow):
        model = module.to_onnx(w, config={**config, "return_state": True}, initial_state=True)
        found = run(model, {"X": x, "initial_h": h0})
        step = lambda xt, h: keras_step(w, xt, h, act, ract, reset_after=reset_after)  # noqa: E731
        y, last = walked(step, x.swapaxes(0, 1), h0, reverse=backwards)
        wanted = (y[::-1] if backwards else y).swapaxes(0, 1) if sequences else last  # in the order of the walk
        np.testing.assert_allclose(found["Y"], wanted, atol=CLOSE)
        np.testing.assert_allclose(found["Y_h"], last, atol=CLOSE)
        assert same(module.to_weights(model), w)
        assert config.items() <= module.to_config(model).items()


@FEW
@given(I=SIZE, H=SIZE, T=TIME, bias=st.booleans(), start=st.booleans(), static=st.booleans())
def test_mlx_weights_compute_what_mlx_says(*, I: int, H: int, T: int, bias: bool, start: bool, static: bool) -> None:
    rng, B = np.random.default_rng(I + H), 2
    w = drawn(rng, mlx_shapes(I, H, bias=bias))
    x, h0 = rng.normal(size=(B, T, I)).astype("float32"), rng.normal(size=(B, H)).astype("float32")
    model = mlx.to_onnx(w, initial_state=start, omits_bhn=True, seq_length=T if static else None)
    found = run(model, {"X": x} | ({"initial_h": h0} if start else {}))
    h, states = h0 if start else None, []
    for t in range(T):
        h = mlx_step(w, x[:, t], h)
        states.append(h)
    np.testing.assert_allclose(found["Y"], np.stack(states, 1), atol=CLOSE)
    if any(node.op_type == "GRU" for node in model.graph.node):
        assert same(mlx.to_weights(model), w)


@pytest.mark.parametrize("merge", ["concat", "sum", "mul", "ave", None])
@pytest.mark.parametrize("sequences", [True, False])
def test_a_bidirectional_merges_as_keras_does(*, merge: str | None, sequences: bool) -> None:
    rng, (I, H, T, B) = np.random.default_rng(0), (3, 4, 5, 2)
    halves = [drawn(rng, keras_shapes(I, H)) for _ in range(2)]
    w = {
        f"{side}/{name}": a
        for side, half in zip(("forward", "backward"), halves, strict=True)
        for name, a in half.items()
    }
    config = {"merge_mode": merge, "return_sequences": sequences, "backward_activation": "softsign"}
    model = keras.to_onnx(w, config=config)
    x = rng.normal(size=(B, T, I)).astype("float32")
    found = list(run(model, {"X": x}).values())
    ways = []
    for half, reverse, act in zip(halves, (False, True), ("tanh", "softsign"), strict=True):
        step = lambda xt, h, u=half, a=act: keras_step(u, xt, h, a, "sigmoid", reset_after=True)  # noqa: E731
        y, last = walked(step, x.swapaxes(0, 1), np.zeros((B, H)), reverse=reverse)
        ways.append(y.swapaxes(0, 1) if sequences else last)
    left, right = ways
    merged = {"concat": [np.concatenate(ways, -1)], "sum": [left + right], "mul": [left * right]}
    wanted = ways if merge is None else (merged | {"ave": [(left + right) / 2]})[merge]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=CLOSE)
    assert same(keras.to_weights(model), w)
    assert keras.to_config(model).items() >= config.items()


def test_layers_of_keras_that_go_backwards_are_read_back_as_they_were() -> None:
    rng = np.random.default_rng(1)
    w = {f"{k}/{name}": a for k in range(3) for name, a in drawn(rng, keras_shapes(4, 4)).items()}
    walks = (True, False, True)
    config = {"layers": [{"go_backwards": walk, "return_sequences": True} for walk in walks]}
    model = keras.to_onnx(w, config=config)
    assert same(keras.to_weights(model), w)
    assert [layer["go_backwards"] for layer in keras.to_config(model)["layers"]] == list(walks)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
@pytest.mark.parametrize("framework", MODULES)
def test_weights_of_every_type_return_as_the_same_bits(framework: str, dtype: str) -> None:
    shapes = {"torch": torch_shapes(3, 2), "mlx": mlx_shapes(3, 2)}.get(framework, keras_shapes(3, 2))
    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    w = {name: np.array(array, kind) for name, array in drawn(np.random.default_rng(0), shapes, "float64").items()}
    w = {
        name: np.where(np.arange(array.size).reshape(array.shape) % 5, array, np.array(-0.0, kind))
        for name, array in w.items()
    }
    model = MODULES[framework].to_onnx(w)
    assert same(MODULES[framework].to_weights(model), w)
    assert same(MODULES[framework].to_weights(gru_lower.frameworks.onnx_models.read_grus.read(model).grus[0]), w)


@pytest.mark.parametrize("one", MODULES)
@pytest.mark.parametrize("other", MODULES)
def test_weights_go_from_each_framework_to_each(one: str, other: str) -> None:
    rng = np.random.default_rng(3)
    w = drawn(rng, {"torch": torch_shapes(3, 4), "mlx": mlx_shapes(3, 4)}.get(one, keras_shapes(3, 4)))
    first = MODULES[one].to_onnx(
        w, **({"config": {"return_sequences": True}} if one in ("keras", "tensorflow") else {})
    )
    moved = MODULES[other].to_weights(first)
    second = MODULES[other].to_onnx(moved, config=MODULES[other].to_config(first))
    x = rng.normal(size=(2, 5, 3)).astype("float32")
    results = []
    for name, model in ((one, first), (other, second)):
        major = name == "torch" and not pytorch.to_config(model)["batch_first"]
        y = run(model, {"X": x.swapaxes(0, 1) if major else x})["Y"]
        results.append(y.swapaxes(0, 1) if major else y)
    np.testing.assert_allclose(results[0], results[1], atol=CLOSE)
    if other != "mlx":  # which folds two biases into one
        assert same(MODULES[one].to_weights(second), w)


def test_lengths_end_a_sequence_as_a_right_padded_mask_does() -> None:
    rng, (I, H, T, B) = np.random.default_rng(5), (3, 4, 6, 4)
    w, lens = drawn(rng, keras_shapes(I, H)), np.array([6, 3, 1, 0], np.int32)
    x, h0 = rng.normal(size=(B, T, I)).astype("float32"), rng.normal(size=(B, H)).astype("float32")
    model = keras.to_onnx(w, lengths=True, initial_state=True, config={"return_state": True})
    found = run(model, {"X": x, "initial_h": h0, "sequence_lens": lens})
    for row, length in enumerate(lens):
        h = h0[row]
        for t in range(length):
            h = keras_step(w, x[row, t], h, "tanh", "sigmoid", reset_after=True)
        np.testing.assert_allclose(found["Y_h"][row], h, atol=CLOSE)


AFFINE: dict[str, Any] = {"activations": ["Sigmoid", "Affine"], "activation_alpha": [2.0], "activation_beta": [1.0]}
REFUSALS = {
    "linear_before_reset 0": (dict[str, Any](), "torch mlx"),
    "clip 3": ({"clip": 3.0, "linear_before_reset": 1}, "torch keras tensorflow mlx"),
    "activations Relu": ({"activations": ["Sigmoid", "Relu"], "linear_before_reset": 1}, "torch mlx"),
    "activations HardSigmoid(0.2, 0.5)": (
        {"activations": ["HardSigmoid", "Tanh"], "linear_before_reset": 1},
        "torch keras tensorflow mlx",
    ),
    "activations Affine(2, 1)": (
        {**AFFINE, "linear_before_reset": 1},
        "torch keras tensorflow mlx",
    ),
    "direction reverse": ({"direction": "reverse", "linear_before_reset": 1}, "torch keras tensorflow mlx"),
    "direction bidirectional": ({"direction": "bidirectional", "linear_before_reset": 1}, "mlx"),
    "sequence_lens": ({"linear_before_reset": 1}, "torch keras tensorflow mlx"),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_a_refusal_names_the_attribute(what: str) -> None:
    attributes, refusing = REFUSALS[what]
    directions = 2 if attributes.get("direction") == "bidirectional" else 1
    inputs = ("X", "W", "R", "B", "sequence_lens") if what == "sequence_lens" else ("X", "W", "R", "B")
    model = gru_model(14, inputs=inputs, initializers=weights(directions).values(), **attributes)
    for name, module in MODULES.items():
        if name not in refusing.split():
            module.to_weights(model)
            continue
        with pytest.raises(GruLowerError, match="cannot express") as caught:
            module.to_weights(model)
        assert caught.value.code == "GL602"
        assert what in caught.value.message
        assert caught.value.node == "main#0:Y"
        assert caught.value.hint


def test_lengths_that_shorten_nothing_are_no_reason_to_refuse() -> None:
    lens = onnx.numpy_helper.from_array(np.array([4, 4], np.int32), "sequence_lens")
    inputs = ("X", "W", "R", "B", "sequence_lens")
    model = gru_model(14, inputs=inputs, initializers=[*weights().values(), lens], linear_before_reset=1)
    assert set(mlx.to_weights(model)) == {"Wx", "Wh", "b", "bhn"}


def ones(shapes: dict[str, tuple[int, ...]], *without: str) -> Arrays:
    return {name: np.ones(shape, np.float32) for name, shape in shapes.items() if name not in without}


KERAS_ONES = ones(keras_shapes(2, 2))
WHOLE = {name: array.astype(int) for name, array in KERAS_ONES.items()}
LSTM = ones({"weight_ih_l0": (8, 3), "weight_hh_l0": (8, 2)})
FREE = gru_model(14, inputs=("X", "W", "R"), linear_before_reset=1)
WRONG: dict[str, tuple[Callable[[], Any], str, str]] = {
    "no layer": (lambda: pytorch.to_onnx(3), "GL601", "builtins.int"),
    "no weights": (lambda: mlx.to_onnx({}), "GL604", "no weights"),
    "other weights": (lambda: pytorch.to_onnx({"fc.weight": np.ones(3)}), "GL604", "fc.weight"),
    "an LSTM": (lambda: pytorch.to_onnx(LSTM), "GL604", "no GRU's"),
    "one bias": (lambda: pytorch.to_onnx(ones(torch_shapes(2, 2), "bias_hh_l0")), "GL604", "bias_hh"),
    "integers": (lambda: keras.to_onnx(WHOLE), "GL604", "int64"),
    "an unknown key": (lambda: keras.to_onnx(KERAS_ONES, config={"unit": 2}), "GL604", "unit"),
    "other units": (lambda: keras.to_onnx(KERAS_ONES, config={"units": 3}), "GL604", "units"),
    "no such activation": (lambda: keras.to_onnx(KERAS_ONES, config={"activation": "gelu"}), "GL603", "gelu"),
    "reset_after": (lambda: keras.to_onnx(KERAS_ONES, config={"reset_after": False}), "GL604", "reset_after"),
    "a mask that repeats": (
        lambda: keras.to_onnx(KERAS_ONES, config={"return_sequences": True}, lengths=True),
        "GL603",
        "repeats",
    ),
    "GRUs under names of one's own": (
        lambda: mlx.to_onnx({f"{net}.{name}": a for net in "ab" for name, a in ones(mlx_shapes(2, 2)).items()}),
        "GL604",
        "a.Wx",
    ),
    "too many layers": (
        lambda: mlx.to_onnx(ones(mlx_shapes(2, 2)), config={"layers": [{}, {}]}),
        "GL604",
        "2 of configuration",
    ),
    "old opset": (lambda: mlx.to_onnx(ones(mlx_shapes(2, 2)), opset=9), "GL008", "opset 9"),
    "no GRU": (lambda: pytorch.to_weights(gru_model(), node="other"), "GL606", "other"),
    "weights as inputs": (lambda: pytorch.to_weights(FREE), "GL605", "W"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_with_a_code_and_a_hint(what: str) -> None:
    call, code, words = WRONG[what]
    with pytest.raises(GruLowerError) as caught:
        call()
    assert caught.value.code == code
    assert words in caught.value.message
    assert caught.value.hint


def test_two_grus_side_by_side_are_no_stack_but_each_is_a_layer() -> None:
    w = drawn(np.random.default_rng(0), torch_shapes(3, 3))
    model = pytorch.to_onnx(w)
    twin = onnx.NodeProto()
    twin.CopyFrom(next(node for node in model.graph.node if node.op_type == "GRU"))
    twin.name, twin.output[:] = "twin", ["twin_Y", "twin_Y_h"]
    model.graph.node.append(twin)
    with pytest.raises(GruLowerError, match="several GRUs") as caught:
        pytorch.to_weights(model)
    assert caught.value.code == "GL606"
    assert same(pytorch.to_weights(model, node="twin"), w)


def test_a_lowered_stack_is_the_stack() -> None:
    w = drawn(np.random.default_rng(0), torch_shapes(3, 4, 2, 2))
    model = pytorch.to_onnx(w, seq_length=5, batch_size=2)
    result = gru_lower.lower(model, target="portable")
    assert result.report.verification.status == "equivalent"


def test_exports_of_other_tools_are_read_as_stacks(shared: Path) -> None:
    seen = 0
    for name in (
        "torch_ts__nngru_2layer_bidir",
        "paddle__gru_2layer_bidir",
        "opt_ort_all__torch_ts__nngru_2layer_bidir",
    ):
        path = shared / "exports" / name / "model.onnx"
        stack = read(path)
        assert [gru.spec.num_directions for gru in stack.grus] == [2, 2], name
        assert set(pytorch.to_config(path)) == {
            "input_size",
            "hidden_size",
            "bias",
            "num_layers",
            "batch_first",
            "bidirectional",
        }
        seen += 1
    assert seen == 3


def test_the_page_is_what_the_data_say() -> None:
    assert (ROOT / "docs" / "frameworks.md").read_text(encoding="utf-8") == page(), (
        "run python -m gru_lower.frameworks.write_docs_page docs/frameworks.md"
    )


@pytest.mark.parametrize("framework", FRAMEWORKS.values(), ids=FRAMEWORKS)
def test_the_data_speak_of_all_of_the_operator_and_contradict_themselves_nowhere(framework: Any) -> None:
    assert set(framework.operator) == {*SIGNATURE, *OUTPUTS}
    assert sorted(framework.gates) == sorted(TORCH.gates)
    assert (framework.operator["linear_before_reset"].how == "absent") == (len(framework.linear_before_reset) == 1)
    assert (framework.operator["direction"].how == "absent") == (framework.directions == ("forward",))
    assert (framework.operator["activations"].how == "absent") == (len(framework.activations) == 2)
