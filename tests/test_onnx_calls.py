"""onnx's C++ reads plain graphs at once, others in a process of its own, within limits of memory and time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto, helper, numpy_helper

import gru_lower
import zoo
from gru_lower.cli import parse_values
from gru_lower.cli.main import run
from gru_lower.graph import budget, onnx_calls, onnx_functions
from gru_lower.graph.facts import Facts
from gru_lower.graph.infer_node import infer_node
from gru_lower.graph.model import Model
from gru_lower.graph.scopes import walk
from gru_lower.graph.validation import negative_dims
from gru_lower.graph.validation.plain_graphs import is_plain
from gru_lower.isolation import chosen_memory, memory_limit
from gru_lower.verification.worker import process
from gru_lower.verification.worker.kept_processes import end_kept

if TYPE_CHECKING:
    from onnx import NodeProto

FIXTURES = sorted((Path(__file__).resolve().parent.parent / "fixtures").glob("*.onnx"))


def beside_a_gru(*nodes: NodeProto, constants: tuple[TensorProto, ...] = ()) -> ModelProto:
    model = zoo.gru_model(initializers=zoo.weights().values(), opset=17)
    model.graph.initializer.extend(constants)
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    return model


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the calls for which a process was started."""
    found: list[str] = []
    asked = onnx_calls._asked

    def counted(name: str, number: int, raw: bytes) -> bytes:
        found.append(name)
        return asked(name, number, raw)

    onnx_calls._answers.clear()
    monkeypatch.setattr(onnx_calls, "_asked", counted)
    return found


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_a_plain_model_starts_no_process_for_it(path: Path, started: list[str]) -> None:
    gru_lower.inspect(path)
    gru_lower.lower(path, verify=False)
    gru_lower.check(path)
    assert not started


def test_what_is_set_aside_for_a_conversion_is_plain_too(started: list[str]) -> None:
    gru_lower.lower(beside_a_gru(), opset=18, verify=False)
    assert not started


ODD: dict[str, ModelProto] = {
    "an operator that is not known": beside_a_gru(helper.make_node("StringSplit", ["X"], ["p", "q"])),
    "an attribute that is not known": beside_a_gru(helper.make_node("Neg", ["X"], ["p"], scale=2)),
    "an axis beyond any rank": beside_a_gru(helper.make_node("Softmax", ["X"], ["p"], axis=2**40)),
    "a size beyond any": beside_a_gru(
        helper.make_node("ConstantOfShape", ["n"], ["p"]),
        constants=(helper.make_tensor("n", TensorProto.INT64, [1], [2**50]),),
    ),
    "a step of nothing": beside_a_gru(helper.make_node("MaxPool", ["X"], ["p"], kernel_shape=[2], strides=[0])),
}


@pytest.mark.parametrize("what", ODD)
def test_what_is_not_plain_is_read_in_a_process(what: str, started: list[str]) -> None:
    model = ODD[what]
    assert not is_plain(model)
    assert gru_lower.lower(model, verify=False).report.sites[0].action == "lowered"
    assert set(started) <= {"infer"}
    assert started.count("infer") == len(set(started))  # the same question is asked once


def test_shapes_come_back_from_the_process(started: list[str]) -> None:
    model = beside_a_gru(
        helper.make_node("Neg", ["X"], ["p"], scale=2), helper.make_node("Transpose", ["p"], ["q"], perm=[1, 0, 2])
    )
    scope = next(walk(model))
    shape = Facts(Model(model)).shape(scope, "q")
    given = Facts(Model(model)).shape(scope, "X")
    assert given is not None
    assert shape == (given[1], given[0], given[2])
    assert started == ["infer"]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["crash", "hang", "memory"])
def test_a_process_that_does_not_come_back_costs_a_note(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[str]
) -> None:
    """A stand-in for onnx ends, hangs or takes memory: what does so to onnx itself is not kept as a model."""
    stand_in = {
        "crash": "import os; os.abort()",
        "hang": "import time; time.sleep(600)",
        "memory": "b = b'x' * (3 << 30)",
    }[how]
    script = tmp_path / "stand_in.py"
    script.write_text(
        f"import sys; sys.stdin.buffer.read()\n"
        f"from gru_lower.isolation.memory_limit import limit_memory\nlimit_memory(int(sys.argv[-1]))\n{stand_in}\n"
    )
    monkeypatch.setattr(onnx_calls, "COMMAND", (sys.executable, str(script)))
    monkeypatch.setattr(onnx_calls, "SECONDS", 3.0 if how == "hang" else 20.0)
    model = beside_a_gru(helper.make_node("Neg", ["X"], ["p"], scale=2))
    model.graph.node[-1].input[0] = "p"  # of which nothing is known then
    report = gru_lower.lower(model, verify=False, memory=1 << 30).report
    assert [each.code for each in report.diagnostics].count("GL019") == 1
    assert report.sites[0].action == "lowered"
    assert started


