"""Layers of an installed framework against the models they become: ``nox -s frameworks``, one framework a session."""

from __future__ import annotations

import importlib.util
import inspect
import os
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import safetensors

from gru_lower.frameworks import keras as of_keras
from gru_lower.frameworks import mlx as of_mlx
from gru_lower.frameworks import pytorch, tensorflow
from gru_lower.frameworks.descriptions.all_frameworks import FRAMEWORKS
from gru_lower.frameworks.descriptions.keras import KERAS
from gru_lower.frameworks.descriptions.mlx import MLX
from gru_lower.frameworks.descriptions.pytorch import TORCH
from gru_lower.frameworks.weights import weight_files
from lowering import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gru_lower.frameworks.descriptions.framework import Framework

pytestmark = pytest.mark.frameworks
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
CASES = 100
Array = np.ndarray[Any, np.dtype[Any]]


def needs(*packages: str) -> pytest.MarkDecorator:
    """Leave tests out where a package is not installed: each session installs those of one framework."""
    absent = [package for package in packages if importlib.util.find_spec(package) is None]
    return pytest.mark.skipif(bool(absent), reason=f"{', '.join(absent)} is not installed")


def hold(found: dict[str, Array], wanted: list[Array], H: int) -> None:
    """Hold a model's outputs to a layer's own, within 1e-6, from H = 64 on within 1e-5."""
    assert len(found) == len(wanted)
    for one, other in zip(found.values(), wanted, strict=True):
        scale = max(1.0, float(np.abs(other).max()))
        np.testing.assert_allclose(one, other, rtol=0, atol=(1e-6 if H < 64 else 1e-5) * scale)


def equal(one: list[Array], other: list[Array]) -> bool:
    return [array.tobytes() for array in one] == [array.tobytes() for array in other]


def keras_packages() -> Iterator[tuple[str, Any]]:
    """Yield each Keras there is, with the module of ours that takes it."""
    if importlib.util.find_spec("tensorflow"):
        yield "tensorflow", tensorflow
        if importlib.util.find_spec("tf_keras"):
            yield "tf_keras", of_keras
    elif importlib.util.find_spec("keras"):
        yield "keras", of_keras


def load(name: str) -> Any:
    module = importlib.import_module(name)
    return module.keras if name == "tensorflow" else module


KERASES = dict(keras_packages())


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Let JAX forget what it compiled for one layer: of a hundred that is gigabytes."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


@needs("torch")
@pytest.mark.parametrize("seed", range(CASES))
def test_torch(seed: int) -> None:
    import torch

    torch.manual_seed(seed)
    draw = random.Random(seed)  # noqa: S311 - sizes of tests
    I, H, T, B = draw.randint(1, 64), draw.randint(1, 64), draw.randint(1, 20), draw.randint(1, 4)
    if draw.random() < 0.1:
        cell = torch.nn.GRUCell(I, H, bias=draw.random() < 0.8)
        x, h = torch.randn(B, I), torch.randn(B, H)
        model = pytorch.to_onnx(cell, initial_state=True)
        hold(run(model, {"X": x.numpy(), "initial_h": h.numpy()}), [cell(x, h).detach().numpy()], H)
        again = pytorch.from_onnx(model, into=torch.nn.GRUCell)
        assert all(torch.equal(one, other) for one, other in zip(cell.parameters(), again.parameters(), strict=True))
        return
    layers, D, first = draw.choice([1, 1, 2, 3]), draw.choice([1, 2]), draw.random() < 0.5
    layer = torch.nn.GRU(
        I, H, layers, bias=draw.random() < 0.8, batch_first=first, bidirectional=D == 2, dropout=0.2 * (layers > 1)
    ).eval()
    x, h = torch.randn((B, T, I) if first else (T, B, I)), torch.randn(layers * D, B, H)
    lens = torch.tensor([T, *(draw.randint(1, T) for _ in range(B - 1))], dtype=torch.int32)
    packed, start = draw.random() < 0.3, draw.random() < 0.5
    feeds = {"X": x.numpy()} | ({"initial_h": h.numpy()} if start else {})
    given = x
    if packed:
        feeds["sequence_lens"] = lens.numpy()
        given = torch.nn.utils.rnn.pack_padded_sequence(x, lens, batch_first=first, enforce_sorted=False)
    with torch.no_grad():
        y, h_n = layer(given, h if start else None)
    if packed:
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=first, total_length=T)
    model = pytorch.to_onnx(layer, initial_state=start, packed=packed)
    hold(run(model, feeds), [y.numpy(), h_n.numpy()], H)
    again = pytorch.from_onnx(model, packed=packed)
    assert again.batch_first == first
    assert list(again.state_dict()) == list(layer.state_dict())
    assert all(torch.equal(one, other) for one, other in zip(layer.parameters(), again.parameters(), strict=True))


