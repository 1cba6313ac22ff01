"""Large constants that stay in the model's file: what is written is what is written where all of it was read."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
import zoo
from gru_lower.cli.main import run
from gru_lower.errors import InvalidModel
from gru_lower.graph import model as graph_model
from gru_lower.graph import set_aside, wire_format
from gru_lower.graph.write_model import save

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = (
    ("lower", "--no-verify"),
    ("lower", "--no-verify", "--passes", "lower-gru{form=scan packing=triple}"),
    ("lower", "--no-verify", "--form", "unroll", "--vocabulary", "minimal"),
    ("lower", "--no-verify", "--form", "loop"),
    ("lower", "--no-verify", "--passes", "merge-gru"),
    ("lower", "--no-verify", "--target", "openvino"),
    ("legalize", "--no-verify", "--target", "opencv5"),
    ("fuse", "--no-verify"),
    ("lower", "--cases", "1"),
)


@pytest.fixture
def everything_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_aside, "LARGE_FILE", 0)
    monkeypatch.setattr(set_aside, "LARGE", 1)


def model_of_all_kinds() -> onnx.ModelProto:
    """Return a GRU beside constants that say or do not say where their data is, in other fields, in a body, unused."""
    model = zoo.gru_model(inputs=["X", "W", "R", "B", "", "initial_h"], initializers=zoo.weights().values())
    for tensor in list(model.graph.initializer):
        if tensor.name == "R":
            tensor.data_location = TensorProto.DEFAULT
            tensor.doc_string = "recurrent"
    wide = np.arange(6, dtype=np.float32).reshape(2, 3)
    floats = TensorProto(name="floats", data_type=TensorProto.FLOAT, dims=(2, 3), float_data=wide.reshape(-1).tolist())
    doubles = TensorProto(name="doubles", data_type=TensorProto.DOUBLE, dims=(3,), double_data=[1.0, 2.0, 3.0])
    doubles.data_location = TensorProto.DEFAULT
    later = TensorProto.FromString(numpy_helper.from_array(wide, "later").SerializeToString() + zoo.UNKNOWN_FIELD)
    model.graph.initializer.extend([floats, doubles, later])
    body = helper.make_graph(
        [helper.make_node("Add", ["later", "inner"], ["sum"])],
        "body",
        [],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(wide, "inner")],
    )
    yes = helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.ones((), np.bool_)))
    model.graph.node.extend([yes, helper.make_node("If", ["yes"], ["z"], then_branch=body, else_branch=body)])
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, None))
    return model


def listed(model: onnx.ModelProto) -> onnx.ModelProto:
    """List the numbers of a model's weights in the field of their type, where they lie as in raw data."""
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and tensor.raw_data:
            numbers = numpy_helper.to_array(tensor).reshape(-1).tolist()
            tensor.ClearField("raw_data")
            tensor.float_data.extend(numbers)
    return model


@pytest.mark.parametrize("lists", [False, True])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_output_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], *, lists: bool
) -> None:
    path, model = tmp_path / "m.onnx", model_of_all_kinds()
    path.write_bytes((listed(model) if lists else model).SerializeToString())
    written = []
    for least in (1 << 40, 0):
        monkeypatch.setattr(set_aside, "LARGE_FILE", least)
        monkeypatch.setattr(set_aside, "LARGE", 1)
        assert (graph_model.load(path).aside is None) == bool(least)
        target = tmp_path / f"out{least}.onnx"
        assert run([words[0], str(path), "-o", str(target), "--quiet", *words[1:]]) == 0
        written.append(target.read_bytes())
    assert written[0] == written[1]


@pytest.mark.usefixtures("everything_aside")
def test_what_is_edited_is_whole_again_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    proto = model_of_all_kinds()
    path.write_bytes(proto.SerializeToString())
    held = graph_model.load(path)
    held.modified = True
    assert held.to_bytes() == proto.SerializeToString()
    save(held, tmp_path / "out.onnx")
    assert (tmp_path / "out.onnx").read_bytes() == proto.SerializeToString()


