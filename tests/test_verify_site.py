"""One rewritten node against its replacement: float64 decides, and a chaotic recurrence is nobody's fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from gru_lower.gru import reference
from gru_lower.verification.options import VerifyOptions
from gru_lower.verification.running.capture_values import capture_values
from gru_lower.verification.sites.site import SitePair
from gru_lower.verification.sites.verify_site import verify_site
from gru_lower.verification.worker.client import Worker
from gru_lower.verification.worker.run_failure import RunFailure
from strategies import GruCase, random_case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(timeout=30, memory=2 << 30) as started:
        yield started


def plain_case(**knobs: Any) -> GruCase:
    """Return a forward GRU with default activations."""
    fixed: dict[str, Any] = {
        "opset": 17,
        "dtype": np.float32,
        "direction": None,
        "activations": None,
        "clip": None,
        "layout": None,
        "hidden_size": 8,
        "H": 8,
        "sequence_lens": None,
        "initial_h": True,
        "bias": True,
        "outputs": ("Y", "Y_h"),
        "constants": frozenset({"W", "R", "B"}),
    }
    return random_case(np.random.default_rng(1), **(fixed | knobs))


def pair(case: GruCase, replacement: onnx.ModelProto | None = None, **fields: Any) -> SitePair:
    known: dict[str, Any] = {"reference": lambda _: case.expected(), "feeds": [case.feeds()], "initial_h": "initial_h"}
    model = case.model()
    return SitePair("main#0:Y", model, model if replacement is None else replacement, **(known | fields))


def scaled(model: onnx.ModelProto, name: str, factor: float) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for tensor in copy.graph.initializer:
        if tensor.name == name:
            array = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array((array * factor).astype(array.dtype), name))
    return copy


def test_a_right_replacement_is_equivalent_at_site_level(worker: Worker) -> None:
    found = verify_site(pair(plain_case()), VerifyOptions(), worker)
    assert (found.status, found.scope, found.cases) == ("equivalent", "site", 1)
    assert not found.message


def test_a_wrong_replacement_is_different(worker: Worker) -> None:
    case = plain_case()
    found = verify_site(pair(case, scaled(case.model(), "R", 1.05)), VerifyOptions(), worker)
    assert found.status == "different"
    assert found.worst is not None
    assert "would pass at atol" in found.message


def test_every_legal_gru_agrees_with_float64(worker: Worker) -> None:
    for seed in range(60):
        case = random_case(np.random.default_rng(1000 + seed))
        found = verify_site(pair(case, initial_h=case.initial_h), VerifyOptions(), worker)
        assert found.status == "equivalent", (case, found.message)
        assert case.runs_in_onnxruntime == ("does not run in onnxruntime" not in found.message)


def test_without_captured_inputs_they_are_generated(worker: Worker) -> None:
    case = plain_case(static=False)
    found = verify_site(pair(case, reference=None, feeds=None), VerifyOptions(cases=4), worker)
    assert (found.status, found.cases) == ("equivalent", 4)
    shapes = VerifyOptions(shapes={"X": (3, 2, case.X.shape[2])}, cases=1)
    assert verify_site(pair(case, reference=None, feeds=None), shapes, worker).cases == 1


@pytest.mark.parametrize(("steps", "batch"), [(0, 2), (3, 0)])
def test_where_onnxruntime_would_abort_float64_alone_decides(worker: Worker, steps: int, batch: int) -> None:
    case = plain_case(T=steps, N=batch, static=False)
    empty = onnx.parser.parse_model("""<ir_version: 8, opset_import: ["": 17]>
        g (float[T, N, I] X, float[1, N, 8] initial_h) => (float[T, 1, N, 8] Y, float[1, N, 8] Y_h) {
            shape = Shape(X)  zero = Constant<value_ints = [0]>()  one = Constant<value_ints = [1]>()
            two = Constant<value_ints = [2]>()  eight = Constant<value_ints = [8]>()
            T = Slice(shape, zero, one)  N = Slice(shape, one, two)
            whole = Concat<axis = 0>(T, one, N, eight)  Y = ConstantOfShape(whole)  Y_h = Identity(initial_h)
        }""")
    found = verify_site(pair(case, empty, feeds=[case.feeds()]), VerifyOptions(), worker)
    assert found.status == "equivalent", found.message
    assert "the original does not run in onnxruntime: the process died" in found.message


def test_length_zero_may_follow_the_initial_state(worker: Worker) -> None:
    """Onnxruntime's own answer differs then; float64 with the same rule decides."""
    case = plain_case(sequence_lens=(0, 2), N=2, T=3, spelled_out=False, outputs=("Y_h",))
    initial = lambda _: case.expected(zero_length_state="initial")  # noqa: E731
    keeps = onnx.ModelProto()
    keeps.CopyFrom(case.model())
    keeps.graph.node[0].output[:] = ["", "native"]
    keeps.graph.node.extend(
        [
            helper.make_node("Constant", [], ["zero"], value_ints=[0]),
            helper.make_node("Cast", ["sequence_lens"], ["lens"], to=onnx.TensorProto.INT64),
            helper.make_node("Greater", ["lens", "zero"], ["some"]),
            helper.make_node("Unsqueeze", ["some", "axes"], ["mask"]),
            helper.make_node("Where", ["mask", "native", "initial_h"], ["Y_h"]),
        ]
    )
    keeps.graph.initializer.append(numpy_helper.from_array(np.array([0, 2]), "axes"))
    options = VerifyOptions(zero_length_state="initial")
    assert verify_site(pair(case, keeps, reference=initial), options, worker).status == "equivalent"
    assert verify_site(pair(case, keeps), options, worker).status == "different"


