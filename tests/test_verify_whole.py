"""The verdict on two whole models: equal, different, or honestly undecided."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gru_lower.verification.inputs.errors import BadInputs
from gru_lower.verification.options import VerifyOptions
from gru_lower.verification.whole_models.verify_models import verify_models
from gru_lower.verification.worker.client import Worker
from strategies import random_case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gru_lower.verification.result import Verification


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(timeout=30, memory=2 << 30) as started:
        yield started


def parsed(graph: str, *, opset: int = 17, ir_version: int = 8, rest: str = "") -> onnx.ModelProto:
    header = f'<ir_version: {ir_version}, opset_import: ["": {opset}, "my": 1]>'
    return onnx.parser.parse_model(f"{header} {graph} {rest}")


def gru(
    R: np.ndarray[Any, Any] | None = None, *, opset: int = 17, dtype: Any = np.float32, **attributes: Any
) -> onnx.ModelProto:
    """Return a GRU with constant weights, I = 4 and H = 8 (or what R says)."""
    rng = np.random.default_rng(0)
    hidden = 8 if R is None else R.shape[2]
    weights = {
        "W": rng.standard_normal((1, 3 * hidden, 4)) / 2,
        "R": rng.standard_normal((1, 3 * hidden, hidden)) / np.sqrt(hidden) if R is None else R,
    }
    elem_type = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    sequence: list[int | str | None] = ["n", "t", 4] if attributes.get("layout") else ["t", "n", 4]
    graph = helper.make_graph(
        [helper.make_node("GRU", ["X", "W", "R"], ["Y", "Y_h"], hidden_size=hidden, **attributes)],
        "g",
        [helper.make_tensor_value_info("X", elem_type, sequence)],
        [helper.make_tensor_value_info(name, elem_type, None) for name in ("Y", "Y_h")],
        [numpy_helper.from_array(weight.astype(dtype), name) for name, weight in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def changed(model: onnx.ModelProto, name: str, factor: float) -> onnx.ModelProto:
    """Return a copy with one initializer scaled."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for tensor in copy.graph.initializer:
        if tensor.name == name:
            array = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array((array * factor).astype(array.dtype), name))
    return copy


def verify(a: onnx.ModelProto, b: onnx.ModelProto, worker: Worker, **options: Any) -> Verification:
    return verify_models(a, b, options=VerifyOptions(**options), worker=worker)


ADD = "g (float[n] x) => (float[n] y) { y = Add(x, x) }"
MUL = "g (float[n] x) => (float[n] y) { two = Constant<value = float {2}>()  y = Mul(x, two) }"
THRICE = "g (float[n] x) => (float[n] y) { two = Constant<value = float {3}>()  y = Mul(x, two) }"


def test_equal_models_are_equivalent(worker: Worker) -> None:
    found = verify(parsed(ADD), parsed(MUL), worker)
    assert (found.status, found.scope, found.cases, found.max_abs_error) == ("equivalent", "model", 3, 0.0)
    assert found.worst is None
    assert not found.message


def test_different_models_are_different_with_the_place_and_the_way_out(worker: Worker) -> None:
    found = verify(parsed(ADD), parsed(THRICE), worker)
    assert found.status == "different"
    assert found.worst is not None
    assert found.worst.output == "y"
    assert found.max_rel_error == pytest.approx(0.5, rel=1e-3)
    assert "would pass at atol" in found.message
    assert verify(parsed(ADD), parsed(THRICE), worker, atol=10.0).status == "equivalent"


def test_a_small_change_of_one_weight_is_found(worker: Worker) -> None:
    assert verify(gru(), changed(gru(), "R", 1.02), worker).status == "different"
    assert verify(gru(), changed(gru(), "R", 1.0000001), worker).status == "equivalent"


