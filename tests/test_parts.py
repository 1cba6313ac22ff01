"""Parts that stay as bytes are written as they would be as messages, which they become when they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from gru_lower.graph.message_layout import head
from gru_lower.graph.model import Model, hold
from gru_lower.graph.parts import number_of
from gru_lower.graph.write_model import save
from gru_lower.rewriting.pipelines import lowering
from gru_lower.rewriting.rewrite_model import rewrite_model

if TYPE_CHECKING:
    from pathlib import Path

H = 3


def chained(
    count: int, *, shared: bool = False, outputs: str = "Y", ir_version: int = 8, name: str = "gru{}"
) -> ModelProto:
    """Return GRUs in a row, each with a Squeeze behind it."""
    rng = np.random.default_rng(0)
    nodes, tensors, last = [], [numpy_helper.from_array(np.array([1]), "axes")], "X"
    for index in range(count):
        of = 0 if shared else index
        if of == index:
            for key, shape in (("W", (1, 3 * H, H)), ("R", (1, 3 * H, H)), ("B", (1, 6 * H))):
                tensors.append(numpy_helper.from_array(rng.uniform(-1, 1, shape).astype(np.float32), f"{key}{index}"))
        made = [f"{each}{index}" if each else "" for each in outputs.split("+")]
        weights = [f"{key}{of}" for key in "WRB"]
        doc = f"layer {index}"
        node = helper.make_node("GRU", [last, *weights], made, name.format(index), hidden_size=H, doc_string=doc)
        nodes += [node, helper.make_node("Squeeze", [f"Y{index}", "axes"], [f"S{index}"], f"squeeze{index}")]
        last = f"S{index}"
    values = [helper.make_tensor_value_info(each, TensorProto.FLOAT, ["T", "N", H]) for each in ("X", last)]
    graph = helper.make_graph(nodes, "chain", values[:1], values[1:], tensors, doc_string="a chain")
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=ir_version, producer_name="test")
    helper.set_model_props(model, {"who": "me"})
    return model


def lowered(model: ModelProto, form: str = "scan") -> Model:
    """Return the model lowered; nobody has read it since."""
    return rewrite_model(hold(ModelProto.FromString(model.SerializeToString())), lowering(form)).held


KINDS = {
    "one": {"count": 1},
    "several": {"count": 7},
    "weights shared": {"count": 5, "shared": True},
    "an output that nothing uses": {"count": 4, "outputs": "Y+Yh"},
    "metadata": {"count": 3, "ir_version": 10},
    "no names": {"count": 4, "name": ""},
    "one name": {"count": 4, "name": "gru"},
    "names in folders": {"count": 12, "name": "/a/{}/gru"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["scan", "loop"])
def test_pieces_are_the_bytes_of_the_messages(kind: str, form: str) -> None:
    held = lowered(chained(**KINDS[kind]), form)  # type: ignore[arg-type]
    counts, written = held.op_counts(), held.to_bytes()
    assert written == held.proto.SerializeToString()
    assert counts == held.op_counts()
    onnx.checker.check_model(held.proto)
    assert all(number_of(node) is None for node in held.proto.graph.node)


def test_nothing_is_read_that_is_only_written(tmp_path: Path) -> None:
    held = lowered(chained(50))
    save(held, tmp_path / "out.onnx")
    assert len(held.waiting) == 50
    assert len(held.stubbed.graph.node) == 100
    assert (tmp_path / "out.onnx").read_bytes() == held.proto.SerializeToString()
    assert not held.waiting


def test_a_name_that_is_taken_is_not_given_again() -> None:
    model = chained(3)
    model.graph.node[1].name = "gru1/Xz"
    extra = helper.make_node("Identity", ["S0"], ["gru2/pre_zr"], "free")
    model.graph.node.insert(2, extra)
    held = lowered(model)
    names = [name for node in held.proto.graph.node for name in (node.name,)]
    assert len(names) == len(set(names))
    onnx.checker.check_model(held.proto, full_check=True)


def test_unknown_fields_of_the_model_stay() -> None:
    raw = chained(3).SerializeToString() + head(777, 2) + b"hi"
    held = rewrite_model(hold(ModelProto.FromString(raw)), lowering("scan")).held
    assert head(777, 2) + b"hi" in held.to_bytes()
    assert held.to_bytes() == held.proto.SerializeToString()