def test_the_process_answers_as_the_functions_do() -> None:
    model = beside_a_gru(helper.make_node("Neg", ["X"], ["p"]))
    for name, number in (("infer", 0), ("convert", 18)):
        there = onnx_calls._asked(name, number, model.SerializeToString())
        assert ModelProto.FromString(there[1:]) == onnx_functions.FUNCTIONS[name](model, number)
    wrong = beside_a_gru(helper.make_node("Softmax", ["X"], ["p"], axis=9))
    assert onnx_calls._asked("infer strictly", 0, wrong.SerializeToString())[:1] == b"E"


def functions_that_call(length: int, calls: int) -> ModelProto:
    model = beside_a_gru(helper.make_node("f0", ["X"], ["p"], domain="own"))
    model.opset_import.append(helper.make_opsetid("own", 1))
    for i in range(length):
        nodes = [
            helper.make_node(f"f{i + 1}", [f"b{j}"], [f"b{j + 1}"], domain="own")
            if i < length - 1
            else helper.make_node("Neg", [f"b{j}"], [f"b{j + 1}"])
            for j in range(calls)
        ]
        imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
        model.functions.append(helper.make_function("own", f"f{i}", ["b0"], [f"b{calls}"], nodes, imports))
    return model


@pytest.mark.slow
@pytest.mark.parametrize(("length", "calls"), [(1000, 1), (18, 2), (5, 12)])
def test_functions_that_would_be_entered_without_end_are_not_inferred(
    length: int, calls: int, started: list[str]
) -> None:
    model = functions_that_call(length, calls)
    for work in (gru_lower.inspect, gru_lower.check):
        work(model)
    assert gru_lower.lower(model, verify=False).report.sites[0].action == "lowered"
    assert gru_lower.fuse(model, verify=False).report.sites == []
    assert not started


def test_a_few_functions_are_plain() -> None:
    assert is_plain(functions_that_call(3, 2))


def test_memory_is_what_was_asked_for_or_fits_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chosen_memory, "default_memory", lambda: 64 << 30)
    assert chosen_memory.chosen_memory() >= 4 << 30
    chosen_memory.note_model(lambda: 2 << 30)
    assert chosen_memory.chosen_memory() == 10 << 30
    with chosen_memory.asked_memory(1 << 20):
        assert chosen_memory.chosen_memory() == 1 << 20
    monkeypatch.setattr(chosen_memory, "default_memory", lambda: 6 << 30)
    assert chosen_memory.chosen_memory() == 6 << 30
    chosen_memory.note_model(lambda: 0)
    chosen_memory.note_model(lambda: 0)
    assert memory_limit.default_memory() > 0