def test_it_starts_a_worker_of_its_own_and_reports_progress() -> None:
    said: list[str] = []
    started = time.monotonic()
    found = verify_models(parsed(ADD), parsed(MUL), options=VerifyOptions(cases=2), progress=said.append)
    assert time.monotonic() - started < 3  # 0.13 s on an idle machine
    assert found.cases == 2
    assert said[0] == "original in onnxruntime, case 1 of 2"
    assert said[-1] == "rewrite in onnxruntime, case 2 of 2"


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ("g (float[n] z) => (float[n] y) { y = Add(z, z) }", "input 'x' is gone"),
        ("g (float[n] x, float[n] z) => (float[n] y) { y = Add(x, z) }", "input 'z' is new"),
        ("g (float16[n] x) => (float[n] y) { y = Cast<to = 1>(x) }", "input 'x' is float in one model and float16"),
        ("g (float[n, m] x) => (float[n, m] y) { y = Add(x, x) }", "input 'x' has shape ['n'] in one model"),
        ("g (float[n] x) => (float[n] z) { z = Add(x, x) }", "outputs ['y'] became ['z']"),
        ("g (float[n] x) => (double[n] y) { y = Cast<to = 11>(x) }", "output 'y' is float in one model and double"),
    ],
)
def test_a_changed_interface_is_a_difference_with_its_name(worker: Worker, other: str, named: str) -> None:
    found = verify(parsed(ADD), parsed(other), worker)
    assert found.status == "different"
    assert named in found.message


def test_inputs_are_drawn_from_what_both_models_take(worker: Worker) -> None:
    static = "g (float[3] x) => (float[3] y) { y = Add(x, x) }"
    assert verify(parsed(ADD), parsed(static), worker).status == "equivalent"
    assert verify(parsed(static), parsed(ADD), worker).status == "equivalent"
    a = parsed("g (float[n] x, float[n] z) => (float[n] y) { y = Add(x, z) }")
    b = parsed("g (float[2] x, float[3] z) => (float[m] y) { y = Concat<axis = 0>(x, z) }")
    assert verify(a, b, worker).message.startswith("no inputs fit both models: axis 0 of input 'z' is 2")
    five = "g (float[5] x) => (float[5] y) { y = Add(x, x) }"
    assert "shape [3] in one model and [5]" in verify(parsed(static), parsed(five), worker).message


def test_inputs_that_the_original_refuses_are_not_held_against_the_rewrite(worker: Worker) -> None:
    tens = "g (float[n] x) => (float[m, k] y) { s = Constant<value_ints = [10, -1]>()  y = Reshape(x, s) }"
    found = verify(parsed(tens), parsed(tens), worker)
    assert (found.status, found.cases) == ("equivalent", 3)


def test_a_rewrite_that_hangs_crashes_or_fails_is_different() -> None:
    endless = parsed("""g (float[n] x) => (float[n] y) {
        trips = Constant<value = int64 {9000000000000000000}>()  go = Constant<value = bool {1}>()
        y = Loop(trips, go, x) <body = b (int64 i, bool c, float[n] s) => (bool d, float[n] t) {
            d = Identity(c)  t = Add(s, s) }>
    }""")
    failing = parsed("g (float[n] x) => (float[n] y) { s = Constant<value_ints = [7, 7, 7]>()  y = Reshape(x, s) }")
    crashing = parsed("""g (float[n] x) => (float[n] y) {
        X = Constant<value = float[0, 1, 1] {}>()  W = Constant<value = float[1, 3, 1] {1, 1, 1}>()
        z, h = GRU<hidden_size = 1>(X, W, W)  s = ReduceSum<keepdims = 0>(h)  y = Add(x, s)
    }""")
    with Worker(timeout=0.5) as impatient:
        for model, kind in ((endless, "timeout"), (failing, "error"), (crashing, "crash")):
            found = verify(parsed(ADD), model, impatient)
            assert found.status == "different", found.message
            assert f"the rewrite fails where the original runs ({kind})" in found.message
        slow = verify(endless, parsed(ADD), impatient)
        assert slow.status == "inconclusive"
        assert "no answer within 0.5 s" in slow.message


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not enforce RLIMIT_DATA")
def test_a_rewrite_that_needs_more_memory_than_allowed_is_not_called_different(worker: Worker) -> None:
    greedy = parsed("""g (float[n] x) => (float[n] y) {
        s = Constant<value_ints = [1000000000, 4]>()  big = ConstantOfShape(s)  n = ReduceSum<keepdims = 0>(big)
        d = Add(x, x)  y = Add(d, n)
    }""")
    found = verify(parsed(ADD), greedy, worker)
    assert found.status == "inconclusive"
    assert "(memory)" in found.message


