"""Generated inputs run the model and say something about it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gru_lower.verification.inputs.errors import BadInputs, Unfeedable
from gru_lower.verification.inputs.generate import candidate_feeds
from gru_lower.verification.inputs.override_defaults import overriding_feeds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gru_lower.verification.arrays import Feeds

Dims = list[int | str | None] | None


def model(
    inputs: dict[str, tuple[int, Dims]],
    nodes: Iterable[onnx.NodeProto] = (),
    constants: dict[str, np.ndarray[Any, Any]] | None = None,
    *,
    ir_version: int = 8,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        list(nodes) or [helper.make_node("Identity", [next(iter(inputs))], ["y"])],
        "g",
        [helper.make_tensor_value_info(name, elem_type, dims) for name, (elem_type, dims) in inputs.items()],
        [onnx.ValueInfoProto(name="y")],
        [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=ir_version)


def first(proto: onnx.ModelProto, count: int = 14, **options: Any) -> list[Feeds]:
    return list(islice(candidate_feeds(proto, **options), count))


def shapes(feeds: Iterable[Feeds], name: str) -> list[tuple[int, ...]]:
    return [case[name].shape for case in feeds]


def test_unknown_dims_vary_start_small_differ_and_grow() -> None:
    cases = first(model({"x": (TensorProto.FLOAT, ["batch", "time", 4])}))
    batches, times = zip(*((b, t) for b, t, _ in shapes(cases, "x")), strict=True)
    assert (batches[0], times[0]) == (2, 3)
    assert len(set(times)) >= 8
    assert (1, 1) in zip(batches, times, strict=True)
    assert {16, 50, 100, 200} <= set(times)
    assert all(batch <= 2 for batch, time in zip(batches, times, strict=True) if time >= 50 and time != 64)
    assert all(shape[2] == 4 for shape in shapes(cases, "x"))


def test_dims_of_one_name_are_one_size_and_unnamed_ones_are_tried_both_equal_and_different() -> None:
    cases = first(
        model(
            {
                "x": (TensorProto.FLOAT, ["n", "t"]),
                "y": (TensorProto.FLOAT, ["t", None]),
                "z": (TensorProto.FLOAT, [None, 3]),
            }
        )
    )
    assert all(case["x"].shape[1] == case["y"].shape[0] for case in cases)
    assert {case["y"].shape[1] == case["z"].shape[0] for case in cases} == {True, False}


@pytest.mark.parametrize("layout", [0, 1])
def test_the_batch_of_a_gru_is_one_size_without_a_name(layout: int) -> None:
    state: Dims = [None, 1, 3] if layout else [1, None, 3]
    proto = model(
        {
            "x": (TensorProto.FLOAT, [None, None, 2]),
            "h": (TensorProto.FLOAT, state),
            "lens": (TensorProto.INT32, [None]),
        },
        [
            helper.make_node("Relu", ["x"], ["x1"]),
            helper.make_node("GRU", ["x1", "W", "R", "", "lens", "h"], ["y"], hidden_size=3, layout=layout),
        ],
        {"W": np.zeros((1, 9, 2), np.float32), "R": np.zeros((1, 9, 3), np.float32)},
    )
    for case in first(proto):
        batch = case["x"].shape[0 if layout else 1]
        assert case["h"].shape[0 if layout else 1] == batch
        assert case["lens"].shape == (batch,)
        assert case["lens"].max() == case["x"].shape[1 if layout else 0]
        assert case["lens"].min() >= 1


def test_a_given_shape_binds_its_dims_everywhere() -> None:
    proto = model({"x": (TensorProto.FLOAT, ["n", "t", 4]), "h": (TensorProto.FLOAT, [1, "n", 5])})
    cases = first(proto, 4, shapes={"x": (6, 9, 4)})
    assert shapes(cases, "x") == [(6, 9, 4)] * 4
    assert shapes(cases, "h") == [(1, 6, 5)] * 4
    assert first(model({"x": (TensorProto.FLOAT, None)}), 1, shapes={"x": (2, 3)})[0]["x"].shape == (2, 3)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"x": (6, 9)}, "has 2 dims"),
        ({"x": (6, 9, 5)}, "axis 2 of input 'x' is 4 in one place and 5"),
        ({"X": (6, 9, 4)}, "no such input"),
        ({"x": (6, 9, 4), "h": (1, 7, 5)}, "axis 1 of input 'h'"),
    ],
)
def test_a_shape_that_does_not_fit_is_refused(given: dict[str, tuple[int, ...]], complaint: str) -> None:
    proto = model({"x": (TensorProto.FLOAT, ["n", "t", 4]), "h": (TensorProto.FLOAT, [1, "n", 5])})
    with pytest.raises(BadInputs, match=complaint):
        candidate_feeds(proto, shapes=given)


def test_static_dims_of_the_other_model_bind_too() -> None:
    dynamic = model({"x": (TensorProto.FLOAT, ["n", "t", 4]), "h": (TensorProto.FLOAT, [1, "n", 5])})
    static = model({"x": (TensorProto.FLOAT, [1, "sequence", 4]), "h": (TensorProto.FLOAT, [1, 1, 5])})
    for case in first(dynamic, other=static):
        assert case["x"].shape[0] == case["h"].shape[1] == 1
    assert len(set(shapes(first(dynamic, other=static), "x"))) > 5


def test_dims_of_one_name_in_the_other_model_bind_where_an_input_is_missing_here() -> None:
    kind = TensorProto.FLOAT
    ours = model({"x": (kind, ["a", "b"]), "z": (kind, ["c", "d"])})
    theirs = model(
        {"w": (kind, ["k", "n"]), "x": (kind, ["n", None]), "z": (kind, [None, "n"])},
        constants={"w": np.zeros((2, 3), np.float32)},
    )
    cases = first(ours, other=theirs)
    assert all(case["x"].shape[0] == case["z"].shape[1] for case in cases)
    assert any(case["x"].shape[1] != case["z"].shape[0] for case in cases)


@pytest.mark.parametrize(
    "path",
    [
        [],
        [helper.make_node("Cast", ["ids"], ["at"], to=TensorProto.INT32)],
        [helper.make_node("Unsqueeze", ["ids", "axis"], ["a"]), helper.make_node("Transpose", ["a"], ["at"])],
        [helper.make_node("Reshape", ["ids", "flat"], ["a"]), helper.make_node("Identity", ["a"], ["at"])],
    ],
)
def test_indices_stay_in_their_table(path: list[onnx.NodeProto]) -> None:
    constants = {"table": np.zeros((7, 3), np.float32), "axis": np.array([0]), "flat": np.array([-1])}
    gather = helper.make_node("Gather", ["table", "at" if path else "ids"], ["y"], axis=0)
    ids = np.concatenate(
        [
            case["ids"].ravel()
            for case in first(model({"ids": (TensorProto.INT64, ["n", "t"])}, [*path, gather], constants))
        ]
    )
    assert set(ids.tolist()) == set(range(7))


def test_indices_into_an_input_an_axis_and_a_body() -> None:
    rows = model(
        {"data": (TensorProto.FLOAT, [3, "n"]), "at": (TensorProto.INT64, [20])},
        [helper.make_node("Gather", ["data", "at"], ["y"], axis=1)],
    )
    for case in first(rows):
        assert 0 <= case["at"].min() <= case["at"].max() < case["data"].shape[1]
    scanned = onnx.parser.parse_model("""<ir_version: 8, opset_import: ["": 17]>
        g (int64[t] ids) => (float[t, k] y) <float[5, 2] table = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}> {
            y = Scan<num_scan_inputs = 1, body = b (int64 i) => (float[k] r) { r = Gather<axis = 0>(table, i) }>(ids)
        }""")
    ids = np.concatenate([case["ids"] for case in first(scanned)])
    assert ids.max() == 4
    called = onnx.parser.parse_model("""<ir_version: 8, opset_import: ["": 17, "my": 1]>
        g (int64[t] ids) => (float[t, k] y) { y = my.Embed(ids) }
        <domain: "my", opset_import: ["": 17]>
        Embed (i) => (o) { table = Constant<value = float[3, 1] {0, 1, 2}>()  o = Gather<axis = 0>(table, i) }""")
    assert np.concatenate([case["ids"] for case in first(called)]).max() == 2


def lens_model(name: str = "n", nodes: Iterable[onnx.NodeProto] = (), x: Dims = None) -> onnx.ModelProto:
    """Return a GRU over x [B,T,I], transposed, with lengths."""
    return model(
        {"x": (TensorProto.FLOAT, x or ["b", "t", 2]), name: (TensorProto.INT64, ["b"])},
        [
            *nodes,
            helper.make_node("Transpose", ["x"], ["xt"], perm=[1, 0, 2]),
            helper.make_node("Cast", [name], ["lens32"], to=TensorProto.INT32),
            helper.make_node("GRU", ["xt", "W", "R", "", "lens32"], ["y"], hidden_size=3),
        ],
        {"W": np.zeros((1, 9, 2), np.float32), "R": np.zeros((1, 9, 3), np.float32)},
    )


def test_lengths_are_ragged_full_once_and_never_zero_unless_asked() -> None:
    cases = first(lens_model())
    for case in cases:
        assert case["n"].max() == case["x"].shape[1]
        assert case["n"].min() >= 1
    assert any(case["n"].min() < case["x"].shape[1] for case in cases[:3])
    asked = first(lens_model(), zero_lengths=True)
    assert all(case["n"].min() == 0 for case in asked if case["n"].size > 1)
    assert all(case["n"].max() == case["x"].shape[1] for case in asked)


def test_lengths_are_known_by_the_second_layer_of_a_stack_too() -> None:
    proto = model(
        {"x": (TensorProto.FLOAT, [9, "b", 3]), "n": (TensorProto.INT32, ["b"])},
        [
            helper.make_node("GRU", ["x", "W", "R"], ["y1"], hidden_size=3),
            helper.make_node("Squeeze", ["y1", "one"], ["y2"]),
            helper.make_node("GRU", ["y2", "W", "R", "", "n"], ["y"], hidden_size=3),
        ],
        {"W": np.zeros((1, 9, 3), np.float32), "R": np.zeros((1, 9, 3), np.float32), "one": np.array([1])},
    )
    assert all(case["n"].max() == 9 for case in first(proto))


@pytest.mark.parametrize("name", ["x_lens", "seq_len", "input_lengths", "SeqLength"])
def test_lengths_are_known_by_name_where_no_gru_says_so(name: str) -> None:
    for case in first(model({"x": (TensorProto.FLOAT, ["b", "t", 80]), name: (TensorProto.INT64, ["b"])})):
        assert case[name].max() == case["x"].shape[1]
        assert case[name].min() >= 1
    for case in first(model({"x": (TensorProto.FLOAT, ["t", "b"]), name: (TensorProto.INT64, ["b"])})):
        assert case[name].max() == case["x"].shape[0]


def test_floats_are_bounded_never_all_zero_and_sometimes_positive() -> None:
    cases = first(model({"x": (TensorProto.FLOAT, ["n", 50]), "h0": (TensorProto.FLOAT, [1, "n", 5])}))
    assert all(np.abs(case["x"]).max() <= 3 for case in cases)
    assert all(np.count_nonzero(case["h0"]) > 0 for case in cases)
    assert any(case["x"].min() < 0 for case in cases[:3])
    assert any(case["x"].min() > 0 for case in cases[:3])


def test_recurrent_weights_are_scaled_so_that_nothing_is_chaotic() -> None:
    proto = model(
        {
            "x": (TensorProto.FLOAT, ["t", "n", 64]),
            "W": (TensorProto.FLOAT, [1, 192, 64]),
            "R": (TensorProto.FLOAT, [1, 192, 64]),
        },
        [helper.make_node("GRU", ["x", "W", "R"], ["y"], hidden_size=64)],
    )
    case = first(proto, 1)[0]
    assert case["R"].std() < 0.15
    assert case["W"].std() < 0.15
    assert case["x"].std() > 0.8


def test_each_type_gets_values_of_its_own() -> None:
    kinds = {
        "bf": TensorProto.BFLOAT16,
        "half": TensorProto.FLOAT16,
        "double": TensorProto.DOUBLE,
        "u8": TensorProto.UINT8,
        "i8": TensorProto.INT8,
        "i64": TensorProto.INT64,
        "flag": TensorProto.BOOL,
        "words": TensorProto.STRING,
        "c": TensorProto.COMPLEX64,
        "attention_mask": TensorProto.INT64,
    }
    case = first(model({name: (elem_type, [40]) for name, elem_type in kinds.items()}), 1)[0]
    assert case["bf"].dtype == ml_dtypes.bfloat16
    assert case["half"].dtype == np.float16
    assert case["double"].dtype == np.float64
    assert case["u8"].max() > 127
    assert case["i8"].min() < 0
    assert 0 <= case["i64"].min() <= case["i64"].max() < 10
    assert set(case["flag"].tolist()) == {True, False}
    assert {type(word) for word in case["words"].tolist()} == {str}
    assert np.iscomplexobj(case["c"])
    assert case["attention_mask"].dtype == np.int64
    assert set(case["attention_mask"].tolist()) == {0, 1}


def test_a_single_boolean_takes_turns() -> None:
    assert {bool(case["go"]) for case in first(model({"go": (TensorProto.BOOL, [])}), 3)} == {True, False}


def test_a_loops_trip_count_stays_small() -> None:
    proto = onnx.parser.parse_model("""<ir_version: 8, opset_import: ["": 17]>
        g (int64 count, float[n] x) => (float[n] y) {
            go = Constant<value = bool {1}>()
            y = Loop(count, go, x) <body = b (int64 i, bool c, float[n] s) => (bool d, float[n] t) {
                d = Identity(c)  t = Add(s, s) }>
        }""")
    assert {int(case["count"]) for case in first(proto)} <= set(range(1, 6))


def test_initializers_are_constants_below_ir_4_and_can_be_overridden_from_there() -> None:
    weights = {"w": np.arange(1, 7, dtype=np.float32).reshape(2, 3), "axes": np.array([0])}
    inputs: dict[str, tuple[int, Dims]] = {
        "x": (TensorProto.FLOAT, ["n", 2]),
        "w": (TensorProto.FLOAT, [2, 3]),
        "axes": (TensorProto.INT64, [1]),
    }
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    assert all(set(case) == {"x"} for case in first(model(inputs, nodes, weights, ir_version=3)))
    plain = model(inputs, nodes, weights, ir_version=8)
    cases = first(plain, 3)
    assert all(set(case) == {"x"} for case in cases)
    overrides = list(overriding_feeds(plain, plain, cases[0], seed=0, zero_lengths=False))
    assert [each.names for each in overrides] == [("axes",), ("axes",), ("w",)]
    overridden = overrides[-1].feeds["w"]
    assert (overridden != weights["w"]).all()
    assert (overridden > 0).all()
    assert all(each.feeds["x"] is cases[0]["x"] for each in overrides)
    del inputs["w"]
    other = model(inputs, nodes, weights, ir_version=8)
    inputs["w"] = (TensorProto.FLOAT, [2, 3])
    assert all(set(case) == {"x"} for case in first(plain, other=other))
    assert [each.names for each in overriding_feeds(plain, other, cases[0], seed=0, zero_lengths=False)] == [
        ("axes",)
    ] * 2


def test_the_seed_decides() -> None:
    proto = model({"x": (TensorProto.FLOAT, ["n", 4])})
    a, b, c = (first(proto, 3, seed=seed) for seed in (5, 5, 6))
    assert all((x["x"] == y["x"]).all() for x, y in zip(a, b, strict=True))
    assert not (a[0]["x"] == c[0]["x"]).all()


def test_huge_candidates_are_left_out() -> None:
    cases = first(model({"x": (TensorProto.FLOAT, ["a", "b", "c", 4])}), 20)
    assert max(case["x"].size for case in cases) <= 1 << 26


@pytest.mark.parametrize(
    "value_type",
    [
        helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None)),
        helper.make_optional_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [2])),
        helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, None)),
    ],
)
def test_what_cannot_be_generated_is_refused_with_the_reason(value_type: onnx.TypeProto) -> None:
    proto = model({"x": (TensorProto.FLOAT, [2])})
    proto.graph.input.append(helper.make_value_info("odd", value_type))
    with pytest.raises(Unfeedable, match="'odd' is a sequence, map, optional"):
        candidate_feeds(proto)


def test_an_input_without_rank_is_refused_with_the_flag_that_helps() -> None:
    with pytest.raises(Unfeedable, match="no declared rank") as refusal:
        candidate_feeds(model({"x": (TensorProto.FLOAT, None)}))
    assert refusal.value.hint == "give its shape: --shape x=..."