@pytest.mark.parametrize(
    ("text", "size"), [("8GB", 8 * 10**9), ("512mb", 512 * 10**6), ("1.5G", 1_500_000_000), ("4096", 4096)]
)
def test_sizes_are_read(text: str, size: int) -> None:
    nothing: Any = None
    assert parse_values.size(nothing, nothing, text) == size


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "4 parsecs", "1e9", "nan"])
def test_what_is_no_size_is_refused(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(beside_a_gru().SerializeToString())
    assert run(["inspect", str(path), "--memory", text]) == 2
    assert "write it like 8GB" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", ["lower", "fuse", "check", "inspect", "verify", "legalize", "bench", "quantize", "stream"]
)
def test_every_command_takes_memory(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    assert "--memory SIZE" in capsys.readouterr().out


def test_the_memory_asked_for_reaches_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    end_kept()  # those of other tests, which would be taken again
    asked: list[int] = []
    start = process.Process.__init__

    def noted(self: process.Process, memory: int, *args: Any, **more: Any) -> None:
        asked.append(memory)
        start(self, memory, *args, **more)

    monkeypatch.setattr(process.Process, "__init__", noted)
    monkeypatch.chdir(tmp_path)
    Path("m.onnx").write_bytes(beside_a_gru().SerializeToString())
    assert run(["lower", "m.onnx", "-o", "a.onnx", "--memory", "3GB", "--quiet"]) == 0
    Path("pyproject.toml").write_text('[tool.gru-lower]\nmemory = "2GB"\n')
    end_kept()
    assert run(["lower", "m.onnx", "-o", "b.onnx", "--quiet"]) == 0
    assert set(asked) == {3 * 10**9, 2 * 10**9}


def test_types_that_are_no_tensors_are_not_plain() -> None:
    model = beside_a_gru()
    value = ValueInfoProto(name="m")
    value.type.map_type.key_type = TensorProto.INT64
    model.graph.value_info.append(value)
    assert not is_plain(model)
    assert isinstance(model.graph, GraphProto)


def in_turns(turns: int) -> ModelProto:
    """Return a model of a convolution and a Slice behind it, again and again; all of it fits."""
    graph = helper.make_graph(
        [],
        "turns",
        [helper.make_tensor_value_info("v0", TensorProto.FLOAT, [1, 2, 90])],
        [helper.make_tensor_value_info(f"v{turns}", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(np.ones((2, 2, 3), np.float32), "w"),
            *(numpy_helper.from_array(np.array([number], np.int64), f"n{number}") for number in (1, 2, 80)),
        ],
    )
    for turn in range(turns):
        graph.node.append(helper.make_node("Conv", [f"v{turn}", "w"], [f"c{turn}"], kernel_shape=[3]))
        graph.node.append(helper.make_node("Slice", [f"c{turn}", "n1", "n80", "n2"], [f"v{turn + 1}"]))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_slices_behind_windows_are_inferred_when_what_is_before_them_is_known(
    monkeypatch: pytest.MonkeyPatch, started: list[str]
) -> None:
    seen: list[int] = []
    infer = onnx_functions.FUNCTIONS["infer"]

    def noting(model: ModelProto, number: int) -> ModelProto:
        seen.append(sum(node.op_type == "Slice" and not node.domain for node in model.graph.node))
        return infer(model, number)

    monkeypatch.setitem(onnx_functions.FUNCTIONS, "infer", noting)
    found = onnx_calls.call("infer", in_turns(2))
    assert seen == [0, 1, 2]
    assert [dim.dim_value for dim in found.graph.output[0].type.tensor_type.shape.dim] == [1, 2, 76]
    assert not started


def test_many_rounds_go_to_a_process_where_that_is_quicker(monkeypatch: pytest.MonkeyPatch, started: list[str]) -> None:
    here = onnx_calls.call("infer", in_turns(9))
    assert not started
    monkeypatch.setattr(negative_dims, "MOST_INFERRED", 100)
    there = onnx_calls.call("infer", in_turns(9))
    assert started == ["infer"]
    assert here == there


def test_an_axis_of_negative_length_is_no_matter_for_this_process(
    monkeypatch: pytest.MonkeyPatch, started: list[str]
) -> None:
    answer = in_turns(1)
    answer.graph.value_info.append(helper.make_tensor_value_info("c0", TensorProto.FLOAT, [1, 2, 3]))
    answer.graph.value_info[0].type.tensor_type.shape.dim[2].dim_value = -3
    monkeypatch.setitem(onnx_functions.FUNCTIONS, "infer", lambda _model, _number: answer)
    onnx_calls.call("infer", in_turns(1))
    assert started == ["infer"]


SIZED = {
    "Pad": [0, 0, -1, 0, 0, 0],
    "Split": [-1, 2],
    "TopK": [-1],
    "Expand": [-1],
}


@pytest.mark.parametrize("op_type", SIZED)
def test_a_negative_size_in_front_of_a_slice_is_no_matter_for_this_process(op_type: str, started: list[str]) -> None:
    model = in_turns(0)
    model.graph.initializer.append(numpy_helper.from_array(np.array(SIZED[op_type], np.int64), "size"))
    outputs = ["a", "b"] if op_type in ("Split", "TopK") else ["a"]
    model.graph.node.append(helper.make_node(op_type, ["v0", "size"], outputs))
    onnx_calls.call("infer", model)
    assert not started
    model.graph.node.append(helper.make_node("Slice", ["w", "n1", "n80", "n2"], ["cut"]))  # which is another's
    onnx_calls.call("infer", model)
    assert started == ["infer"]


@pytest.mark.parametrize(("end", "length"), [(1 << 40, 5), (-(1 << 40), 0), (3, 2)])
def test_a_slice_that_ends_beyond_any_axis_is_inferred_here(end: int, length: int, started: list[str]) -> None:
    node = helper.make_node("Slice", ["x", "first", "end"], ["y"])
    constants = {
        name: numpy_helper.from_array(np.array([number], np.int64), name)
        for name, number in (("first", 1), ("end", end))
    }
    types = {"x": helper.make_tensor_type_proto(TensorProto.FLOAT, [6])}
    types |= {name: helper.make_tensor_type_proto(TensorProto.INT64, [1]) for name in constants}
    found = infer_node(node, types, constants, {"": 17}, 8)
    assert [dim.dim_value for dim in found["y"].tensor_type.shape.dim] == [length]
    assert not started


def test_calls_that_do_not_come_back_share_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    model = beside_a_gru(helper.make_node("NonZero", ["X"], ["p"]))
    with budget.of_one_call(), monkeypatch.context() as patch:
        budget.begin(lambda: 0).process_seconds = 0.0
        patch.setattr("subprocess.run", pytest.fail)
        with pytest.raises(onnx_calls.OnnxRefusalError, match="all the time"):
            onnx_calls.call("infer", model)
    assert onnx_calls.call("infer", model).graph.node  # another call has its own time
