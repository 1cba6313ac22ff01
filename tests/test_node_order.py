"""Models whose nodes stand in front of what they use: read in order, written as they were if unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
import pytest

import gru_lower
from gru_lower.cli.main import run
from gru_lower.errors import InvalidModel

if TYPE_CHECKING:
    from pathlib import Path

HEAD = '<ir_version: 8, opset_import: ["": 17]>'
WEIGHTS = "<float[1, 3, 2] W = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6}, float[1, 3, 1] R = {0.1, 0.2, 0.3}>"
UNSORTED = f"""{HEAD} g (float[5, N, 2] X) => (float[5, 1, N, 1] Z) {WEIGHTS} {{
    Z = Identity (Y)
    Y, Y_h = GRU <hidden_size = 1, linear_before_reset = 1> (P, W, R)
    P = Tanh (X)
}}"""
NO_GRU = f"{HEAD} g (float[2] X) => (float[2] Z) {{ Z = Exp (Y)  Y = Tanh (X) }}"
IN_A_BODY = f"""{HEAD} g (float[5, N, 2] X) => (float[N, 2] last, float[5, N, 2] Y) {{
    last, Y = Scan <num_scan_inputs = 1, body = step (float[N, 2] before, float[N, 2] x)
        => (float[N, 2] after, float[N, 2] y) {{ y = Exp (after)  after = Add (before, x) }}> (zeros, X)
    zeros = ReduceSum <keepdims = 0> (X, first)
    first = Constant <value = int64[1] {{0}}> ()
}}"""


def model_of(text: str) -> onnx.ModelProto:
    return onnx.parser.parse_model(text)


def codes(report: gru_lower.Report) -> list[str]:
    return [found.code for found in report.diagnostics]


def test_a_gru_that_is_used_further_up_is_used() -> None:
    found = gru_lower.check(model_of(UNSORTED)).diagnostics
    assert [each.code for each in found] == ["GL733"]
    assert "Identity 'Z'" in found[0].message
    assert "'Y'" in found[0].message


def test_every_call_reads_in_order_and_says_so() -> None:
    model = model_of(UNSORTED)
    lowered = gru_lower.lower(model, form="unroll")
    assert lowered.report.verification.status == "equivalent"
    assert "GL733" in codes(lowered.report)
    onnx.checker.check_model(lowered.model, full_check=True)
    assert "GL733" in codes(gru_lower.inspect(model))
    assert "GL733" in codes(gru_lower.legalize(model, target="mnn").report)
    assert "GL733" in [each.code for each in gru_lower.bench(model, runs=1).diagnostics]
    assert gru_lower.verify(model, lowered.model).holds


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["lower", "{m}", "-o", "{o}", "--overwrite"], 0),
        (["fuse", "{m}", "-o", "{o}", "--overwrite"], 0),
        (["inspect", "{m}"], 0),
        (["verify", "{m}", "{m}"], 0),
        (["bench", "{m}", "--runs", "1"], 0),
        (["convert", "{m}", "--to", "torch", "-o", "{d}/w.npz"], 0),
        (["check", "{m}"], 1),
        (["check", "{m}", "--ignore", "GL733"], 0),
        (["check", "{m}", "--fix", "-o", "{o}", "--overwrite"], 0),
    ],
)
def test_commands_warn_and_end_as_they_would(
    words: list[str], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(model_of(UNSORTED), path)
    named = {"{m}": str(path), "{o}": str(tmp_path / "o.onnx"), "{d}": str(tmp_path)}
    for key, value in named.items():
        words = [word.replace(key, value) for word in words]
    assert run(words) == code
    printed = capsys.readouterr()
    assert ("GL733" in printed.out + printed.err) == ("--ignore" not in words)


def test_unchanged_models_keep_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(model_of(NO_GRU), path)
    assert run(["lower", str(path), "-o", str(tmp_path / "o.onnx"), "-q"]) == 0
    assert (tmp_path / "o.onnx").read_bytes() == path.read_bytes()
    raw = path.read_bytes()
    for given in (path, raw, onnx.load(path)):
        result = gru_lower.lower(given)
        assert "GL733" in codes(result.report)
        assert result.to_bytes() == raw
        assert result.model.SerializeToString() == raw


def test_fix_writes_the_order(tmp_path: Path) -> None:
    path, out = tmp_path / "m.onnx", tmp_path / "o.onnx"
    onnx.save(model_of(UNSORTED), path)
    assert run(["check", str(path), "--fix", "-o", str(out)]) == 0
    assert [node.op_type for node in onnx.load(out).graph.node] == ["Tanh", "GRU", "Identity"]
    assert run(["check", str(out)]) == 0
    assert gru_lower.fix(model_of(UNSORTED)).report.verification.status == "equivalent"


def test_bodies_and_functions_are_put_in_order() -> None:
    result = gru_lower.fix(model_of(IN_A_BODY))
    (fixed,) = (each for each in result.report.diagnostics if each.code == "GL733")
    assert fixed.fix is not None
    assert fixed.fix.applied
    onnx.checker.check_model(result.model, full_check=True)
    body = next(each.g for each in result.model.graph.node[-1].attribute if each.name == "body")
    assert [node.op_type for node in body.node] == ["Add", "Exp"]
    function = """<ir_version: 8, opset_import: ["": 17, "own": 1]> g (float[2] X) => (float[2] Z) { Z = own.f (X) }
    <domain: "own", opset_import: ["": 17]> f (a) => (c) { c = Exp (b)  b = Tanh (a) }"""
    result = gru_lower.fix(model_of(function))
    assert [node.op_type for node in result.model.functions[0].node] == ["Tanh", "Exp"]


def test_a_circle_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    circle = model_of(f"{HEAD} g (float[2] X) => (float[2] Z) {{ Y = Add (X, Z)  Z = Exp (Y) }}")
    with pytest.raises(InvalidModel, match=r"circle: Add 'Y' and Exp 'Z'"):
        gru_lower.inspect(circle)
    with pytest.raises(InvalidModel, match=r"Add 'Y' uses what it makes"):
        gru_lower.inspect(model_of(f"{HEAD} g (float[2] X) => (float[2] Y) {{ Y = Add (X, Y) }}"))
    onnx.save(circle, tmp_path / "m.onnx")
    assert run(["fuse", str(tmp_path / "m.onnx")]) == 2
    assert "GL003" in capsys.readouterr().err