def test_a_layout_1_gru_is_run_by_the_reference(worker: Worker) -> None:
    batch_first = gru(layout=1)
    twin = gru()
    twin.graph.node.insert(0, helper.make_node("Transpose", ["X"], ["Xt"], perm=[1, 0, 2]))
    twin.graph.node[1].input[0] = "Xt"
    twin.graph.node[1].output[:] = ["Yt", "Y_ht"]
    twin.graph.node.append(helper.make_node("Transpose", ["Yt"], ["Y"], perm=[2, 0, 1, 3]))
    twin.graph.node.append(helper.make_node("Transpose", ["Y_ht"], ["Y_h"], perm=[1, 0, 2]))
    twin.graph.input[0].type.CopyFrom(batch_first.graph.input[0].type)
    found = verify(batch_first, twin, worker)
    assert (found.status, found.cases) == ("equivalent", 3)
    assert "the original ran in onnx.reference, not in onnxruntime: " in found.message
    assert "layout == 1" in found.message
    assert verify(batch_first, changed(twin, "R", 1.05), worker).status == "different"


@pytest.mark.parametrize(
    "original",
    [
        gru(dtype=np.float64),
        gru(opset=6),
        gru(opset=22, dtype=onnx.helper.tensor_dtype_to_np_dtype(TensorProto.BFLOAT16)),
    ],
)
def test_other_grus_onnxruntime_refuses_are_run_by_the_reference(worker: Worker, original: onnx.ModelProto) -> None:
    found = verify(original, original, worker)
    assert (found.status, found.cases) == ("equivalent", 3)
    assert "onnx.reference" in found.message
    assert verify(original, changed(original, "W", 1.5), worker).status == "different"


def test_what_nothing_runs_is_inconclusive_with_both_reasons(worker: Worker) -> None:
    custom = parsed("g (float[n] x) => (float[n] y) { y = my.Mystery(x) }")
    found = verify(custom, custom, worker)
    assert (found.status, found.cases) == ("inconclusive", 0)
    assert "onnxruntime: " in found.message
    assert "onnx.reference: " in found.message
    assert "Mystery" in found.message


def test_what_cannot_be_fed_is_inconclusive(worker: Worker) -> None:
    listed = parsed("g (seq(float[n]) s) => (float[n] y) { y = ConcatFromSequence<axis = 0>(s) }")
    found = verify(listed, listed, worker)
    assert found.status == "inconclusive"
    assert "'s' is a sequence" in found.message


def test_outputs_of_nothing_but_nan_prove_nothing(worker: Worker) -> None:
    nan = parsed("g (float[n] x) => (float[n] y) { z = Sub(x, x)  y = Div(z, z) }")
    found = verify(nan, nan, worker)
    assert found.status == "inconclusive"
    assert "NaN" in found.message


def chaotic_gru(scale: float) -> onnx.ModelProto:
    R = np.random.default_rng(3).standard_normal((1, 48, 16)) * scale
    return gru(R, linear_before_reset=1)


@pytest.mark.parametrize("scale", [3.0, 5.0])
def test_a_chaotic_model_is_not_called_different(worker: Worker, scale: float) -> None:
    """The last bits of a weight decide where it ends after 100 steps: no fault of a rewrite, and no proof of one."""
    original = chaotic_gru(scale)
    found = verify(original, changed(original, "W", 1.000001), worker, shapes={"X": (100, 2, 4)})
    assert found.status == "inconclusive"
    assert found.chaotic
    assert found.message.startswith("chaotic: outputs move by ")
    assert found.max_abs_error is not None
    assert found.max_abs_error > 0.1


def test_chaos_does_not_excuse_a_wrong_first_step(worker: Worker) -> None:
    original = chaotic_gru(4.0)
    found = verify(original, changed(original, "W", 1.2), worker, shapes={"X": (100, 2, 4)})
    assert found.status == "different"
    assert not found.chaotic


def test_float16_is_judged_as_float16_whatever_its_outputs_are_cast_to(worker: Worker) -> None:
    def halved(body: str) -> onnx.ModelProto:
        return parsed(f"g (float[n] x) => (float[n] y) {{ h = Cast<to = 10>(x) {body} y = Cast<to = 1>(z) }}")

    a, b = halved("z = Add(h, h)"), halved("c = Constant<value = float {2.004}>() t = Cast<to = 10>(c) z = Mul(h, t)")
    assert verify(a, b, worker).status == "equivalent"
    assert verify(a, b, worker, rtol=1e-4, atol=1e-5).status == "different"


