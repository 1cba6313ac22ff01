"""Attributes that no version of an operator has, or of another type, beside a good GRU: no pass stumbles on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import AttributeProto, helper

import zoo
from gru_lower.cli.main import run
from gru_lower.graph.scopes import count_nodes

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_an_attribute_that_no_version_has_does_not_stop_the_change_of_opset(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = zoo.gru_model()
    model.opset_import[0].version = 22
    y = model.graph.output[0].name
    model.graph.node.append(helper.make_node("Relu", [y], ["relu"], name="odd", nothing=1))
    path = tmp_path / "m.onnx"
    onnx.save(model, path)
    run(["lower", str(path), "-o", str(tmp_path / "o.onnx"), "--no-verify", "--opset", "17"])
    said = capsys.readouterr()
    assert "failed on something odd" not in said.out + said.err


def test_a_permutation_whose_type_is_left_out_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = zoo.gru_model()
    gru = model.graph.node[0]
    turned = onnx.NodeProto(op_type="Transpose", input=[gru.input[0]], output=["turned"])
    turned.attribute.append(AttributeProto(name="perm", ints=[1, 0, 2]))
    x = next(value for value in model.graph.input if value.name == gru.input[0])
    steps, batch, _ = x.type.tensor_type.shape.dim
    steps.dim_value, batch.dim_value = batch.dim_value, steps.dim_value
    gru.input[0] = "turned"
    model.graph.node.insert(0, turned)
    path = tmp_path / "m.onnx"
    onnx.save(model, path)
    code = run(["lower", str(path), "-o", str(tmp_path / "o.onnx"), "--no-verify", "--form", "unroll"])
    said = capsys.readouterr()
    assert code == 0, said.out + said.err
    assert count_nodes(onnx.load(tmp_path / "o.onnx"), "GRU") == 0
