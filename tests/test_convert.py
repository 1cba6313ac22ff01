"""gru-lower convert: weights to a file of a framework's, and a model of such a file."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from safetensors.numpy import load_file, save, save_file

from framework_cells import drawn, keras_shapes, mlx_shapes, torch_shapes
from gru_lower.cli.main import run
from gru_lower.frameworks import keras, mlx, pytorch
from gru_lower.frameworks.weights import weight_files
from gru_lower.verification.arrays import dtype_of

if TYPE_CHECKING:
    from collections.abc import Callable

RELU = '<ir_version: 8, opset_import: ["": 17]> g (float[1] X) => (float[1] Y) { Y = Relu (X) }'
DIGITS = Path(__file__).resolve().parents[1] / "fixtures" / "digits_gru.onnx"


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run convert in this process; return the exit code and what it said."""

    def do(*args: object) -> tuple[int, str, str]:
        code = run(["convert", *(str(arg) for arg in args)])
        return (code, *capsys.readouterr())

    return do


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
@pytest.mark.parametrize("framework", ["torch", "keras", "tensorflow", "mlx"])
def test_a_model_goes_into_a_file_and_comes_back(
    call: Callable[..., tuple[int, str, str]], tmp_path: Path, framework: str, suffix: str
) -> None:
    file, back = tmp_path / f"weights{suffix}", tmp_path / "back.onnx"
    code, out, err = call(DIGITS, "--to", framework, "-o", file)
    assert (code, err) == (0, "")
    assert "Configuration: {" in out
    code, out, err = call(file, "--from", framework, "-o", back)
    assert (code, err) == (0, "")
    assert "forward H=64" in out
    one, other = pytorch.to_weights(DIGITS), pytorch.to_weights(back)
    for name, array in one.items():
        if framework != "mlx" or not name.startswith("bias"):  # MLX folds the two biases of r and z
            assert array.tobytes() == other[name].tobytes(), name


