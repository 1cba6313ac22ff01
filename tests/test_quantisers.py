"""Other tools quantise what ``--target quantizers`` writes: accuracy and size are held.

Each tool has an environment of its own: ``nox -s "quantisers(name='nncf')"``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import gru_lower
from gru_lower.verification.inputs.given_files import read

pytestmark = pytest.mark.quantisers

FIXTURES = Path(__file__).parent.parent / "fixtures"
POINTS = {"digits_gru": 0.003, "g2p_encoder": 0.01}
Array = np.ndarray[Any, np.dtype[Any]]


def written(name: str, folder: Path, **options: Any) -> Path:
    """Write a fixture as a target wants it."""
    path = folder / f"{name}.onnx"
    gru_lower.lower(FIXTURES / path.name, **{"target": "quantizers"} | options).save(path, overwrite=True)
    return path


def cases(name: str, model: Path) -> tuple[list[dict[str, Array]], list[dict[str, Array]]]:
    return read(FIXTURES / f"{name}.npz", onnx.load(model))


def holds(name: str, quantised: Path, *, share: float) -> gru_lower.Report:
    """Hold a quantised model to the float one, and return what is seen in it.

    Args:
        name: The fixture.
        quantised: The model that a tool wrote.
        share: What its bytes may be of the float fixture's.

    """
    inputs, expected = cases(name, FIXTURES / f"{name}.onnx")
    found = gru_lower.verify(FIXTURES / f"{name}.onnx", quantised, inputs=inputs, expected=expected)
    (accuracy,) = found.accuracy
    assert found.status == "equivalent", found.message
    assert accuracy.after >= accuracy.before - POINTS[name] - 1e-9
    assert quantised.stat().st_size <= share * (FIXTURES / f"{name}.onnx").stat().st_size
    gru_lower.check(quantised)
    seen = gru_lower.inspect(quantised)
    assert not [each for each in seen.diagnostics if each.code == "GL018"]
    return seen


def is_named_quantised(report: gru_lower.Report) -> bool:
    return any(site.code == "GL801" and "quantised" in site.message for site in report.sites)


def reader(feeds: dict[str, Array]) -> Any:
    class Reader:
        def __init__(self) -> None:
            self.rewind()

        def get_next(self) -> dict[str, Array] | None:
            return next(self._left, None)

        def rewind(self) -> None:
            self._left = iter([feeds])

        reset_iter = rewind

    return Reader()


@pytest.mark.parametrize("name", POINTS)
def test_onnxruntime_dynamic(name: str, tmp_path: Path) -> None:
    from onnxruntime.quantization import quantize_dynamic

    made = tmp_path / f"{name}.dynamic.onnx"
    quantize_dynamic(written(name, tmp_path), made, extra_options={"EnableSubgraph": True})
    assert is_named_quantised(holds(name, made, share=0.9 if name == "digits_gru" else 0.27))


@pytest.mark.parametrize("kind", ["QDQ", "QOperator"])
def test_onnxruntime_static(kind: str, tmp_path: Path) -> None:
    from onnxruntime.quantization import QuantFormat, quantize_static

    made, source = tmp_path / "made.onnx", written("digits_gru", tmp_path)
    quantize_static(source, made, reader(cases("digits_gru", source)[0][0]), quant_format=QuantFormat[kind])
    assert is_named_quantised(holds("digits_gru", made, share=1.8))


def test_onnxruntime_static_over_lengths(tmp_path: Path) -> None:
    from onnxruntime.quantization import quantize_static

    source = written("g2p_encoder", tmp_path, fix_dims={"time": 16})
    made = tmp_path / "made.onnx"
    quantize_static(source, made, reader(cases("g2p_encoder", source)[0][0]))
    assert is_named_quantised(holds("g2p_encoder", made, share=0.35))


@pytest.mark.parametrize("name", POINTS)
def test_onnxruntime_dynamic_for_what_quantize_left(name: str, tmp_path: Path) -> None:
    from onnxruntime.quantization import quantize_dynamic

    ours, made = tmp_path / "ours.onnx", tmp_path / "made.onnx"
    gru_lower.quantize(FIXTURES / f"{name}.onnx", all=True).save(ours)
    quantize_dynamic(ours, made)
    holds(name, made, share=0.75 if name == "digits_gru" else 0.3)


@pytest.mark.parametrize("name", POINTS)
def test_nncf(name: str, tmp_path: Path) -> None:
    nncf = pytest.importorskip("nncf", reason="NNCF has an environment of its own")
    source = written(name, tmp_path, **({"fix_dims": {"time": 16}} if name == "g2p_encoder" else {}))
    (feeds,), _ = cases(name, source)
    small = tmp_path / "weights.onnx"
    onnx.save(nncf.compress_weights(onnx.load(source), mode=nncf.CompressWeightsMode.INT8_SYM), small)
    holds(name, small, share=0.7 if name == "digits_gru" else 0.28)
    if name == "digits_gru":
        assert [site.action for site in gru_lower.fuse(small).report.sites] == ["fused"]
    made = tmp_path / "ptq.onnx"
    onnx.save(nncf.quantize(onnx.load(source), nncf.Dataset([feeds]), subset_size=1), made)
    assert is_named_quantised(holds(name, made, share=1.7 if name == "digits_gru" else 0.35))


def test_openvino_and_nncf(tmp_path: Path) -> None:
    nncf = pytest.importorskip("nncf", reason="NNCF has an environment of its own")
    ov = pytest.importorskip("openvino", reason="OpenVINO has an environment of its own")
    source = written("digits_gru", tmp_path, target="openvino", form="unroll")
    (feeds,), (right,) = cases("digits_gru", source)
    small = nncf.compress_weights(ov.Core().read_model(source), mode=nncf.CompressWeightsMode.INT8_SYM)
    ov.save_model(small, tmp_path / "small.xml", compress_to_fp16=False)
    scores = ov.compile_model(small, "CPU")(feeds["rows"])[0]
    assert np.mean(scores.argmax(-1) == right["logits"]) >= 353 / 360 - POINTS["digits_gru"]
    assert (tmp_path / "small.bin").stat().st_size <= 0.3 * 59036


@pytest.mark.parametrize("name", POINTS)
def test_quark(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quark = pytest.importorskip("quark.onnx", reason="amd-quark has an environment of its own")
    from quark.onnx.quantization.config import Config
    from quark.onnx.quantization.config.custom_config import get_default_config

    monkeypatch.chdir(tmp_path)  # it leaves reports where it runs
    source = written(name, tmp_path, **({"fix_dims": {"time": 16}} if name == "g2p_encoder" else {}))
    made = tmp_path / "quark.onnx"
    chosen = Config(global_quant_config=get_default_config("S8S8_AAWS"))
    quark.ModelQuantizer(chosen).quantize_model(str(source), str(made), reader(cases(name, source)[0][0]))
    assert is_named_quantised(holds(name, made, share=1.8 if name == "digits_gru" else 0.35))


def test_mnn(tmp_path: Path) -> None:
    expr = pytest.importorskip("MNN.expr", reason="MNN has an environment of its own")
    nn = pytest.importorskip("MNN.nn")
    source = written("digits_gru", tmp_path, target="mnn", form="loop", fix_dims={"batch": 360})
    (feeds,), (right,) = cases("digits_gru", source)
    made = tmp_path / "made.mnn"
    convert = [str(Path(sys.executable).with_name("mnnconvert")), "-f", "ONNX", "--modelFile", str(source)]
    subprocess.run([*convert, "--MNNModel", str(made), "--bizCode", "x", "--weightQuantBits", "8"], check=True)
    x = expr.placeholder([360, 8, 8], expr.NCHW)
    x.write(feeds["rows"])
    scores = nn.load_module_from_file(str(made), ["rows"], ["logits"]).forward([x])[0]
    found = np.array(expr.convert(scores, expr.NCHW).read()).reshape(360, -1)
    assert np.mean(found.argmax(-1) == right["logits"]) >= 353 / 360 - POINTS["digits_gru"]


def test_onnx2tf(tmp_path: Path) -> None:
    pytest.importorskip("onnx2tf", reason="onnx2tf has an environment of its own")
    from ai_edge_litert.interpreter import Interpreter

    source = written("digits_gru", tmp_path, fix_dims={"batch": 1})
    (feeds,), (right,) = cases("digits_gru", FIXTURES / "digits_gru.onnx")
    folder = Path(sys.executable).parent
    env = os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    command = [str(folder / "onnx2tf"), "-i", str(source), "-o", str(tmp_path / "tf"), "-odrqt", "-n"]
    subprocess.run(command, check=True, env=env, capture_output=True)
    (made,) = (tmp_path / "tf").glob("*_dynamic_range_quant.tflite")
    interpreter = Interpreter(str(made))
    interpreter.allocate_tensors()
    (given,), (taken,) = interpreter.get_input_details(), interpreter.get_output_details()
    hits = 0
    for rows, label in zip(feeds["rows"], right["logits"], strict=True):
        interpreter.set_tensor(given["index"], rows[None].reshape(given["shape"]))
        interpreter.invoke()
        hits += int(interpreter.get_tensor(taken["index"]).argmax() == label)
    assert hits >= 353 - 1


def test_opencv(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV has an environment of its own")
    from onnxruntime.quantization import quantize_static

    source = written("digits_gru", tmp_path, fix_dims={"batch": 360})
    (feeds,), (right,) = cases("digits_gru", source)
    products, weights = tmp_path / "products.onnx", tmp_path / "weights.onnx"
    quantize_static(source, products, reader(feeds), op_types_to_quantize=["MatMul"])
    holds("digits_gru", products, share=1.0)
    gru_lower.quantize(FIXTURES / "digits_gru.onnx", weights_only=True).save(weights)
    for made in (products, weights):
        net = cv2.dnn.readNetFromONNX(str(made))
        net.setInput(feeds["rows"], "rows")
        scores = net.forward("logits").reshape(360, -1)
        assert np.mean(scores.argmax(-1) == right["logits"]) >= 353 / 360 - POINTS["digits_gru"]
