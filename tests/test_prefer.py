"""--prefer: by measured costs a target gets what is fastest there, and is told what to expect of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import gru_lower
from gru_lower.cli.main import run as command
from gru_lower.errors import GruLowerError
from gru_lower.probing.timing.timed_sizes import timed_model
from gru_lower.targets import read_profile
from gru_lower.targets.costs import NODE, Cost, Costs, Size, Way
from gru_lower.targets.write_profile import to_toml
from lowering import op_types, run
from strategies import WEIGHTS, random_case

if TYPE_CHECKING:
    from pathlib import Path

    import onnx

MORE: tuple[dict[str, Any], ...] = ({}, {"prefer": "node"})
SMALL = Size(16, 16, 1, 20, state=False, linear_before_reset=0)


def model(**sizes: Any) -> onnx.ModelProto:
    return timed_model(Size(**{**SMALL.__dict__, **sizes}), 17).model


def expected(result: gru_lower.Result[Any]) -> dict[str, Any]:
    (site,) = result.report.to_dict()["sites"]
    found: dict[str, Any] = site.get("expected_time", {})
    return found


@pytest.fixture
def quick_loops(tmp_path: Path) -> str:
    """A target that runs everything, whose unrolled form takes half of its node and its loop a tenth of it."""
    ways = {Way(NODE): 1.0, Way("unroll"): 0.5, Way("loop", (("gates", "joined"),)): 0.1, Way("scan"): 2.0}
    rows = [Cost(way, lbr, "several", (taken, 0, 0, 0, 0, 0, 0)) for way, taken in ways.items() for lbr in (0, 1)]
    profile = read_profile.load("onnxruntime")
    path = tmp_path / "quick.toml"
    path.write_text(to_toml(_with(profile, Costs("7", "here", tuple(rows)))), encoding="utf-8")
    return str(path)


def _with(profile: Any, costs: Costs) -> Any:
    from dataclasses import replace

    return replace(profile, name="quick", costs=costs)


class TestLower:
    def test_takes_the_fastest_and_says_what_it_is_expected_to_take(self, quick_loops: str) -> None:
        result = gru_lower.lower(model(), target=quick_loops)
        assert result.report.verification.status == "equivalent"
        assert "Loop" in op_types(result.model)
        told = expected(result)
        assert (told["chosen"], told["ratio"], told["measured"]) == ("loop", {"any": 0.1}, "7")
        assert "loop: 0.1 of quick's own GRU, measured 7" in result.report.sites[0].message

    def test_keeps_the_node_on_request(self, quick_loops: str) -> None:
        given = model()
        result = gru_lower.lower(given, target=quick_loops, prefer="node")
        assert result.model.SerializeToString() == given.SerializeToString()
        assert not expected(result)

    def test_size_is_the_fewest_nodes(self) -> None:
        """MNN runs linear_before_reset = 0 as 1: its loop has fewer nodes than twenty steps."""
        result = gru_lower.lower(model(), target="mnn", prefer="size")
        assert "Loop" in op_types(result.model)
        kept = gru_lower.lower(model(linear_before_reset=1), target="mnn", prefer="size")
        assert op_types(kept.model) == {"GRU"}

    def test_a_form_that_is_asked_for_stays(self, quick_loops: str) -> None:
        result = gru_lower.lower(model(), target=quick_loops, form="scan")
        assert "Scan" in op_types(result.model)

    def test_unrolls_no_longer_than_may_be_and_says_so(self) -> None:
        result = gru_lower.lower(model(length=100), target="mnn", max_nodes=200)
        assert "Loop" in op_types(result.model)
        assert "--max-nodes allows more" in expected(result)["given_up"]

    def test_a_step_from_a_state_is_as_few_products_as_opencv_likes_best(self) -> None:
        made = gru_lower.lower(model(hidden=64, inputs=64, length=1, state=True), target="opencv5").model
        assert sum(node.op_type in ("Gemm", "MatMul") for node in made.graph.node) == 2

    def test_a_way_that_was_measured_for_other_sequences_is_nothing_to_compare_to(self) -> None:
        """OpenCV does not run the node with Y alone, and its profile has no costs of the plainest step from zeros."""
        result = gru_lower.lower(model(hidden=64, inputs=64, length=1, only_Y=True), target="opencv5")
        assert expected(result)["chosen"] == "step"

    def test_other_types_have_no_costs(self) -> None:
        case = model()
        for tensor in case.graph.initializer:
            array = np.frombuffer(tensor.raw_data, np.float32).astype(np.float16)
            tensor.raw_data, tensor.data_type = array.tobytes(), 10
        for value in (*case.graph.input, *case.graph.output):
            value.type.tensor_type.elem_type = 10
        assert not expected(gru_lower.lower(case, target="mnn", verify=False))

    @pytest.mark.parametrize("prefer", [None, "node"])
    def test_onnxruntime_multiplies_no_zeros(self, prefer: Any) -> None:
        """Its node multiplies a state of zeros with R, which takes as long as all else; what is small is one kernel."""
        for hidden, length, became in ((256, 1, "Gemm"), (16, 1, "GRU"), (256, 20, "GRU")):
            made = gru_lower.lower(
                model(hidden=hidden, inputs=hidden, length=length), target="onnxruntime", prefer=prefer
            )
            assert ("GRU" if prefer else became) in op_types(made.model)

    def test_a_target_without_costs_gets_what_it_got(self) -> None:
        for target in ("ncnn", "tvm", "portable"):
            made = [gru_lower.lower(model(), target=target, **more).model for more in MORE]
            assert made[0].SerializeToString() == made[1].SerializeToString()


class TestLegalize:
    def test_goes_on_keeping_what_runs_right(self, quick_loops: str) -> None:
        given = model()
        result = gru_lower.legalize(given, target=quick_loops)
        assert result.model.SerializeToString() == given.SerializeToString()

    def test_takes_the_fastest_on_request(self, quick_loops: str) -> None:
        result = gru_lower.legalize(model(), target=quick_loops, prefer="speed")
        assert "Loop" in op_types(result.model)
        assert expected(result)["chosen"] == "loop"


class TestPrecision:
    def test_without_one_the_worst_counts(self) -> None:
        """OpenVINO's own node is three times as fast in bfloat16, where unrolled steps are not."""
        kept = gru_lower.lower(model(), target="openvino")
        assert op_types(kept.model) == {"GRU"}
        assert set(expected(kept)["ratio"]) == {"f32", "bf16"}
        assert "with --precision f32 and INFERENCE_PRECISION_HINT=f32 unroll takes 0." in expected(kept)["faster_with"]

    def test_a_named_one_counts_alone(self) -> None:
        result = gru_lower.lower(model(), target="openvino", precision="f32")
        assert "GRU" not in op_types(result.model)
        assert set(expected(result)["ratio"]) == {"f32"}
        assert expected(result)["setting"] == "INFERENCE_PRECISION_HINT=f32"
        assert "faster_with" not in expected(result)
        assert expected(result)["ratio"]["f32"] < 0.7

    def test_one_that_was_not_measured_is_refused(self) -> None:
        with pytest.raises(GruLowerError, match="bf16 is not known of mnn") as caught:
            gru_lower.lower(model(), target="mnn", precision="bf16")
        assert caught.value.code == "GL609"

    @pytest.mark.parametrize("option", [{"prefer": "speed"}, {"precision": "f32"}])
    def test_without_a_target_there_is_nothing_to_choose_by(self, option: dict[str, Any]) -> None:
        with pytest.raises(GruLowerError) as caught:
            gru_lower.lower(model(), **option)
        assert caught.value.code == "GL610"


