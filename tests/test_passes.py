"""Passes as units: their names, their options, what they leave alone, and what they say about it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from onnx import helper

import gru_lower
from gru_lower.errors import InternalError, Unsupported
from gru_lower.graph.facts import Facts
from gru_lower.graph.model import Model
from gru_lower.graph.scopes import walk
from gru_lower.gru.parse_node import parse
from gru_lower.passes import pipeline, registry
from gru_lower.passes.base import PassResult
from gru_lower.passes.lower_gru.lower_gru import LowerGru
from lowering import hold, lower
from strategies import WEIGHTS, AnyOf, GruCase, gru_cases, random_case


def small(**knobs: Any) -> GruCase:
    """Return a small float32 case of opset 17."""
    fixed: dict[str, Any] = {"opset": 17, "dtype": np.float32, "layout": None, "activations": None, "clip": None}
    return random_case(np.random.default_rng(0), **{**fixed, **knobs})


class TestRegistry:
    def test_reads_names_and_options(self) -> None:
        first, second = pipeline.parse("normalize-gru, lower-gru{form=scan zero_length_state=initial}")
        assert (first.name, second.name) == ("normalize-gru", "lower-gru")
        assert dataclasses.asdict(second.options) == {
            "form": "scan",
            "packing": "auto",
            "batch_hint": 0,
            "mask": "auto",
            "vocabulary": "gemm",
            "forbid": "",
            "forms": "",
            "target": "",
            "state_rank": 2,
            "steps": "auto",
            "gates": "apart",
            "projection": "apart",
            "tanh": "auto",
            "prefer": "node",
            "precision": "",
            "max_nodes": 0,
            "assume": "nothing",
            "zero_length_state": "initial",
            "functions": "auto",
            "kept_output": "own",
            "axes": "told",
        }

    def test_option_names_may_be_spelled_with_dashes(self) -> None:
        (only,) = pipeline.parse("lower-gru{zero-length-state=initial}")
        assert only.options.zero_length_state == "initial"

    @pytest.mark.parametrize(
        ("spec", "wrong", "hint"),
        [
            ("lower-gro", "lower-gro", "did you mean lower-gru?"),
            ("lower-gru{from=scan}", "from=scan", "form, packing, batch_hint, mask, vocabulary, forbid, forms"),
            ("lower-gru{form=spiral}", "spiral", "auto, scan, loop"),
            ("lower-gru{form=scan", "{form=scan", "normalize-gru"),
            ("", "empty", "normalize-gru"),
            ("lower-gru{form}", "form", "form, packing, batch_hint, mask, vocabulary, forbid, forms"),
        ],
    )
    def test_says_what_is_wrong_and_what_would_be_right(self, spec: str, wrong: str, hint: str) -> None:
        with pytest.raises(Unsupported) as caught:
            pipeline.parse(spec)
        assert wrong in caught.value.message
        assert hint in (caught.value.hint or "")

    def test_a_module_is_named_as_its_pass(self) -> None:
        assert {module.rpartition(".")[2] for module, _ in registry.PASSES.values()} == {
            name.replace("-", "_") for name in registry.PASSES
        }

    def test_passes_holds_nothing_but_passes_and_what_a_pass_is(self) -> None:
        folder = Path(gru_lower.__file__).parent / "passes"
        found = {entry.stem for entry in folder.iterdir() if not entry.name.startswith("__")}
        homes = {module.split(".")[2] for module, _ in registry.PASSES.values()}
        assert found == homes | {"base", "pipeline", "registry"}

    @pytest.mark.parametrize("name", registry.PASSES)
    def test_every_pass_states_its_rules(self, name: str) -> None:
        kind = registry.load(name)
        assert kind.name == name
        assert "Rules:" in (kind.__doc__ or "")
        assert dataclasses.is_dataclass(kind.Options)


class TestNormalize:
    @given(gru_cases(opset=range(7, 25), dtype=AnyOf((np.float32, np.float64))))
    def test_means_the_same_and_is_done_once(self, case: GruCase) -> None:
        once, first = lower(case.model(), "normalize-gru")
        twice, second = lower(once, "normalize-gru")
        assert not second.modified
        assert once.SerializeToString() == twice.SerializeToString()
        assert len(first.sites) == 1
        before, after = (parse(next(walk(m)), i, Facts(Model(m))).spec for m, i in ((case.model(), 0), (once, 0)))
        assert before is not None
        assert before == after

    def test_ambiguous_defaults_are_written_out(self) -> None:
        case = small(activations=["ThresholdedRelu", "Tanh"], direction=None, activation_alpha=None)
        model, result = lower(case.model(), "normalize-gru")
        (alpha,) = (a for a in model.graph.node[0].attribute if a.name == "activation_alpha")
        assert list(alpha.floats) == [0.0]
        assert [d.code for d in result.diagnostics] == ["GL201"]

    def test_keeps_name_and_documentation(self) -> None:
        model = small(hidden_size=None).model()
        model.ir_version = 10
        model.graph.node[0].doc_string = "the encoder"
        model.graph.node[0].metadata_props.add(key="layer", value="3")
        (node,) = lower(model, "normalize-gru")[0].graph.node
        assert (node.name, node.doc_string) == ("gru", "the encoder")
        assert [(p.key, p.value) for p in node.metadata_props] == [("layer", "3")]


class TestLower:
    def test_the_outputs_keep_their_names_and_new_names_carry_the_nodes(self) -> None:
        case = small(outputs=("Y", "Y_h"), static=False)
        model, _ = lower(case.model(), "lower-gru")
        made = {name for node in model.graph.node for name in node.output}
        assert {"Y", "Y_h"} <= made
        assert all(name.startswith("gru/") for name in made - {"Y", "Y_h"})
        assert all(node.name.startswith("gru/") for node in model.graph.node)

    def test_no_name_is_used_twice_anywhere(self) -> None:
        case = small(direction="bidirectional", sequence_lens="ragged", outputs=("Y", "Y_h"))
        model = case.model()
        model.graph.node.append(helper.make_node("Identity", ["Y"], ["gru/Xz"], name="gru/last"))
        lowered, _ = lower(model, "lower-gru{form=scan}")
        names: list[str] = []
        for scope in walk(lowered):
            names += [*scope.inputs, *scope.initializers, *(o for node in scope.nodes for o in node.output if o)]
        assert len(names) == len(set(names))
        hold(case, lowered)

    def test_documentation_goes_to_the_producer_of_the_first_used_output(self) -> None:
        model = small(outputs=("Y_h",)).model()
        model.ir_version = 10
        model.graph.node[0].doc_string = "the encoder"
        lowered, _ = lower(model, "lower-gru")
        documented = [node for node in lowered.graph.node if node.doc_string]
        assert [list(node.output) for node in documented] == [["Y_h"]]
        others = [node for node in lowered.graph.node if not node.doc_string]
        assert all([(p.key, p.value) for p in node.metadata_props] == [("gru_lower.source", "gru")] for node in others)

    def test_the_opset_and_everything_around_stay(self) -> None:
        model = small().model()
        model.producer_name, model.model_version = "somebody", 7
        lowered, _ = lower(model, "lower-gru")
        for each in (model, lowered):
            each.graph.ClearField("node")
            each.graph.ClearField("initializer")
        assert model.SerializeToString(deterministic=True) == lowered.SerializeToString(deterministic=True)

    @pytest.mark.parametrize(
        ("knobs", "form", "code"),
        [
            ({"opset": 3, "linear_before_reset": None}, "auto", "GL301"),
            ({"static": False}, "unroll", "GL302"),
            ({"T": 5, "static": True}, "step", "GL303"),
            ({"opset": 8, "static": False, "sequence_lens": None}, "scan", "GL304"),
        ],
    )
    def test_what_cannot_be_done_is_kept_with_a_code(self, knobs: dict[str, Any], form: str, code: str) -> None:
        model = small(**knobs).model()
        before = model.SerializeToString()
        after, result = lower(model, f"lower-gru{{form={form}}}")
        (site,) = result.sites
        assert (site.action, site.code) == ("kept", code)
        assert [d.code for d in result.diagnostics] == [code]
        assert not result.modified
        assert after.SerializeToString() == before

    def test_a_broken_promise_is_a_bug_of_ours(self) -> None:
        held = Model(small().model())
        with pytest.raises(InternalError):
            LowerGru().ensures(held, PassResult(modified=True))


class TestCalls:
    def test_lower_leaves_what_it_was_given_alone(self) -> None:
        model = small().model()
        before = model.SerializeToString(deterministic=True)
        result = gru_lower.lower(model)
        assert model.SerializeToString(deterministic=True) == before
        assert isinstance(result.model, onnx.ModelProto)
        assert result.report.verification.status == "equivalent"
        assert result.report.op_counts["after"].get("GRU", 0) == 0

    def test_lower_refuses_a_gru_that_breaks_the_rules(self) -> None:
        model = small().model()
        model.graph.node[0].attribute.append(helper.make_attribute("clip", -1.0))
        with pytest.raises(gru_lower.InvalidModel) as caught:
            gru_lower.lower(model)
        assert caught.value.code == "GL106"
        assert caught.value.node in {"main#0:Y", "main#0:Y_h"}

    def test_a_rewrite_that_computes_something_else_is_found(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The update's operands exchanged: a wrong lowering must never be called equivalent."""
        from gru_lower.passes.lower_gru.forms import scan, step_nodes, unroll

        def wrong(self: Any, zt: Any, ht: Any, state: Any) -> Any:
            change = self._e.op("Sub", [ht, state], "change")
            return self.add(ht, self.mul(zt, change, "update"), "Ht")

        for cached in (scan.template, unroll.prologue, unroll.step_template, unroll.epilogue):
            cached.cache_clear()
        monkeypatch.setattr(step_nodes.StepAlgebra, "blend", wrong)
        try:
            found = gru_lower.lower(small(initial_h=True, T=3, static=True).model(), form="unroll").report.verification
        finally:
            for cached in (scan.template, unroll.prologue, unroll.step_template, unroll.epilogue):
                cached.cache_clear()
        assert found.status == "different"
        assert "main#0" in found.message

    @pytest.mark.parametrize("knobs", [{"layout": 1}, {"dtype": np.float64}, {"hidden_size": None}])
    def test_what_onnxruntime_cannot_run_is_verified_all_the_same(self, knobs: dict[str, Any]) -> None:
        found = gru_lower.lower(small(**knobs, outputs=("Y", "Y_h")).model()).report.verification
        assert found.status == "equivalent", found.message

    def test_inspect_sees_every_gru(self) -> None:
        report = gru_lower.inspect(small(clip=0.5).model())
        (site,) = report.sites
        assert site.action == "seen"
        assert site.spec.clip == 0.5
        assert report.output is None

    def test_every_public_name_is_what_it_says_after_everything_is_imported(self) -> None:
        import importlib
        import pkgutil

        for module in pkgutil.walk_packages(gru_lower.__path__, "gru_lower."):
            if not module.name.endswith(("__main__", ".worker")):
                importlib.import_module(module.name)
        for name in ("inspect", "lower", "verify"):
            assert callable(getattr(gru_lower, name)), name

    def test_verify_tells_two_models_apart(self) -> None:
        one, other = (small(seed=seed, constants=WEIGHTS).model() for seed in (1, 2))
        assert gru_lower.verify(one, one).status == "equivalent"
        assert gru_lower.verify(one, other).status == "different"