@needs("torch")
@pytest.mark.parametrize("dtype", ["float16", "float64", "bfloat16"])
def test_torch_types(dtype: str) -> None:
    import torch

    layer = torch.nn.GRU(5, 6, 2, bidirectional=True).to(getattr(torch, dtype))
    again = pytorch.from_onnx(pytorch.to_onnx(layer))
    assert all(torch.equal(one, other) for one, other in zip(layer.parameters(), again.parameters(), strict=True))
    assert pytorch.from_onnx(pytorch.to_onnx(layer), into=layer) is layer


@needs("torch")
def test_torch_refuses_what_is_no_plain_gru() -> None:
    import torch

    from gru_lower.errors import GruLowerError

    class Mine(torch.nn.GRU):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return super().forward(x + 1)

    for layer in (torch.nn.LSTM(2, 3), torch.nn.Linear(2, 3), Mine(2, 3), torch.nn.Sequential(torch.nn.Linear(2, 2))):
        with pytest.raises(GruLowerError) as caught:
            pytorch.to_onnx(layer)
        assert caught.value.code == "GL601"
    with pytest.raises(GruLowerError) as caught:
        pytorch.from_onnx(pytorch.to_onnx(torch.nn.GRU(2, 3)), into=torch.nn.GRU(3, 3))
    assert caught.value.code == "GL604"


@needs("torch")
def test_torch_parameters_are_all_in_the_data() -> None:
    import torch

    names = [name for name in inspect.signature(torch.nn.modules.rnn.RNNBase.__init__).parameters if name != "self"]
    call = list(inspect.signature(torch.nn.GRU.forward).parameters)[1:]
    assert {*names, *call} - {"mode", "proj_size"} == set(TORCH.parameters)


def holds_what_the_page_says(framework: Framework, module: Any, layer: Any, other: Any) -> None:
    """Save a layer and load it into another, by the commands docs/frameworks.md gives."""
    importlib.import_module("safetensors.torch" if framework.key == "torch" else "safetensors.numpy")
    names = {"numpy": np, "safetensors": safetensors}
    exec(framework.saving, {**names, "layer": layer})  # noqa: S102 - our own data
    (saved,) = Path().iterdir()
    weights, _ = weight_files.read(saved, framework)
    model = module.to_onnx(weights)
    written = weight_files.to_bytes(module.to_weights(model), framework.key, module.to_config(model), ".safetensors")
    Path("gru.safetensors").write_bytes(written)
    exec(framework.loading, {**names, "layer": other})  # noqa: S102
    found = module.to_weights(module.to_onnx(other))
    assert {name: a.tobytes() for name, a in weights.items()} == {name: a.tobytes() for name, a in found.items()}


@needs("torch")
def test_torch_saves_and_loads_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    layers = [torch.nn.GRU(3, 4, 2, bidirectional=True) for _ in range(2)]
    holds_what_the_page_says(TORCH, pytorch, *layers)


@needs("mlx")
def test_mlx_saves_and_loads_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlx import nn

    monkeypatch.chdir(tmp_path)
    holds_what_the_page_says(MLX, of_mlx, nn.GRU(3, 4), nn.GRU(3, 4))