@pytest.mark.parametrize("option", ["prefer", "precision"])
@pytest.mark.parametrize("call", ["lower", "legalize"])
def test_what_there_is_none_of_is_refused(call: str, option: str, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(model().SerializeToString())
    assert command([call, str(path), "--target", "mnn", f"--{option}", "fast", "--dry-run"]) == 2
    with pytest.raises(GruLowerError, match="fast"):
        getattr(gru_lower, call)(model(), target="mnn", **{option: "fast"})


def test_a_flag_of_the_target_is_named() -> None:
    result = gru_lower.lower(model(length=100), target="mnn")
    assert "--useOriginRNNImpl" in expected(result)["faster_with"]


@pytest.mark.parametrize(
    "knobs", [{"direction": "reverse"}, {"clip": 0.5}, {"activations": ["Sigmoid", "Relu"]}, {"bias": False}]
)
def test_a_flag_is_named_only_where_it_was_seen_to_be_right(knobs: dict[str, Any]) -> None:
    """MNN's node is wrong for these with the flag, too."""
    plain: dict[str, Any] = {
        "opset": 17,
        "dtype": np.float32,
        "direction": None,
        "clip": None,
        "activations": None,
        "layout": None,
        "sequence_lens": None,
        "T": 9,
        "H": 8,
        "hidden_size": 8,
        "bias": True,
        "static": True,
        "constants": WEIGHTS,
        "outputs": ("Y", "Y_h"),
        "initial_h": False,
        "linear_before_reset": 0,
    }
    for given, named in ((plain, True), (plain | knobs, False)):
        case = random_case(np.random.default_rng(2), **given).model()
        assert ("faster_with" in expected(gru_lower.lower(case, target="mnn", verify=False))) == named


@pytest.mark.parametrize("target", ["mnn", "opencv5", "openvino", "tract"])
@pytest.mark.parametrize("prefer", ["speed", "size"])
@pytest.mark.parametrize("sizes", [{}, {"length": 1}, {"length": 1, "state": True}, {"hidden": 96, "batch": 3}])
def test_the_numbers_are_the_same(target: str, prefer: Any, sizes: dict[str, Any]) -> None:
    for lbr in (0, 1):
        size = Size(**{**SMALL.__dict__, **sizes, "linear_before_reset": lbr})
        case = timed_model(size, read_profile.load(target).best_opset)
        made = gru_lower.lower(case.model, target=target, prefer=prefer, verify=False).model
        assert not case.fault(run(made, case.feeds))


def test_the_command_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(model().SerializeToString())
    assert command(["lower", str(path), "--target", "mnn", "-o", str(tmp_path / "o.onnx")]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "unroll: 0." in text
    assert "measured 3.6.1" in text