class TestOddities:
    def test_an_opset_from_the_future_is_not_guessed_at(self) -> None:
        model = small().model()
        model.opset_import[0].version = 99
        lowered, result = lower(model, "lower-gru")
        assert [site.code for site in result.sites] == ["GL114"]
        assert lowered.SerializeToString() == model.SerializeToString()

    @pytest.mark.parametrize("form", ["scan", "unroll"])
    def test_no_input_features_at_all(self, form: str) -> None:
        case = small(I=0, static=True, sequence_lens=None, outputs=("Y", "Y_h"))
        lowered, _ = lower(case.model(), f"lower-gru{{form={form}}}")
        hold(case, lowered)


class TestVerdicts:
    """Models on which a plain comparison of outputs would say the wrong thing, or nothing at all."""

    @pytest.mark.parametrize("layout", [None, 1])
    def test_a_chaotic_model_is_judged_by_its_sites(self, layout: int | None) -> None:
        """Outputs that swing by 2 for a rounding error say nothing; at the site the rewrite is no worse than before."""
        case = small(
            T=100, H=32, N=3, scale=20.0, layout=layout, sequence_lens=None, static=True, seed=8, direction=None,
            linear_before_reset=1, constants=WEIGHTS,
        )  # fmt: skip
        found = gru_lower.lower(case.model()).report.verification
        assert (found.status, found.scope) == ("equivalent", "site"), found.message
        assert found.chaotic
        assert "chaotic" in found.message

    @pytest.mark.parametrize("knobs", [{"N": 0, "T": 3}, {"N": 2, "T": 0}])
    def test_what_ends_onnxruntimes_process_is_survived(self, knobs: dict[str, Any]) -> None:
        """A GRU without steps or without sequences is legal, and aborts onnxruntime."""
        report = gru_lower.lower(small(**knobs, static=True, sequence_lens=None, hidden_size=4, H=4).model()).report
        assert report.verification.status == "equivalent", report.verification.message

    def test_an_operator_nobody_knows_leaves_the_sites(self) -> None:
        model = small(outputs=("Y",)).model()
        model.graph.node.append(helper.make_node("Mystery", ["Y"], ["Q"], domain="my.ops"))
        model.opset_import.append(helper.make_opsetid("my.ops", 1))
        model.graph.output.append(helper.make_tensor_value_info("Q", onnx.TensorProto.FLOAT, None))
        report = gru_lower.lower(model).report
        assert (report.verification.status, report.verification.scope) == ("equivalent", "site")
        assert "Mystery" in report.verification.message
        assert "GL502" in [found.code for found in report.diagnostics]
