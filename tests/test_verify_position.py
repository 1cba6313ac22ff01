"""verify with inputs and outputs paired by position, where a tool has renamed them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
import pytest

import gru_lower
from gru_lower.cli.main import run as command

if TYPE_CHECKING:
    from pathlib import Path

HEAD = '<ir_version: 8, opset_import: ["": 17]>'


def model(text: str) -> onnx.ModelProto:
    return onnx.parser.parse_model(f"{HEAD} g {text}")


def two(x: str, y: str, a: str, b: str, t: str = "t", difference: str = "{x}, {y}") -> str:
    """Return a model of two inputs and two outputs, by these names."""
    ends = f"(float[N, 2] {x}, float[N, 2] {y}) => (float[N, 2] {a}, float[N, 2] {b})"
    return f"{ends} {{ {a} = Sub ({difference.format(x=x, y=y)})  {t} = Tanh ({x})  {b} = Mul ({t}, {y}) }}"


ONE = two("x", "y", "a", "b")


@pytest.mark.parametrize(
    ("other", "status"),
    [
        (two("p", "q", "r", "s"), "equivalent"),
        (two("y", "x", "b", "a"), "equivalent"),  # the same names in another order
        (two("p", "q", "r", "s", "a"), "equivalent"),  # and inside
        (two("p", "q", "r", "s", difference="{y}, {x}"), "different"),
        ("(float[N, 2] p) => (float[N, 2] r, float[N, 2] s) { r = Sub (p, p)  s = Tanh (p) }", "different"),
        ("(float[N, 2] p, float[N, 2] q) => (float[N, 2] r) { r = Sub (p, q) }", "different"),
    ],
)
def test_models_are_paired_by_position(other: str, status: str) -> None:
    found = gru_lower.verify(model(ONE), model(other), match="position", search=0)
    assert found.status == status, found.message


def test_outputs_that_are_inputs_or_stand_twice_are_paired() -> None:
    outputs = "float[N, 2] x2, float[N, 2] u, float[N, 2] v"
    apart = model(f"(float[N, 2] x) => ({outputs}) {{ x2 = Identity (x)  u = Exp (x)  v = Identity (u) }}")
    same = model("(float[N, 2] p) => (float[N, 2] p, float[N, 2] e, float[N, 2] e) { e = Exp (p) }")
    assert gru_lower.verify(apart, same, match="position", search=0).status == "equivalent"


def test_bodies_that_capture_follow() -> None:
    text = """(float[3, N, 2] {0}, float[N, 2] {1}) => (float[N, 2] {2}) {{
        {2}, rows = Scan <num_scan_inputs = 1, body = step (float[N, 2] {3}, float[N, 2] row)
        => (float[N, 2] n, float[N, 2] m) {{ k = Mul ({3}, {1})  n = Add (k, row)  m = Identity (n) }}> ({1}, {0}) }}"""
    pair = [model(text.format(*names)) for names in (("x", "h", "y", "s"), ("y", "x", "h", "s"))]
    found = gru_lower.verify(*pair, match="position", search=0)
    assert found.status == "equivalent", found.message


def test_the_command_says_what_would_pair_renamed_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(tmp_path / name) for name in ("a.onnx", "b.onnx")]
    renamed = model(ONE)
    for value in renamed.graph.output:
        value.name = f"{value.name}2"
    for node in renamed.graph.node:
        node.output[:] = [f"{name}2" if name in "ab" else name for name in node.output]
    onnx.save(model(ONE), paths[0])
    onnx.save(renamed, paths[1])
    assert command(["verify", *paths, "--search", "0"]) == 1
    assert "--match position" in capsys.readouterr().out
    assert command(["verify", *paths, "--search", "0", "--match", "position"]) == 0
