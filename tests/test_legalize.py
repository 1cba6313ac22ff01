"""legalize: every rewrite computes the same, a target gets only what it takes, and what cannot be is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

import gru_lower
from gru_lower.cli.main import run as command
from gru_lower.graph import model as graph_model
from gru_lower.graph.facts import Facts
from gru_lower.graph.model import Model
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.graph.write_model import save
from gru_lower.passes import pipeline, registry
from gru_lower.targets import read_profile
from gru_lower.targets.find_unsupported_nodes import find_unsupported_nodes
from gru_lower.verification.worker.reference_evaluator import Reference
from lowering import TOLERANCE, bounded, hold, holds_gru, lower, op_types, run
from strategies import WEIGHTS, AnyOf, GruCase, gru_cases, random_case

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

PASSES = (
    *("legalize-cast{to=float64}", "legalize-layout", "legalize-bidirectional", "legalize-reverse"),
    *("legalize-sequence-lens", "legalize-reset{to=1}", "legalize-reset{to=0}", "legalize-bias"),
    *("legalize-initial-state", "legalize-initial-state{zeros=drop}", "legalize-last-state", "legalize-outputs"),
    *("legalize-hidden-size", "legalize-forward", "legalize-activations", "legalize-activations{attribute=drop}"),
    *("legalize-activation-parameters", "legalize-activation-parameters{values=drop}"),
)
CHAIN = "legalize-layout,legalize-bidirectional,legalize-reverse,legalize-sequence-lens,legalize-bias,legalize-outputs"
LIVE = ("tract", "mnn", "opencv5", "openvino", "onnxruntime")
PLAIN = {
    "opset": 17, "dtype": np.float32, "static": True, "layout": None, "activations": None, "clip": None,
    "sequence_lens": None, "constants": WEIGHTS, "hidden_size": 4, "H": 4, "outputs": ("Y", "Y_h"),
}  # fmt: skip


def case_of(**knobs: Any) -> GruCase:
    return random_case(np.random.default_rng(5), **{**PLAIN, **knobs})


def hold_exactly(
    case: GruCase, model: onnx.ModelProto, tolerance: float | None = None, zero_length_state: Any = "zero"
) -> None:
    """Hold a model to the reference; its GRUs are computed in float64, so that only rewrites can be wrong."""
    onnx.checker.check_model(model, full_check=True)
    actual = Reference(model.SerializeToString(), None).run(case.feeds(), None)
    expected = case.expected(zero_length_state=zero_length_state)
    assert actual.keys() == expected.keys()
    for name, value in actual.items():
        assert value.dtype == case.dtype
        assert value.shape == expected[name].shape
        if value.size:
            scale = 1.0 if bounded(case) else max(1.0, float(np.abs(expected[name]).max()))
            error = np.abs(value.astype(np.float64) - expected[name]).max()
            assert error <= (tolerance or TOLERANCE[case.dtype]) * scale, f"{name} is off by {error:.3g}"


def grus(model: onnx.ModelProto) -> list[dict[str, Any]]:
    """Return the attributes of every GRU left."""
    return [
        {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        for scope in walk(model)
        for node in scope.nodes
        if is_onnx(node, "GRU")
    ]


@settings(max_examples=3 * settings().max_examples)
@given(case=gru_cases(dtype=AnyOf((np.float32, np.float64, np.float16))), passes=st.sampled_from([*PASSES, CHAIN]))
def test_every_rewrite_equals_the_reference(case: GruCase, passes: str) -> None:
    assume(not (case.jumps and case.dtype != np.float64))
    model, _ = lower(case.model(), passes)
    hold_exactly(case, model)


@settings(max_examples=2 * settings().max_examples)
@given(
    case=gru_cases(opset=range(13, 23), dtype=AnyOf((np.float32, np.float32, np.float64, np.float16))),
    target=st.sampled_from(LIVE),
)
def test_a_target_gets_what_it_takes_and_it_is_right_or_it_is_refused(case: GruCase, target: str) -> None:
    assume(not (case.jumps and case.dtype != np.float64))
    model, refused = None, None
    try:
        model = gru_lower.legalize(case.model(), target=target, verify=False).model
    except gru_lower.Remaining as error:
        refused = error
    if model is None:
        assert refused is not None
        assert refused.code in ("GL452", "GL453")
        assert target in refused.message
        return
    held = Model(model)
    assert not list(find_unsupported_nodes(held, read_profile.load(target), Facts(held)))
    if holds_gru(model) and "Scan" in op_types(
        model
    ):  # onnx's evaluator runs no Scan backwards, onnxruntime not all GRUs
        model = gru_lower.lower(model, form="loop", verify=False).model
    if not holds_gru(model):
        hold(case, model)
    elif not any("sequence_lens" in node.input for node in model.graph.node if node.op_type != "GRU"):
        hold_exactly(case, model)


@pytest.mark.parametrize("layout", [0, 1])
@pytest.mark.parametrize("target", ["tensorrt", "openvino", "opencv5", "tract"])
def test_lengths_still_load_once_t_becomes_known(target: str, layout: int) -> None:
    """The shape inference of onnxruntime hands Range an int64 as soon as it knows T, whatever was cast before it."""
    case = case_of(T=5, N=2, sequence_lens=[5, 3], direction="forward", layout=layout, static=False)
    try:
        model = gru_lower.legalize(case.model(), target=target, verify=False).model
    except gru_lower.Remaining:
        assert layout
        return
    expected = case.expected()
    for dims in (("T",), ("T", "N"), ()):
        fixed = onnx.ModelProto.FromString(model.SerializeToString())
        for value in fixed.graph.input:
            for dim in value.type.tensor_type.shape.dim:
                if dim.dim_param in dims:
                    dim.dim_value = dict(zip("TN", case.sizes, strict=False))[dim.dim_param]
        for name, value in run(fixed, case.feeds()).items():
            np.testing.assert_allclose(value, expected[name], atol=1e-5)


class TestRewrites:
    @pytest.mark.parametrize("name", [name for name in registry.PASSES if name.startswith("legalize-")])
    def test_each_says_what_it_does(self, name: str) -> None:
        kind = registry.load(name)
        assert kind.name == name
        assert kind.__doc__

    def test_length_zero_keeps_the_initial_state_on_request(self) -> None:
        case = case_of(sequence_lens=[0, 2, 4], T=4, N=3, initial_h=True, direction="forward")
        model, _ = lower(case.model(), "legalize-sequence-lens{zero_length_state=initial}")
        hold_exactly(case, model, zero_length_state="initial")

    def test_nan_in_the_padding_stays_there(self) -> None:
        case = case_of(sequence_lens=[1, 3, 2], T=4, N=3, nan_padding=True, direction="bidirectional")
        model, _ = lower(case.model(), CHAIN)
        assert "sequence_lens" not in {
            name for node in model.graph.node if node.op_type == "GRU" for name in node.input
        }
        hold_exactly(case, model)

    def test_reset_is_left_alone_unless_it_makes_no_difference(self) -> None:
        case = case_of(linear_before_reset=0, direction="forward", bias=True)
        assert lower(case.model(), "legalize-reset")[1].sites[0].action == "kept"
        diagonal = case.R.copy()
        diagonal[:, 8:] *= np.eye(4, dtype=np.float32)
        model = case.model()
        model.graph.initializer[1].CopyFrom(numpy_helper.from_array(diagonal, "R"))
        fresh, result = lower(model, "legalize-reset")
        assert result.sites[0].action == "legalized"
        assert grus(fresh)[0]["linear_before_reset"] == 1
        before, after = (Reference(each.SerializeToString(), None).run(case.feeds(), None) for each in (model, fresh))
        for name, value in before.items():
            np.testing.assert_allclose(after[name], value, atol=1e-6)

    def test_weights_are_cut_and_not_computed(self) -> None:
        case = case_of(direction="bidirectional", initial_h=False, bias=True)
        model, _ = lower(case.model(), "legalize-bidirectional")
        assert op_types(model) == {"GRU", "Concat"}
        assert {tuple(tensor.dims) for tensor in model.graph.initializer} == {
            (1, 12, case.X.shape[2]),
            (1, 12, 4),
            (1, 24),
        }

    def test_external_weights_become_views(self, tmp_path: Path) -> None:
        case = case_of(direction="bidirectional", initial_h=False, bias=True)
        path = tmp_path / "model.onnx"
        onnx.save(case.model(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
        held = graph_model.load(path)
        pipeline.run(pipeline.parse("legalize-bidirectional"), held)
        weights = [tensor for tensor in held.proto.graph.initializer if tensor.name.rpartition("_")[2] in "WR"]
        assert len(weights) == 4
        for tensor in weights:
            assert {entry.key: entry.value for entry in tensor.external_data}["location"] == "weights.bin"
        save(held, tmp_path / "split.onnx")
        hold(case, onnx.load(tmp_path / "split.onnx"))

    def test_a_gru_in_a_body(self) -> None:
        case = case_of(direction="reverse", layout=1, initial_h=False)
        inner = case.model().graph
        body = helper.make_graph(inner.node, "body", [], inner.output, inner.initializer)
        other = helper.make_graph(
            [
                helper.make_node("Add", ["Y_1", "Y_1"], ["Y"]),
                helper.make_node("Add", ["Y_h_1", "Y_h_1"], ["Y_h"]),
                *[_renamed(node) for node in inner.node],
            ][::-1],
            "other",
            [],
            inner.output,
            inner.initializer,
        )
        choice = helper.make_node("If", ["yes"], ["A", "C"], then_branch=body, else_branch=other)
        outputs = [helper.make_tensor_value_info(name, 1, None) for name in ("A", "C")]
        yes = helper.make_tensor_value_info("yes", onnx.TensorProto.BOOL, [])
        graph = helper.make_graph([choice], "g", [yes, *inner.input], outputs)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        result = gru_lower.legalize(model, target="openvino")
        assert result.report.verification.status == "equivalent"
        assert [site.action for site in result.report.sites] == ["legalized", "legalized"]
        assert all(each.get("layout", 0) == 0 for each in grus(result.model))


def _renamed(node: onnx.NodeProto) -> onnx.NodeProto:
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.name, copy.output[:] = "gru_2", [f"{name}_1" for name in node.output]
    return copy


class TestTargets:
    @pytest.mark.parametrize(
        ("target", "knobs", "done"),
        [
            ("openvino", {"layout": 1}, "layout 1 to 0"),
            ("tract", {"direction": "reverse"}, "reverse to forward"),
            ("mnn", {"direction": "reverse", "linear_before_reset": 1}, "reverse to forward"),
            ("opencv5", {"outputs": ("Y",), "direction": "forward"}, "both outputs named"),
            (
                "opencv5",
                {"sequence_lens": "ragged", "direction": "forward"},
                "sequence_lens masked outside or left out",
            ),
            ("onnxruntime", {"hidden_size": None, "layout": 1}, "layout 1 to 0"),
            ("opencv5", {"activations": ["sigmoid", "TANH"], "direction": "forward"}, "activations attribute"),
        ],
    )
    def test_what_a_target_gets_wrong_is_rewritten_into_what_it_gets_right(
        self, target: str, knobs: dict[str, Any], done: str
    ) -> None:
        case = case_of(**{"linear_before_reset": 1, "direction": "forward", **knobs})
        result = gru_lower.legalize(case.model(), target=target)
        (site,) = result.report.sites
        assert site.action == "legalized"
        assert done in site.message
        assert result.report.verification.status == "equivalent"
        assert holds_gru(result.model)

    @pytest.mark.parametrize(("target", "form"), [("tract", None), ("opencv5", None), ("portable", "unroll")])
    def test_a_gru_that_runs_right_stays(self, target: str, form: str | None) -> None:
        case = case_of(direction="forward", linear_before_reset=1, initial_h=target == "opencv5")
        for call in (gru_lower.legalize, gru_lower.lower):
            result = call(case.model(), target=target)
            (site,) = result.report.sites
            assert (site.action, site.form, site.code) == ("lowered" if form else "kept", form, None)

    def test_only_what_no_rewrite_helps_is_lowered(self) -> None:
        case = case_of(direction="bidirectional", activations=["Sigmoid", "Tanh", "Sigmoid", "Relu"])
        result = gru_lower.legalize(case.model(), target="tract")
        assert [site.action for site in result.report.sites] == ["legalized", "lowered"]
        assert len(grus(result.model)) == 1
        assert result.report.verification.status == "equivalent"
        hold(case, result.model)

    def test_casts_are_made_on_request_alone(self) -> None:
        case = case_of(direction="forward", linear_before_reset=1, dtype=np.float64)
        with pytest.raises(gru_lower.Remaining) as caught:
            gru_lower.legalize(case.model(), target="opencv5")
        assert "allow_cast" in (caught.value.hint or "")
        result = gru_lower.legalize(case.model(), target="opencv5", allow_cast=True)
        assert result.report.verification.status == "equivalent"
        hold_exactly(case, result.model, tolerance=1e-5)

    def test_what_is_left_is_refused_node_by_node(self) -> None:
        case = case_of(direction="forward", clip=0.5, static=False, opset=17)
        with pytest.raises(gru_lower.Remaining) as caught:
            gru_lower.legalize(case.model(), target="opencv5")
        assert caught.value.code == "GL452"
        assert "main#0:Y: clip is wrong on opencv5" in caught.value.message
        assert "fix_dims=" in caught.value.message

    def test_an_operator_of_the_models_own_is_named(self) -> None:
        model = onnx.parser.parse_model(
            '<ir_version: 8, opset_import: ["": 17]> g (float[2] x) => (float[2] y) { s = Shape(x) y = Expand(x, s) }'
        )
        assert op_types(gru_lower.legalize(model, target="portable").model) == {"Reshape"}
        model = onnx.parser.parse_model(
            '<ir_version: 8, opset_import: ["": 17]> g (bool[2] c, float[2] x) => (float[2] y) { y = Where(c, x, x) }'
        )
        with pytest.raises(gru_lower.Remaining) as caught:
            gru_lower.legalize(model, target="portable")
        assert caught.value.code == "GL453"
        assert "Where: portable does not take it" in caught.value.message


class TestCommand:
    def test_writes_and_reports(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        case = case_of(direction="reverse")
        onnx.save(case.model(), tmp_path / "m.onnx")
        assert command(["legalize", str(tmp_path / "m.onnx"), "--target", "tract"]) == 0
        assert "reverse to forward" in capsys.readouterr().out
        assert (tmp_path / "m.legalized.onnx").exists()

    @pytest.mark.parametrize("name", ["lower", "legalize"])
    def test_writes_nothing_that_the_target_does_not_take(
        self, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        case = case_of(direction="forward", clip=0.5, static=False)
        onnx.save(case.model(), tmp_path / "m.onnx")
        assert command([name, str(tmp_path / "m.onnx"), "--target", "opencv5"]) == 1
        said = capsys.readouterr()
        assert "GL452: main#0:Y: clip is wrong on opencv5" in said.err
        assert "--fix-dim" in said.err
        assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]

    def test_reading_is_not_running(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        case = case_of(direction="forward", linear_before_reset=1, bias=True, initial_h=False)
        onnx.save(case.model(), tmp_path / "m.onnx")
        assert command(["legalize", str(tmp_path / "m.onnx"), "--target", "tensorrt"]) == 0
        assert "unverified: run `gru-lower probe`" in capsys.readouterr().err
