"""--fix-dim: what contradicts the lengths is refused in one line, and what declares those of a trace is put right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.cli.main import run as command
from gru_lower.graph.shape_inference import infer
from lowering import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

I, H = 3, 4
Dims = list["int | str | None"]


def tensor(name: str, value: Any) -> onnx.TensorProto:
    array = np.asarray(value)
    return numpy_helper.from_array(array.astype(np.float32) if array.dtype == np.float64 else array, name)


def info(name: str, dims: Dims | None, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, dims)


def model(
    nodes: Sequence[onnx.NodeProto],
    constants: dict[str, Any],
    inputs: Sequence[onnx.ValueInfoProto] = (),
    outputs: Sequence[onnx.ValueInfoProto] = (),
    types: Sequence[onnx.ValueInfoProto] = (),
) -> onnx.ModelProto:
    """Return a model of X [T, N, 3], of W, R and B, and what is given."""
    rng = np.random.default_rng(2)
    weights = {name: rng.uniform(-0.5, 0.5, s) for name, s in (("W", (1, 12, I)), ("R", (1, 12, H)), ("B", (1, 24)))}
    graph = helper.make_graph(
        list(nodes),
        "g",
        [info("X", ["T", "N", I]), *inputs],
        list(outputs) or [info("Y", [None] * 4)],
        [tensor(name, value) for name, value in (weights | constants).items()],
        value_info=list(types),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def gru(*inputs: str, x: str = "X", y: str = "Y") -> onnx.NodeProto:
    return helper.make_node("GRU", [x, "W", "R", "B", *inputs], [y], name="rnn", hidden_size=H)


CONTRADICTIONS = {
    "a default of another batch": (
        model([gru("", "h0")], {"h0": np.ones((1, 2, H))}, [info("h0", [1, "N", H])]),
        {"N": 1},
        "h0",
    ),
    "a default of another batch, whose own dim is open": (
        model([gru("", "h0")], {"h0": np.ones((1, 2, H))}, [info("h0", [1, "M", H])]),
        {"N": 1},
        "initial_h",
    ),
    "lengths with a default of another batch": (
        model([gru("lens")], {"lens": np.array([3, 2], np.int32)}, [info("lens", ["N"], TensorProto.INT32)]),
        {"N": 1},
        "lens",
    ),
    "a constant state of another batch": (model([gru("", "h0")], {"h0": np.ones((1, 2, H))}), {"N": 1}, "initial_h"),
    "constant lengths beyond T": (
        model([gru("lens")], {"lens": np.array([5, 3], np.int32)}),
        {"T": 4},
        "sequence_lens",
    ),
    "a baked batch": (
        model([helper.make_node("Reshape", ["X", "s"], ["Q"]), gru(x="Q")], {"s": np.array([-1, 4, I])}),
        {"N": 1, "T": 5},
        "Reshape",
    ),
    "a baked shape": (
        model([helper.make_node("Reshape", ["X", "s"], ["Q"], name="view"), gru(x="Q")], {"s": np.array([0, 4, I])}),
        {"N": 1, "T": 5},
        "view",
    ),
    "a constant of other steps": (
        model([helper.make_node("Add", ["X", "p"], ["Q"], name="place"), gru(x="Q")], {"p": np.ones((6, 1, I))}),
        {"T": 5},
        "Add",
    ),
    "a constant put beside": (
        model([gru(), helper.make_node("Concat", ["X", "p"], ["Q"], axis=2)], {"p": np.ones((6, 1, I))},
              outputs=[info("Y", [None] * 4), info("Q", [None] * 3)]),
        {"T": 5, "N": 1},
        "Concat",
    ),
    "a squeeze": (
        model([gru(), helper.make_node("Squeeze", ["Y", "a"], ["Z"])], {"a": np.array([2])},
              outputs=[info("Z", [None] * 3)]),
        {"N": 2},
        "Squeeze",
    ),
    "a last step beyond T": (
        model([gru(), helper.make_node("Gather", ["Y", "i"], ["Z"], axis=0)], {"i": np.array(6)},
              outputs=[info("Z", [None] * 3)]),
        {"T": 5},
        "Gather",
    ),
    "a split": (
        model([gru(), helper.make_node("Split", ["Y", "s"], ["P", "Q"], axis=0)], {"s": np.array([3, 4])},
              outputs=[info("P", [None] * 4), info("Q", [None] * 4)]),
        {"T": 5},
        "Split",
    ),
}  # fmt: skip


@pytest.mark.parametrize("options", [{}, {"opset": 18}, {"form": "unroll"}, {"verify": False}])
@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_what_contradicts_the_lengths_is_refused(what: str, options: dict[str, Any]) -> None:
    given, lengths, word = CONTRADICTIONS[what]
    with pytest.raises(gru_lower.Unsupported) as caught:
        gru_lower.lower(given, fix_dims=lengths, **options)
    assert caught.value.code == "GL008"
    for key, length in lengths.items():
        assert f'"{key}": {length}' in caught.value.message
    assert word in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("words", [["lower"], ["legalize", "--target", "tract"]])
def test_on_the_command_line_it_is_exit_2_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    given, out = tmp_path / "m.onnx", tmp_path / "o.onnx"
    onnx.save(CONTRADICTIONS["a baked batch"][0], given)
    flags = ["--fix-dim", "N=1", "--fix-dim", "T=5"]
    assert command([words[0], str(given), "-o", str(out), *words[1:], *flags]) == 2
    assert "--fix-dim N=1 --fix-dim T=5 contradict the model" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("what", "lengths"),
    [
        ("a default of another batch", {"N": 2}),
        ("a constant state of another batch", {"N": 2}),
        ("constant lengths beyond T", {"T": 5}),
        ("a baked batch", {"N": 4, "T": 5}),
        ("a baked shape", {"N": 4, "T": 5}),
        ("a constant of other steps", {"T": 6}),
        ("a squeeze", {"N": 1}),
        ("a last step beyond T", {"T": 7}),
        ("a split", {"T": 7}),
    ],
)
def test_lengths_that_fit_are_taken(what: str, lengths: dict[str, int]) -> None:
    given, _, _ = CONTRADICTIONS[what]
    result = gru_lower.lower(given, fix_dims=lengths)
    assert result.report.verification.status == "equivalent"
    onnx.checker.check_model(result.model, full_check=True)


def traced(types: Sequence[onnx.ValueInfoProto] = ()) -> onnx.ModelProto:
    """Return what torch's dynamo exporter makes of nn.GRU: the output declares the length of the trace, 7."""
    nodes = [
        gru(y="Y4"),
        helper.make_node("Squeeze", ["Y4", "a"], ["Y3"]),
        helper.make_node("Shape", ["Y3"], ["s"]),
        helper.make_node("Gather", ["s", "first"], ["T1"], axis=0),
        helper.make_node("Cast", ["T1"], ["Tf"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["Y3", "Tf"], ["Y"]),
    ]
    return model(nodes, {"a": np.array([1]), "first": np.array(0)}, outputs=[info("Y", [7, "N", H])], types=types)


@pytest.mark.parametrize("types", [[], [info("Y4", [7, 1, "N", H])], [info("Y3", [7, "N", H])]])
@pytest.mark.parametrize("lengths", [{"T": 5}, {"T": 5, "N": 2}])
@pytest.mark.parametrize("options", [{}, {"opset": 18}, {"verify": False}, {"target": "tract"}])
def test_the_length_of_a_trace_is_put_right(
    types: list[onnx.ValueInfoProto], lengths: dict[str, int], options: dict[str, Any]
) -> None:
    """Were it believed, the model would divide by 7."""
    given = traced(types)
    result = gru_lower.lower(given, fix_dims=lengths, **options)
    onnx.checker.check_model(result.model, full_check=True)
    assert result.model.graph.output[0].type.tensor_type.shape.dim[0].dim_value == 5
    x = np.random.default_rng(0).standard_normal((5, 2, I)).astype(np.float32)
    np.testing.assert_allclose(run(result.model, {"X": x})["Y"], run(given, {"X": x})["Y"], atol=1e-6)
    said = [each.message for each in result.report.diagnostics if each.code == "GL014"]
    assert len(said) == 1
    assert "output Y declared [7," in said[0]


def test_a_declared_length_that_cannot_be_told_stays() -> None:
    given = traced()
    given.graph.node.add(op_type="Mystery", domain="my", input=["Y"], output=["Z"])
    given.opset_import.add(domain="my", version=1)
    given.graph.output.append(info("Z", [9, 2]))
    result = gru_lower.lower(given, fix_dims={"T": 5}, verify=False)
    assert [d.dim_value for d in result.model.graph.output[1].type.tensor_type.shape.dim] == [9, 2]


def test_where_nothing_is_fixed_a_stale_length_stays() -> None:
    result = gru_lower.lower(traced(), verify=False)
    assert result.model.graph.output[0].type.tensor_type.shape.dim[0].dim_value == 7


def test_what_is_not_inferred_keeps_nothing_else_from_being() -> None:
    nodes = [helper.make_node("SplitToSequence", ["X"], ["steps"], keepdims=0), helper.make_node("Neg", ["X"], ["Y"])]
    given = model([*nodes, gru(y="Z")], {}, outputs=[info("Y", None), info("Z", [None] * 4)])
    assert "Y" in infer(given)["main"]
    assert infer(given)["main"]["Y"].type.tensor_type.HasField("shape")


def test_steps_in_a_list_are_not_taken_for_a_contradiction() -> None:
    """ONNX's shape inference keeps the axis that SplitToSequence drops, and then finds this Add wrong."""
    nodes = [
        helper.make_node("SplitToSequence", ["X", "one"], ["steps"], axis=0, keepdims=0),
        helper.make_node("SequenceAt", ["steps", "second"], ["x"]),
        helper.make_node("Add", ["x", "bias"], ["Y"]),
        gru(y="Z"),
    ]
    constants = {"one": np.array(1), "second": np.array(1), "bias": np.ones((2, I))}
    given = model(nodes, constants, outputs=[info("Y", None), info("Z", [None] * 4)])
    result = gru_lower.lower(given, fix_dims={"T": 5, "N": 2})
    assert result.report.verification.status == "equivalent"
