"""The JSON report: what a script may rely on, and that the schema says exactly what the code writes."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from onnx import parser

import gru_lower
from gru_lower.api.verify import verify_pair
from gru_lower.diagnostic_codes import CODES, Severity
from gru_lower.graph.model import Model
from gru_lower.gru.activations import KINDS
from gru_lower.gru.spec import FLOAT_TYPES, INPUTS, VERSIONS, DirectionName
from gru_lower.passes.lower_gru.choose_form import FORMS
from gru_lower.report.run_report import SCHEMA_VERSION, File, Report, count_ops
from gru_lower.rewriting.result import with_output
from gru_lower.verification.options import VerifyOptions
from gru_lower.verification.result import Accuracy, Scope, Status, Verification, Worst
from gru_lower.verification.sites.site import Action
from strategies import AnyOf, random_case

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
SCHEMA: dict[str, Any] = json.loads(
    resources.files("gru_lower").joinpath(f"schema/report-{SCHEMA_VERSION}.json").read_text(encoding="utf-8")
)
DEFINED: dict[str, Any] = SCHEMA["$defs"]
VALIDATOR = Draft202012Validator(SCHEMA)
ANY_OPSET = AnyOf(tuple(range(7, 25)))

PLAIN = '<ir_version: 8, opset_import: ["": 17]> g (float[n] x) => (float[n] y) { y = Add(x, x) }'


def checked(report: Report) -> dict[str, Any]:
    """Return a report as a script reads it, held to the schema and to strict JSON."""
    read: dict[str, Any] = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    VALIDATOR.validate(read)
    return read


def objects(node: Any) -> list[dict[str, Any]]:
    """Return every object schema, at any depth."""
    if isinstance(node, dict):
        found = [node] if node.get("type") == "object" else []
        return found + [each for value in node.values() for each in objects(value)]
    return [each for value in node for each in objects(value)] if isinstance(node, list) else []


def test_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["schema_version"]["const"] == SCHEMA_VERSION


def test_schema_leaves_no_object_open() -> None:
    # A key that is not described could be renamed without any test noticing; scripts would.
    # A mapping with keys of the model's says what its values are.
    closed = [each for each in objects(SCHEMA) if not isinstance(each.get("additionalProperties"), dict)]
    assert len(closed) > 8
    assert all(each["additionalProperties"] is False for each in closed)
    assert all(set(each["required"]) <= set(each["properties"]) for each in closed)


@pytest.mark.parametrize(
    ("described", "written"),
    [
        (DEFINED["site"]["properties"]["action"]["enum"], get_args(Action)),
        (DEFINED["site"]["properties"]["form"]["enum"], (*FORMS[1:], None)),
        (DEFINED["spec"]["properties"]["version"]["enum"], VERSIONS),
        (DEFINED["spec"]["properties"]["type"]["enum"], (*FLOAT_TYPES.values(), "unknown")),
        (DEFINED["spec"]["properties"]["direction"]["enum"], get_args(DirectionName)),
        (DEFINED["spec"]["properties"]["activations"]["items"]["enum"], [kind.name for kind in KINDS.values()]),
        (DEFINED["spec"]["properties"]["inputs"]["items"]["enum"], INPUTS),
        (DEFINED["verification"]["properties"]["status"]["enum"], get_args(Status)),
        (DEFINED["verification"]["properties"]["scope"]["enum"], get_args(Scope)),
        (DEFINED["diagnostic"]["properties"]["severity"]["enum"], get_args(Severity)),
    ],
)
def test_schema_lists_what_the_code_can_write(described: list[Any], written: Any) -> None:
    assert set(described) == set(written)


def test_every_code_has_the_form_the_schema_gives() -> None:
    validator = Draft202012Validator(DEFINED["code"])
    assert all(validator.is_valid(code) for code in CODES)


@pytest.mark.parametrize("key", sorted(SCHEMA["required"]))
def test_a_report_without_one_of_its_parts_is_refused(key: str) -> None:
    report = checked(gru_lower.inspect(parser.parse_model(PLAIN)))
    del report[key]
    assert not VALIDATOR.is_valid(report)


def test_lowering_is_reported() -> None:
    result = gru_lower.lower(FIXTURES / "g2p_encoder.onnx", verify=False)
    report = checked(result.report)
    assert report["command"] == "lower"
    assert report["output"] is None
    assert [site["form"] for site in report["sites"]] == ["scan", "step"]
    assert [site["action"] for site in report["sites"]] == ["lowered", "lowered"]
    assert report["sites"][0]["site"] == "main#2:memory"
    assert report["sites"][0]["spec"]["hidden_size"] == 256
    assert report["op_counts"]["before"]["GRU"] == 2
    assert "GRU" not in report["op_counts"]["after"]
    assert report["verification"]["status"] == "not_run"


def test_files_are_named_by_their_digest(tmp_path: Path) -> None:
    source = FIXTURES / "digits_gru.onnx"
    result = gru_lower.lower(source, verify=False)
    path = tmp_path / "out.onnx"
    path.write_bytes(result.held.to_bytes())
    report = checked(with_output(result.report, str(path), result.held.sha256()))
    assert report["input"] == {"path": str(source), "sha256": hashlib.sha256(source.read_bytes()).hexdigest()}
    assert report["output"] == {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_inspection_is_reported() -> None:
    report = checked(gru_lower.inspect(FIXTURES / "digits_gru.onnx"))
    (site,) = report["sites"]
    assert (site["action"], site["form"], site["nodes_before"], site["nodes_after"]) == ("seen", None, 1, 1)
    assert report["op_counts"]["before"] == report["op_counts"]["after"]


def test_a_gru_that_is_not_understood_has_no_spec_but_a_reason() -> None:
    case = random_case(np.random.default_rng(0), clip=1.0, constants=frozenset({"W", "R", "B"}))
    model = case.model()
    next(a for a in model.graph.node[0].attribute if a.name == "clip").f = -1.0
    report = checked(gru_lower.inspect(model))
    assert report["sites"][0]["spec"] is None
    assert report["sites"][0]["code"] == "GL106"
    assert [found["code"] for found in report["diagnostics"] if found["severity"] == "error"] == ["GL106"]


@pytest.mark.parametrize("seed", range(60))
def test_any_gru_is_reported(seed: int) -> None:
    model = random_case(np.random.default_rng(seed), opset=ANY_OPSET).model()
    checked(gru_lower.inspect(model))
    report = checked(gru_lower.lower(model, verify=False).report)
    assert report["sites"][0]["spec"]["outputs"] == [name for name in model.graph.node[0].output if name]


@pytest.mark.parametrize("opset", [1, 3, 5])
def test_any_old_gru_is_reported(opset: int) -> None:
    report = checked(gru_lower.lower(random_case(np.random.default_rng(opset), opset=opset).model()).report)
    assert report["sites"][0]["action"] == "kept"
    assert report["sites"][0]["code"] == "GL301"


def test_errors_that_are_no_numbers_are_null() -> None:
    found = Verification("different", "site", 1, float("inf"), float("nan"), Worst("Y", (0, 1), 1.0, float("nan")))
    found.accuracy = [Accuracy("Y", 1.0, 0.5, 2)]
    verification = checked(Report("verify", File(None, "0" * 64), found))["verification"]
    assert verification["max_abs_error"] is None
    assert verification["worst"] == {"output": "Y", "index": [0, 1]}
    assert verification["accuracy"] == [{"output": "Y", "before": 1.0, "after": 0.5, "count": 2}]


def test_comparing_two_models_is_reported() -> None:
    left, right = (Model(parser.parse_model(text)) for text in (PLAIN, PLAIN.replace("Add", "Mul")))
    report = checked(verify_pair(left, right, VerifyOptions(cases=2)))
    assert report["command"] == "verify"
    assert report["verification"]["status"] == "different"
    assert report["verification"]["worst"]["output"] == "y"
    assert (report["input"]["sha256"], report["output"]["sha256"]) == (left.sha256(), right.sha256())
    assert report["op_counts"] == {"before": {"Add": 1}, "after": {"Mul": 1}}


def test_operators_are_counted_over_every_scope() -> None:
    model = parser.parse_model("""
    <ir_version: 8, opset_import: ["": 17, "my": 1]> g (bool c, float[n] x) => (float[n] y) {
        y = If (c) <then_branch = t () => (float[n] a) { a = my.Twice(x) },
                    else_branch = e () => (float[n] b) { b = Add(x, x) }>
    }
    <domain: "my", opset_import: ["": 17]> Twice (x) => (y) { z = Add(x, x)  y = Identity(z) }""")
    assert count_ops(Model(model)) == {"Add": 2, "Identity": 1, "If": 1, "my::Twice": 1}
    assert list(count_ops(Model(model))) == ["Add", "Identity", "If", "my::Twice"]