@pytest.mark.skipif(not KERASES, reason="no Keras is installed")
@pytest.mark.parametrize("name", [name for name in KERASES if name != "tf_keras"])
def test_keras_saves_and_loads_as_the_page_says(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    layers = [load(name).layers.GRU(4) for _ in range(2)]
    for layer in layers:
        layer.build((None, None, 3))
    holds_what_the_page_says(FRAMEWORKS[name], KERASES[name], *layers)


@needs("mlx")
@pytest.mark.parametrize("seed", range(CASES))
def test_mlx(seed: int) -> None:
    import mlx.core as mx
    from mlx import nn
    from mlx.utils import tree_flatten

    mx.random.seed(seed)
    draw = random.Random(seed)  # noqa: S311 - sizes of tests
    I, H, T, B = draw.randint(1, 64), draw.randint(1, 64), draw.randint(1, 20), draw.randint(1, 4)
    count, batched = draw.choice([1, 1, 2]), draw.random() < 0.7
    parts = [nn.GRU(H if k else I, H, bias=draw.random() < 0.8) for k in range(count)]
    layer = parts[0] if count == 1 else nn.Sequential(*parts)
    start = count == 1 and draw.random() < 0.5
    x = mx.random.normal((B, T, I) if batched else (T, I))
    h = mx.random.normal((B, H) if batched else (H,))
    static = T if draw.random() < 0.3 else None
    model = of_mlx.to_onnx(layer, initial_state=start, batched=batched, seq_length=static)
    feeds = {"X": np.array(x)} | ({"initial_h": np.array(h)} if start else {})
    hold(run(model, feeds), [np.array(layer(x, h) if start else layer(x))], H)
    again = of_mlx.from_onnx(of_mlx.to_onnx(layer, omits_bhn=False))
    one, other = dict(tree_flatten(layer.parameters())), dict(tree_flatten(again.parameters()))
    assert one.keys() == other.keys()
    assert equal([np.array(one[name]) for name in one], [np.array(other[name]) for name in one])


@needs("mlx")
def test_mlx_loads_the_file_and_its_parameters_are_all_in_the_data(tmp_path: Any) -> None:
    import mlx.core as mx
    from mlx import nn

    layer, other = nn.GRU(3, 4), nn.GRU(3, 4)
    model = of_mlx.to_onnx(layer, omits_bhn=False)
    path = tmp_path / "weights.safetensors"
    path.write_bytes(weight_files.to_bytes(of_mlx.to_weights(model), "mlx", of_mlx.to_config(model), ".safetensors"))
    other.load_weights(str(path))
    assert mx.array_equal(layer.Wx, other.Wx).item()
    names = [*inspect.signature(nn.GRU.__init__).parameters, *inspect.signature(nn.GRU.__call__).parameters]
    assert set(names) - {"self"} == set(MLX.parameters)


FUNCTIONS = ("tanh", "tanh", "relu", "sigmoid", "hard_sigmoid", "elu", "softsign", "softplus", "linear")
GATES = ("sigmoid", "sigmoid", "hard_sigmoid")


def drawn_keras(keras: Any, draw: random.Random, kind: str, H: int) -> Any:
    """Return a layer, not yet built."""
    L = keras.layers

    def gru(**more: Any) -> Any:
        more.setdefault("return_sequences", draw.random() < 0.5)
        more |= {"activation": draw.choice(FUNCTIONS), "recurrent_activation": draw.choice(GATES), "dropout": 0.2}
        return L.GRU(H, use_bias=draw.random() < 0.8, reset_after=draw.random() < 0.6, **more)

    ends = {key: draw.random() < 0.5 for key in ("return_sequences", "return_state", "go_backwards")}
    if kind == "GRU":
        return gru(return_state=ends["return_state"], go_backwards=ends["go_backwards"])
    if kind == "RNN":
        return L.RNN(L.GRUCell(H, activation=draw.choice(FUNCTIONS), reset_after=draw.random() < 0.5), **ends)
    if kind == "stacked cells":
        return L.RNN([L.GRUCell(H), L.GRUCell(H + 1, reset_after=False)], **ends)
    if kind == "Bidirectional":
        merge = draw.choice(["concat", "sum", "mul", "ave", None])
        return L.Bidirectional(gru(return_state=ends["return_state"]), merge_mode=merge)
    outer = gru(return_sequences=True, go_backwards=ends["go_backwards"])
    inner = L.Bidirectional(gru(return_sequences=True), merge_mode=draw.choice(["concat", "sum", "ave"]))
    return keras.Sequential([outer, L.Dropout(0.3), inner, gru()])


def flat(value: Any) -> list[Array]:
    if isinstance(value, (list, tuple)):
        return [array for part in value for array in flat(part)]
    detached: Callable[[], Any] = getattr(value, "detach", lambda: value)
    return [np.asarray(detached())]


def floats(layer: Any) -> list[Array]:
    return [array for array in layer.get_weights() if array.dtype.kind == "f"]


@pytest.mark.skipif(not KERASES, reason="no Keras is installed")
@pytest.mark.parametrize("name", KERASES)
@pytest.mark.parametrize("seed", range(CASES))
def test_keras(name: str, seed: int) -> None:
    keras, ours = load(name), KERASES[name]
    if name == "tf_keras" and seed >= 25:  # the same code but for hard_sigmoid
        return
    draw, rng = random.Random(seed), np.random.default_rng(seed)  # noqa: S311 - sizes of tests
    kind = draw.choice(["GRU", "GRU", "RNN", "stacked cells", "Bidirectional", "Sequential"])
    I, H, T, B = draw.randint(1, 64), draw.randint(1, 64), draw.randint(1, 20), draw.randint(1, 4)
    layer = drawn_keras(keras, draw, kind, H)
    x = rng.normal(size=(B, T, I)).astype("float32")
    layer(x)
    layer.set_weights(
        [
            # Small enough for unbounded activations not to run away.
            rng.normal(0, 0.6 / np.sqrt(w.shape[0]) if w.ndim == 2 and w.shape[0] != 2 else 0.3, w.shape).astype(
                w.dtype
            )
            if w.dtype.kind == "f"
            else w
            for w in layer.get_weights()
        ]
    )
    start = kind != "Sequential" and draw.random() < 0.5
    model = ours.to_onnx(layer, initial_state=start)
    widths = {value.name: value.type.tensor_type.shape.dim[-1].dim_value for value in model.graph.input}
    states = {key: rng.normal(size=(B, width)).astype("float32") for key, width in widths.items() if key != "X"}
    tensors = [keras.backend.constant(h) if name == "tf_keras" else h for h in states.values()]
    one = len(tensors) == 1 and kind != "Bidirectional"
    wanted = flat(layer(x, initial_state=tensors[0] if one else tensors) if start else layer(x))
    hold(run(model, {"X": x, **states}), wanted, H)
    if name != "tf_keras":
        assert equal(floats(ours.from_onnx(model)), floats(layer))
    assert ours.from_onnx(model, into=layer) is layer if name != "tf_keras" else True


@pytest.mark.skipif(not KERASES, reason="no Keras is installed")
@pytest.mark.parametrize("name", [name for name in KERASES if name != "tf_keras"])
@pytest.mark.parametrize("kind", ["last", "backwards", "zeros", "Bidirectional", "Masking"])
def test_keras_masks(name: str, kind: str) -> None:
    keras, ours = load(name), KERASES[name]
    L, rng = keras.layers, np.random.default_rng(0)
    B, T, I, H = 4, 6, 3, 5
    lens = np.array([6, 4, 1, 3], np.int32)
    mask = np.arange(T) < lens[:, None]
    layer = {
        "last": lambda: L.GRU(H, return_state=True),
        "backwards": lambda: L.GRU(H, return_sequences=True, go_backwards=True),
        "zeros": lambda: L.RNN(L.GRUCell(H), return_sequences=True, zero_output_for_mask=True),
        "Bidirectional": lambda: L.Bidirectional(L.GRU(H, return_sequences=True)),
        "Masking": lambda: keras.Sequential([L.Masking(), L.GRU(H, return_sequences=True), L.GRU(H)]),
    }[kind]()
    x = (rng.normal(size=(B, T, I)) * mask[:, :, None]).astype("float32")
    layer(x)
    if kind == "Masking":
        hold(run(ours.to_onnx(layer, assume="right-padded"), {"X": x}), flat(layer(x)), H)
    else:
        hold(run(ours.to_onnx(layer, lengths=True), {"X": x, "sequence_lens": lens}), flat(layer(x, mask=mask)), H)


@pytest.mark.skipif("keras" not in KERASES and "tensorflow" not in KERASES, reason="no Keras is installed")
def test_keras_parameters_are_all_in_the_data() -> None:
    keras = load("tensorflow" if "tensorflow" in KERASES else "keras")
    names = [
        *inspect.signature(keras.layers.GRU.__init__).parameters,
        *inspect.signature(keras.layers.GRU.call).parameters,
    ]
    assert set(names) - {"self", "kwargs"} == set(KERAS.parameters)


@pytest.mark.skipif("keras" not in KERASES and "tensorflow" not in KERASES, reason="no Keras is installed")
def test_keras_refuses_what_the_operator_cannot_say() -> None:
    from gru_lower.errors import GruLowerError

    name = "tensorflow" if "tensorflow" in KERASES else "keras"
    keras, ours = load(name), KERASES[name]
    L, x = keras.layers, np.zeros((2, 3, 4), "float32")
    wrong = {
        "GL601": [L.LSTM(3), L.Dense(3), keras.Sequential([L.GRU(3), L.Dense(2)])],
        "GL603": [L.GRU(3, activation="gelu"), L.GRU(3, stateful=True), keras.Sequential([L.Masking(), L.GRU(3)])],
        "GL604": [L.GRU(3)],
    }
    for code, layers in wrong.items():
        for layer in layers:
            if code != "GL604":
                layer(x)
            with pytest.raises(GruLowerError) as caught:
                ours.to_onnx(layer)
            assert caught.value.code == code
    slope = L.GRU(3, activation=L.LeakyReLU(negative_slope=0.3), return_sequences=True)
    slope(x)
    again = ours.from_onnx(ours.to_onnx(slope))
    assert again.activation.negative_slope == pytest.approx(0.3)
    assert equal(floats(again), floats(slope))