def test_the_default_names_stand_beside_the_source(call: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    model = tmp_path / "digits.onnx"
    model.write_bytes(DIGITS.read_bytes())
    assert call(model, "--to", "mlx", "-q") == (0, "", "")
    weights = tmp_path / "digits.mlx.safetensors"
    assert set(load_file(weights)) == {"Wx", "Wh", "b", "bhn"}
    assert call(weights, "--from", "mlx", "-q") == (0, "", "")
    onnx.checker.check_model(tmp_path / "digits.mlx.onnx")
    assert call(model, "--to", "mlx")[0] == 2, "an existing file needs --overwrite"
    assert call(model, "--to", "mlx", "--overwrite")[0] == 0


def test_a_plain_file_takes_its_configuration_from_the_command_line(
    call: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    file, back = tmp_path / "kernels.safetensors", tmp_path / "back.onnx"
    w = drawn(np.random.default_rng(0), keras_shapes(3, 4, bias=False))
    save_file(w, file)
    options = (
        "--layer-config",
        "reset_after=false",
        "--layer-config",
        "activation=relu",
        "--layer-config",
        "return_sequences=True",
    )
    assert call(file, "--from", "keras", "-o", back, *options, "--initial-state", "--opset", 15)[0] == 0
    model = onnx.load(back)
    assert [value.name for value in model.graph.input] == ["X", "initial_h"]
    assert model.opset_import[0].version == 15
    config = keras.to_config(model)
    assert (config["reset_after"], config["activation"], config["return_sequences"]) == (False, "relu", True)


def test_lengths_become_an_input(call: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    file, back = tmp_path / "w.npz", tmp_path / "back.onnx"
    np.savez(file, **drawn(np.random.default_rng(0), torch_shapes(3, 4)))  # type: ignore[arg-type]
    assert call(file, "--from", "torch", "-o", back, "--lengths")[0] == 0
    assert [value.name for value in onnx.load(back).graph.input] == ["X", "sequence_lens"]


@pytest.mark.parametrize(("framework", "mark"), [("torch", "."), ("keras", "/"), ("mlx", ".")])
def test_a_layer_of_a_network_is_taken_by_what_its_names_begin_with(
    call: Callable[..., tuple[int, str, str]], tmp_path: Path, framework: str, mark: str
) -> None:
    shapes = {"torch": torch_shapes(3, 4), "keras": keras_shapes(3, 4), "mlx": mlx_shapes(3, 4)}[framework]
    w, file, back = drawn(np.random.default_rng(0), shapes), tmp_path / "network.safetensors", tmp_path / "back.onnx"
    others = {f"net.gru2{mark}{name}": array for name, array in w.items()}
    save_file({f"net.gru{mark}{name}": -a for name, a in w.items()} | others | {"net.fc.weight": np.ones((2, 2))}, file)
    assert call(file, "--from", framework, "--node", "net.gru2", "-o", back)[0] == 0
    found = {"torch": pytorch, "keras": keras, "mlx": mlx}[framework].to_weights(back)
    assert {name: array.tobytes() for name, array in found.items()} == {name: a.tobytes() for name, a in w.items()}


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
@pytest.mark.parametrize("dtype", ["float16", "float64", "bfloat16"])
@pytest.mark.parametrize("framework", ["torch", "keras", "mlx"])
def test_files_hold_every_type(
    call: Callable[..., tuple[int, str, str]], tmp_path: Path, framework: str, dtype: str, suffix: str
) -> None:
    shapes = {"torch": torch_shapes(3, 4), "keras": keras_shapes(3, 4), "mlx": mlx_shapes(3, 4)}[framework]
    w = {name: a.astype(dtype_of(dtype)) for name, a in drawn(np.random.default_rng(0), shapes).items()}
    file, back = tmp_path / f"w{suffix}", tmp_path / "back.onnx"
    file.write_bytes(weight_files.to_bytes(w, framework, {}, suffix))
    assert call(file, "--from", framework, "-o", back)[0] == 0
    found = {"torch": pytorch, "keras": keras, "mlx": mlx}[framework].to_weights(back)
    assert {name: a.tobytes() for name, a in found.items()} == {name: a.tobytes() for name, a in w.items()}


def test_a_file_without_metadata_is_read_as_mlx_writes_it(
    call: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    w, file, back = (
        drawn(np.random.default_rng(0), mlx_shapes(3, 4)),
        tmp_path / "w.safetensors",
        tmp_path / "back.onnx",
    )
    raw = save(w)
    length = int.from_bytes(raw[:8], "little")
    header = raw[8 : 8 + length].rstrip().replace(b"{", b'{"__metadata__":null,', 1)
    file.write_bytes(len(header).to_bytes(8, "little") + header + raw[8 + length :])
    assert call(file, "--from", "mlx", "-o", back)[0] == 0
    assert all(mlx.to_weights(back)[name].tobytes() == array.tobytes() for name, array in w.items())


def test_the_examples_of_the_help_are_a_line_each(call: Callable[..., tuple[int, str, str]]) -> None:
    _, out, _ = call("--help")
    examples = [line.strip() for line in out.splitlines() if line.startswith("  gru-lower convert ")]
    assert len(examples) == 2
    assert examples[0].endswith("-o weights.npz")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("w.npz",), "GL008", "name one of --to and --from"),
        (("w.npz", "--to", "torch", "--from", "torch"), "GL008", "name one of"),
        (("w.npz", "--from", "mlx", "--node", "x"), "GL604", "begins with 'x'"),
        (("net.npz", "--from", "torch"), "GL604", "--node LAYER"),
        (("net.npz", "--from", "mlx"), "GL604", "--node LAYER"),
        (("net.npz", "--from", "keras"), "GL604", "'gru.weight_ih_l0' is none"),
        (("slash.npz", "--from", "keras"), "GL604", "--node LAYER"),
        (("model.onnx", "--from", "torch"), "GL604", "an ONNX model, which --to takes"),
        (("state.pt", "--from", "torch"), "GL604", "PyTorch checkpoint"),
        (("model.keras", "--from", "keras"), "GL604", "layer.trainable_weights"),
        (("weights.h5", "--from", "keras"), "GL604", "HDF5"),
        (("w.safetensors", "--to", "torch"), "GL002", "--from"),
        (("w.safetensors", "--from", "pytorch"), "GL008", "'torch', 'keras', 'tensorflow', 'mlx'"),
        (("lone.onnx", "--to", "torch"), "GL606", "gru-lower fuse"),
        (("w.npz", "--from", "torch"), "GL604", "'Wx'"),
        (("w.npz", "--from", "mlx", "--lengths"), "GL603", "lengths"),
        (("w.npz", "--from", "mlx", "--layer-config", "hidden_size=9"), "GL604", "hidden_size is 9"),
        (("w.npz", "--to", "mlx"), "GL002", "npz"),
        (("none.npz", "--from", "mlx"), "GL001", "none.npz"),
        (("text.safetensors", "--from", "mlx"), "GL604", "safetensors"),
        (("keras.npz", "--from", "mlx"), "GL604", "weights of keras"),
        (("w.npz", "--from", "mlx", "-o", "w.npz"), "GL004", "is the input"),
        (("w.npz", "--from", "mlx", "--layer-config", "hidden_size"), "GL008", "write it like"),
    ],
)
def test_what_is_wrong_is_said_in_two_lines(
    call: Callable[..., tuple[int, str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    code: str,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    w = drawn(rng, mlx_shapes(3, 4))
    np.savez("w.npz", **w)  # type: ignore[arg-type]
    np.savez("keras.npz", gru_lower=np.array(json.dumps({"framework": "keras", "config": {}})), **w)  # type: ignore[arg-type]
    save_file(w, "w.safetensors")
    np.savez("net.npz", **{f"gru.{name}": array for name, array in drawn(rng, torch_shapes(3, 4)).items()})  # type: ignore[arg-type]
    np.savez("slash.npz", **{f"net/{name}": array for name, array in drawn(rng, keras_shapes(3, 4)).items()})  # type: ignore[arg-type]
    Path("text.safetensors").write_text("no tensors", encoding="utf-8")
    Path("model.onnx").write_bytes(DIGITS.read_bytes())
    Path("weights.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    onnx.save(onnx.parser.parse_model(RELU), "lone.onnx")
    for name, member in (("state.pt", "state/data.pkl"), ("model.keras", "model.weights.h5")):
        with zipfile.ZipFile(name, "w") as archive:
            archive.writestr(member, b"")
    exit_code, out, err = call(*words)
    assert exit_code == 2
    assert out == ""
    assert err.startswith(f"error {code}: "), err
    assert said in err
    assert len(err.splitlines()) == 2, err