def test_chaos_is_not_held_against_a_replacement_that_is_no_worse(worker: Worker) -> None:
    case = plain_case(scale=12.0, T=100, N=2, H=16, hidden_size=16, seed=5)
    found = verify_site(pair(case, scaled(case.model(), "W", 1.0000002)), VerifyOptions(), worker)
    assert found.status == "equivalent"
    assert "errors against float64: original" in found.message
    assert found.max_abs_error is not None
    assert found.max_abs_error > 0.01
    assert verify_site(pair(case, scaled(case.model(), "W", 0.1)), VerifyOptions(), worker).status == "different"


def test_chaos_without_an_original_to_measure_by_is_inconclusive(worker: Worker) -> None:
    """Onnxruntime runs the replacement only: its float32 ends elsewhere than float64, as any float32 would."""
    case = plain_case(opset=17, layout=1, scale=12.0, T=100, N=2, H=16, hidden_size=16, seed=5)
    twin = case.model()
    del twin.graph.node[0].attribute[:]
    twin.graph.node[0].attribute.extend(
        helper.make_attribute(name, value) for name, value in (case.attributes | {"layout": 0}).items()
    )
    twin.graph.node[0].input[0], twin.graph.node[0].input[5] = "Xt", "ht"
    twin.graph.node[0].output[:] = ["Yt", "Y_ht"]
    twin.graph.node.insert(0, helper.make_node("Transpose", ["X"], ["Xt"], perm=[1, 0, 2]))
    twin.graph.node.insert(0, helper.make_node("Transpose", ["initial_h"], ["ht"], perm=[1, 0, 2]))
    twin.graph.node.append(helper.make_node("Transpose", ["Yt"], ["Y"], perm=[2, 0, 1, 3]))
    twin.graph.node.append(helper.make_node("Transpose", ["Y_ht"], ["Y_h"], perm=[1, 0, 2]))

    def truth(feeds: dict[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
        attributes = case.attributes
        Y, Y_h = reference.gru(feeds["X"], case.W, case.R, case.B, None, feeds["initial_h"], **attributes)
        return {"Y": Y, "Y_h": Y_h}

    found = verify_site(pair(case, twin, reference=truth), VerifyOptions(), worker)
    assert found.status == "inconclusive"
    assert found.chaotic
    wrong = verify_site(pair(case, scaled(twin, "W", 0.5), reference=truth), VerifyOptions(), worker)
    assert wrong.status == "different"


def test_bfloat16_is_run_by_the_reference(worker: Worker) -> None:
    case = plain_case(opset=22, dtype=ml_dtypes.bfloat16)
    found = verify_site(pair(case), VerifyOptions(), worker)
    assert found.status == "equivalent"
    assert "the replacement ran in onnx.reference" in found.message
    assert verify_site(pair(case, scaled(case.model(), "W", 3.0)), VerifyOptions(), worker).status == "different"


def test_a_replacement_that_fails_where_the_original_runs_is_different(worker: Worker) -> None:
    case = plain_case()
    broken = case.model()
    del broken.graph.node[0].attribute[:]
    found = verify_site(pair(case, broken), VerifyOptions(), worker)
    assert found.status == "different"
    assert "the replacement fails (error): " in found.message


def test_what_nothing_runs_is_inconclusive(worker: Worker) -> None:
    custom = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17, "my": 1]> g (float[n] x) => (float[n] y) { y = my.Mystery(x) }'
    )
    found = verify_site(SitePair("main#0:y", custom, custom), VerifyOptions(), worker)
    assert (found.status, found.cases) == ("inconclusive", 0)
    assert "Mystery" in found.message
    no_rank = onnx.ModelProto()
    no_rank.CopyFrom(custom)
    no_rank.graph.input[0].type.tensor_type.ClearField("shape")
    assert "no declared rank" in verify_site(SitePair("main#0:y", no_rank, no_rank), VerifyOptions(), worker).message


CHAIN = """<ir_version: 8, opset_import: ["": 17]>
    g (float[n, 2] x) => (float[n, 2] y) <float[2] w = {3, 4}> { a = Mul(x, w)  b = Neg(a)  y = Relu(b) }"""


def test_capture_returns_any_value_of_the_main_graph(worker: Worker) -> None:
    model = onnx.parser.parse_model(CHAIN)
    before = model.SerializeToString()
    x = np.array([[1, -1]], np.float32)
    found = capture_values(model, ["a", "y", "b", "x", "w", "a"], {"x": x}, worker)
    assert {name: array.tolist() for name, array in found.items()} == {
        "a": [[3, -4]],
        "y": [[0, 4]],
        "b": [[-3, 4]],
        "x": [[1, -1]],
        "w": [3, 4],
    }
    assert model.SerializeToString() == before


def test_capture_finds_external_data_and_says_when_the_model_does_not_run(worker: Worker, tmp_path: Path) -> None:
    model = onnx.parser.parse_model(CHAIN)
    onnx.save_model(model, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    light = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    x = np.ones((1, 2), np.float32)
    assert capture_values(light, ["a"], {"x": x}, worker, tmp_path)["a"].tolist() == [[3, 4]]
    with pytest.raises(RunFailure):
        capture_values(model, ["nothing"], {"x": x}, worker)
