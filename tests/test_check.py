"""check: what a target would reject, and above all what it would compute wrongly, is said before it happens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from jsonschema import Draft202012Validator

import gru_lower
from gru_lower.checking.all_rules import RULES
from gru_lower.cli.main import run as command
from gru_lower.diagnostic_codes import CODES
from strategies import WEIGHTS, random_case

if TYPE_CHECKING:
    from strategies import GruCase

ROOT = Path(__file__).resolve().parents[1]
VALIDATOR = Draft202012Validator(json.loads((ROOT / "gru_lower/schema/report-1.json").read_text(encoding="utf-8")))

ALWAYS = ("GL71", "GL72", "GL73")
"""What is found without a target, too."""


def case_of(**knobs: Any) -> GruCase:
    plain = {
        "opset": 17, "dtype": np.float32, "static": True, "layout": None, "activations": None, "clip": None, "T": 4,
        "sequence_lens": None, "constants": WEIGHTS, "hidden_size": 4, "H": 4, "initial_h": False, "bias": True, "N": 3,
        "direction": "forward", "linear_before_reset": 1, "outputs": ("Y", "Y_h"),
    }  # fmt: skip
    return random_case(np.random.default_rng(3), **{**plain, **knobs})


def codes(case: GruCase, target: str) -> list[str]:
    return [found.code for found in gru_lower.check(case.model(), target=target, ignore=ALWAYS).diagnostics]


@pytest.mark.parametrize(
    ("target", "knobs", "found"),
    [
        ("tract", {}, []),
        ("tract", {"direction": "reverse"}, ["GL701"]),
        ("mnn", {"linear_before_reset": 0}, ["GL701"]),
        ("mnn", {"sequence_lens": "ragged"}, ["GL701"]),
        ("openvino", {"layout": 1}, ["GL701"]),
        ("onnxruntime", {"layout": 1}, ["GL702"]),
        ("onnxruntime", {}, []),
        ("iree", {"layout": 1, "initial_h": True}, ["GL703"]),
        ("portable", {"static": False}, ["GL702", "GL706", "GL706"]),
        ("onnxruntime-cuda", {"clip": 0.5}, ["GL701", "GL451"]),
        ("onnxruntime-cuda", {}, ["GL451"]),
        ("tensorrt", {"opset": 8}, ["GL702", "GL451", "GL705"]),
    ],
)
def test_a_gru_on_a_target(target: str, knobs: dict[str, Any], found: list[str]) -> None:
    assert codes(case_of(**knobs), target) == found


def test_nothing_is_changed_or_found_without_a_target() -> None:
    model = case_of(direction="reverse").model()
    before = model.SerializeToString(deterministic=True)
    assert not gru_lower.check(model).diagnostics
    assert model.SerializeToString(deterministic=True) == before


def test_every_wrong_cell_is_an_advisory_of_its_own() -> None:
    report = gru_lower.check(
        case_of(direction="reverse", clip=0.5, initial_h=True).model(), target="opencv5", ignore=ALWAYS
    )
    assert [found.code for found in report.diagnostics] == ["GL701", "GL701"]
    assert [found.message for found in report.diagnostics] == [
        "reverse is wrong on opencv5 5.0.0",
        "clip is wrong on opencv5 5.0.0",
    ]


def test_what_is_legal_for_a_target_is_clean(tmp_path: Path) -> None:
    result = gru_lower.legalize(case_of(direction="bidirectional", layout=1).model(), target="tract")
    assert not gru_lower.check(result.model, target="tract").diagnostics
    onnx.save(result.model, tmp_path / "m.onnx")
    assert command(["check", str(tmp_path / "m.onnx"), "--target", "tract"]) == 0


@pytest.mark.parametrize(("target", "code"), [("tract", 1), ("onnxruntime", 0)])
def test_the_command(target: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(case_of(direction="reverse").model(), tmp_path / "m.onnx")
    assert command(["check", str(tmp_path / "m.onnx"), "--target", target, "--output-format", "json"]) == code
    report = json.loads(capsys.readouterr().out)
    VALIDATOR.validate(report)
    assert report["command"] == "check"
    assert bool(report["diagnostics"]) == bool(code)


def test_control_flow_of_the_models_own() -> None:
    case = case_of(direction="reverse", T=12)
    lowered = gru_lower.lower(case.model(), passes="lower-gru{form=scan,packing=none}", verify=False).model
    found = gru_lower.check(lowered, target="opencv5", ignore=["GL731"]).diagnostics
    assert [each.code for each in found] == ["GL704"]
    assert "Scan: opencv5 5.0.0 does not take it" in found[0].message
    assert "runs backwards" in gru_lower.check(lowered, target="iree", ignore=["GL731"]).diagnostics[0].message


def test_limits_of_operators(tmp_path: Path) -> None:
    text = """
name = "mine"
summary = "an NPU"
opset = [7, 20]
static = false
forms = ["unroll"]
[ops.Split]
opset = [2, 17]
[ops.Tanh]
types = ["float32"]
[ops.Relu]
max_rank = 2
[ops.MatMul]
constants = false
"""
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    model = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["": 18]>
        g (float16[2, 3, 4] x) => (float16[1, 3, 4] a, float16[1, 3, 4] b, float16[2, 3, 4] y, float[1, 1] c) {
          a, b = Split <axis = 0, num_outputs = 2> (x)
          t = Tanh (x)
          y = Relu (t)
          w = Constant <value_floats: floats = [1.0]> ()
          v = Constant <value_floats: floats = [1.0]> ()
          c = MatMul (w, v)
        }
    """)
    found = gru_lower.check(model, target=str(path), select=["GL70"]).diagnostics
    assert [each.message.split(":")[0] for each in found] == ["Split", "Tanh", "Relu", "MatMul"]
    assert "opset 2 to 17; this one is 18" in found[0].message
    assert "of float32; this one is of float16" in found[1].message
    assert "up to rank 2; this one has 3" in found[2].message
    assert "constants alone" in found[3].message


def test_every_rule_says_what_it_may_find() -> None:
    found = [code for rule in RULES for code in rule.codes]
    assert sorted(found) == sorted(set(found))
    assert {code for code in CODES if code[:3] in ("GL1", "GL2", "GL7")} == set(found) - {"GL315"}
