"""Streaming, and inspect's question whether that could be: models with odd numbers, sizes and texts in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from onnx import AttributeProto, ModelProto, TensorProto, helper, numpy_helper

import gru_lower
import zoo
from gru_lower.errors import GruLowerError, Remaining, Unsupported
from gru_lower.graph import budget, onnx_calls
from stream_models import text_model

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """<ir_version: 8, opset_import: ["": 17]>
g (float[1, 3, "T"] x, float[3, 3, 3] w) => (float[1, 3, "U"] y) {
"""
FAR = {
    "padding": "y = MaxPool <kernel_shape = [3], pads = [2000000, 2]> (x) }",
    "a stride": "y = MaxPool <kernel_shape = [1], strides = [1099511627776]> (x) }",
    "a dilation": "y = Conv <dilations = [4000000]> (x, w) }",
    "a kernel": "y = AveragePool <kernel_shape = [4000000]> (x) }",
    "padding of its own": "n = Constant <value = int64[6] {0, 0, 4000000, 0, 0, 0}> () y = Pad (x, n) }",
    "a transposed stride": "y = ConvTranspose <strides = [4000000]> (x, w) }",
}


@pytest.mark.parametrize("what", FAR)
def test_no_value_keeps_more_frames_than_a_stream_can_hold(what: str) -> None:
    with pytest.raises(Remaining) as caught:
        gru_lower.stream(text_model(HEAD + FAR[what]), time={"x": 2}, verify=False)
    assert caught.value.code in {"GL867", "GL856", "GL859", "GL858"}


@pytest.mark.parametrize(("chunk", "context"), [(10**12, 0), (1, 10**12), (2**63 - 1, None)])
def test_no_push_takes_more_frames_than_a_stream_can_hold(chunk: int, context: int | None) -> None:
    with pytest.raises(Unsupported) as caught:
        gru_lower.stream(text_model(HEAD + "y = Relu (x) }"), time={"x": 2}, verify=False, chunk=chunk, context=context)
    assert caught.value.code == "GL867"


def test_a_value_that_is_read_twice_again_and_again_is_looked_at_once() -> None:
    doubled = " ".join(f"v{i + 1} = Add (v{i}, v{i})" for i in range(60))
    whole = text_model(HEAD + f"v0 = Relu (x) {doubled} n = Shape (v60) r = Reshape (v60, n) y = Conv (r, w) }}")
    assert gru_lower.stream(whole, time={"x": 2}, verify=False).report.stream is not None


def beside_a_gru(*dims: int | str, attribute: AttributeProto | None = None) -> ModelProto:
    """Return a model whose GRU is right, and that takes an input of such dims."""
    model = zoo.gru_model(inputs=("X", "W", "R"), initializers=zoo.weights().values(), shape={"X": dims})
    if attribute is not None:
        model.graph.node[0].attribute.append(attribute)
    return model


@pytest.mark.parametrize("dims", [(2**62, 2**62, 2), (2**40, 2, 2), ("T", 2**62, 2), (0, 0, 0)])
def test_dims_beyond_all_sizes_are_no_bug(dims: tuple[int | str, ...]) -> None:
    model = beside_a_gru(*dims)
    report = gru_lower.inspect(model)
    assert len(report.sites) == 1
    with pytest.raises(GruLowerError):
        gru_lower.stream(model, verify=False)


def test_a_gru_that_reads_nothing_is_listed(tmp_path: Path) -> None:
    model = beside_a_gru(4, 2, 2)
    del model.graph.node[0].input[:]
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    assert gru_lower.inspect(tmp_path / "m.onnx").sites[0].code == "GL101"


def test_metadata_that_is_no_text_stays_as_it_is(tmp_path: Path) -> None:
    whole = text_model(HEAD + "y = Conv (x, w) }")
    whole.metadata_props.add(key="key", value="text")
    raw = whole.SerializeToString().replace(b"text", b"\xff\xfe\xfd\xfc")
    (tmp_path / "m.onnx").write_bytes(raw)
    made = gru_lower.stream(tmp_path / "m.onnx", time={"x": 2}, verify=False).model.SerializeToString()
    assert b"\xff\xfe\xfd\xfc" in made


def test_an_operator_that_is_not_plain_is_inferred_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = onnx_calls._asked
    found: list[str] = []

    def noting(name: str, number: int, raw: bytes) -> bytes:
        found.append(name)
        return asked(name, number, raw)

    onnx_calls._answers.clear()
    monkeypatch.setattr(onnx_calls, "_asked", noting)
    model = text_model(HEAD + "y = Celu (x) }")
    assert gru_lower.stream(model, time={"x": 2}, verify=False).report.stream is not None
    assert found
    assert set(found) == {"infer"}


def test_many_constants_are_made_within_one_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "ROOM", 1 << 20)
    model = text_model(HEAD + "y = Conv (x, w) }")
    size = numpy_helper.from_array(np.array([2**12], np.int64), "size")
    model.graph.initializer.append(size)
    for number in range(60):
        node = helper.make_node("ConstantOfShape", ["size"], [f"z{number}"])
        node.attribute.append(
            helper.make_attribute("value", helper.make_tensor("value", TensorProto.FLOAT, [1], [float(number)]))
        )
        model.graph.node.insert(0, node)
    total = helper.make_node("Sum", [f"z{number}" for number in range(60)], ["total"])
    model.graph.node.append(total)
    model.graph.output.add(name="total")
    report = gru_lower.inspect(model)
    assert any(found.code == "GL019" for found in report.diagnostics)