def test_given_inputs_are_the_cases_and_fit_the_models_types(worker: Worker) -> None:
    a, b = parsed(ADD), parsed(MUL)
    found = verify(a, b, worker, inputs=[{"x": np.arange(4.0)}, {"x": np.ones(9)}])
    assert (found.status, found.cases) == ("equivalent", 2)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "no values were given for input 'x'"),
        ({"x": np.ones(2), "q": np.ones(2)}, "no such input"),
        ({"x": np.ones(2, complex)}, "are complex128, its input takes float"),
    ],
)
def test_given_inputs_that_do_not_fit_are_the_users_error(
    worker: Worker, given: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(BadInputs, match=complaint):
        verify(parsed(ADD), parsed(ADD), worker, inputs=[given])
    with pytest.raises(BadInputs, match="expected outputs"):
        verify(parsed(ADD), parsed(ADD), worker, inputs=[{"x": np.ones(2)}], expected=[])


def test_a_given_case_the_original_fails_on_is_named(worker: Worker) -> None:
    picky = parsed("g (float[n] x) => (float[m, k] y) { s = Constant<value_ints = [2, -1]>()  y = Reshape(x, s) }")
    found = verify(picky, picky, worker, inputs=[{"x": np.ones(3)}, {"x": np.ones(4)}])
    assert (found.status, found.cases) == ("equivalent", 1)
    assert "the original runs on 1 of 2 given inputs" in found.message


def test_labels_give_the_accuracy_before_and_after(worker: Worker) -> None:
    scores = parsed("g (float[n, 3] x) => (float[n, 3] y) { y = Identity(x) }")
    flipped = parsed("g (float[n, 3] x) => (float[n, 3] y) { y = Neg(x) }")
    inputs = [{"x": np.eye(3, dtype=np.float32)}, {"x": np.eye(3, dtype=np.float32)[:1]}]
    expected = [{"y": np.array([0, 1, 0])}, {"y": np.array([[1]])}]
    found = verify(scores, flipped, worker, inputs=inputs, expected=expected)
    assert found.status == "different"
    assert [vars(accuracy) for accuracy in found.accuracy] == [
        {"output": "y", "before": 0.5, "after": 0.5, "count": 4},
    ]


def test_given_values_are_reported_and_never_decide(worker: Worker) -> None:
    found = verify(parsed(ADD), parsed(MUL), worker, inputs=[{"x": np.ones(2)}], expected=[{"y": np.full(2, 2.5)}])
    assert found.status == "equivalent"
    assert found.message == "error against the values given for 'y': original 0.5, rewrite 0.5"
    assert not found.accuracy


def test_overridable_initializers_are_overridden_where_both_models_have_them(worker: Worker) -> None:
    a = parsed("g (float[n] x, float[1] w = {2}) => (float[n] y) { y = Mul(x, w) }")
    assert verify(a, a, worker).status == "equivalent"
    frozen = parsed("g (float[n] x, float[1] w = {2}) => (float[n] y) <float[1] c = {2}> { y = Mul(x, c) }")
    assert verify(a, frozen, worker).status == "different"
    without = parsed("g (float[n] x) => (float[n] y) <float[1] w = {2}> { y = Mul(x, w) }")
    assert verify(a, without, worker).status == "equivalent"


def test_external_data_of_both_models_is_found(worker: Worker, tmp_path: Path) -> None:
    for folder, factor in (("a", 1.0), ("b", 1.0), ("c", 1.5)):
        (tmp_path / folder).mkdir()
        onnx.save_model(
            changed(gru(), "R", factor),
            tmp_path / folder / "m.onnx",
            save_as_external_data=True,
            location="m.data",
            size_threshold=0,
        )
    a, b, c = (onnx.load(tmp_path / folder / "m.onnx", load_external_data=False) for folder in "abc")
    for other, folder, status in ((b, "b", "equivalent"), (c, "c", "different")):
        found = verify_models(
            a, other, base_dir_a=tmp_path / "a", base_dir_b=tmp_path / folder, options=VerifyOptions(), worker=worker
        )
        assert found.status == status, found.message


def test_every_legal_gru_equals_itself_zero_lengths_included(worker: Worker) -> None:
    for seed in range(40):
        case = random_case(np.random.default_rng(seed), opset=(1, 3, 7, 14, 22)[seed % 5])
        found = verify(case.model(), case.model(), worker, zero_length_state="zero")
        assert (found.status, found.cases) == ("equivalent", 3), (case, found.message)
        assert case.runs_in_onnxruntime == ("onnx.reference" not in found.message)