@pytest.mark.usefixtures("everything_aside")
def test_numbers_that_are_listed_stay_in_the_file_too(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(listed(model_of_all_kinds()).SerializeToString())
    held = graph_model.load(path)
    assert held.aside is not None
    assert {"W", "R", "B", "floats", "doubles"} <= {t.name for t in held.proto.graph.initializer if held.aside.holds(t)}


@pytest.mark.usefixtures("everything_aside")
def test_the_input_may_be_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(model_of_all_kinds().SerializeToString())
    assert run(["lower", str(path), "-o", str(path), "--overwrite", "--quiet", "--cases", "1"]) == 0
    lowered = onnx.load(path)
    assert not any(node.op_type == "GRU" for node in lowered.graph.node)
    assert not any(tensor.external_data for tensor in lowered.graph.initializer)


@pytest.mark.usefixtures("everything_aside")
def test_a_file_that_changes_meanwhile_is_not_mixed_into_the_output(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(model_of_all_kinds().SerializeToString())
    held = graph_model.load(path)
    held.modified = True
    path.write_bytes(bytes(len(path.read_bytes()) + 1))
    with pytest.raises(InvalidModel, match="has changed"):
        save(held, tmp_path / "out.onnx")
    assert [each.name for each in tmp_path.iterdir()] == ["m.onnx"]


@pytest.mark.usefixtures("everything_aside")
def test_the_library_hands_back_a_model_that_needs_no_file(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    proto = model_of_all_kinds()
    path.write_bytes(proto.SerializeToString())
    lowered = gru_lower.lower(path, verify=False)
    kept = gru_lower.fuse(path, verify=False)
    path.unlink()
    assert not any(tensor.external_data for tensor in lowered.model.graph.initializer)
    assert lowered.to_bytes() == lowered.model.SerializeToString()
    assert kept.model == proto
    assert kept.to_bytes() == proto.SerializeToString()


@pytest.mark.usefixtures("everything_aside")
def test_a_damaged_file_is_refused_as_ever(tmp_path: Path) -> None:
    raw = model_of_all_kinds().SerializeToString()
    for length in range(0, len(raw) - 1, 7):
        (tmp_path / "m.onnx").write_bytes(raw[:length])
        with pytest.raises(InvalidModel):
            graph_model.load(tmp_path / "m.onnx")


SIZE = 3 * 2200 * 2200 * 2 * 4
MEASURED = """
import re, sys
from pathlib import Path
from gru_lower.cli.main import run
code = run(sys.argv[1:])
print(re.search("VmHWM:(.*)kB", Path("/proc/self/status").read_text())[1])
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_large_model_is_not_in_memory(tmp_path: Path) -> None:
    h = 2200
    path = tmp_path / "m.onnx"
    held = [TensorProto(name=n, data_type=1, dims=(1, 3 * h, h), raw_data=bytes(SIZE // 2)) for n in "WR"]
    node = helper.make_node("GRU", ["X", "W", "R"], ["Y"], hidden_size=h)
    x = helper.make_tensor_value_info("X", TensorProto.FLOAT, ["T", "B", h])
    y = helper.make_tensor_value_info("Y", TensorProto.FLOAT, None)
    model = helper.make_model(helper.make_graph([node], "g", [x], [y], held), ir_version=8)
    model.opset_import[0].version = 17
    path.write_bytes(model.SerializeToString())
    del model, held
    out = str(tmp_path / "out.onnx")
    for words in (["inspect"], ["check"], ["lower", "--no-verify", "-o", out]):
        argv = [sys.executable, "-c", MEASURED, words[0], str(path), *words[1:], "--quiet"]
        done = subprocess.run(argv, stdout=subprocess.PIPE, check=True, text=True)
        peak = int(done.stdout.split()[-1]) * 1024
        assert peak < SIZE, (words, peak)


@pytest.mark.parametrize("data", [b"\0" * 1000, b"\x08\x01" * 1000], ids=["zeros", "small fields"])
def test_a_file_of_many_small_fields_is_not_walked(
    data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two gigabytes of them would take an hour.
    monkeypatch.setattr(set_aside, "LARGE_FILE", 0)
    monkeypatch.setattr(set_aside, "MOST_FIELDS", 100)
    walked, varint = [0], wire_format._varint

    def counted(buffer: bytes, at: int) -> tuple[int, int]:
        walked[0] += 1
        return varint(buffer, at)

    monkeypatch.setattr(wire_format, "_varint", counted)
    path = tmp_path / "many.onnx"
    path.write_bytes(data)
    assert set_aside.set_aside(path) is None
    assert walked[0] < 250
