"""Hints: no command names an option that is in use, or that it does not have, or N=N for a dim called N."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING

import onnx
import pytest

import gru_lower
from gru_lower.cli.command_group import Commands
from gru_lower.cli.main import run
from gru_lower.diagnostic_codes import CODES

if TYPE_CHECKING:
    from pathlib import Path

    import click

HEAD = '<ir_version: 8, opset_import: ["": {opset}]>'
WEIGHTS = "float[1, 3, 2] W = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6}, float[1, 3, 1] R = {0.1, 0.2, 0.3}"
GRU = "Y, Y_h = GRU <hidden_size = 1> (X, W, R)"
MASKED = """Y, Y_h = GRU <hidden_size = 1> (X, W, R, , lens)"""
OWN_LOOP = f"""{GRU} first = Squeeze (Y_h, zero)
    last = Loop <body = step (int64 i, bool go, float[2, 1] s) => (bool on, float[2, 1] t)
        {{ t = Add (s, s)  u = ReduceSum <keepdims = 0> (t)  on = Less (u, ten) }}> (trips, , first)"""
CUSTOM = f"{GRU} Z = own.thing (Y)"


def text(nodes: str, inputs: str = "float[12, 2, 2] X", outputs: str = "float[12, 1, 2, 1] Y", opset: int = 17) -> str:
    head = HEAD.format(opset=opset).replace("]>", ', "own": 1]>') if "own." in nodes else HEAD.format(opset=opset)
    more = f"{WEIGHTS}, int64[1] zero = {{0}}, int64 trips = {{9}}, float ten = {{10}}"
    return f"{head} g ({inputs}) => ({outputs}) <{more}> {{ {nodes} }}"


OPEN_N, OPEN_T = "float[12, N, 2] X", "float[T, 2, 2] X"
SCENES = {
    "lengths": (text(MASKED, "float[12, 2, 2] X, int32[2] lens"), "lower {m} --target portable"),
    "lengths, legalised": (text(MASKED, "float[12, 2, 2] X, int32[2] lens"), "legalize {m} --target tract"),
    "a dim called N": (text(GRU, OPEN_N), "lower {m} --target portable"),
    "a dim called N, checked": (text(GRU, OPEN_N), "check {m} --target portable"),
    "a dim called N, kept": (text(GRU, OPEN_N), "lower {m} --target opencv"),
    "a dim called T": (text(GRU, OPEN_T, "float[T, 1, 2, 1] Y"), "lower {m} --target portable"),
    "a Loop of its own": (text(OWN_LOOP, outputs="float[2, 1] last"), "lower {m} --target portable"),
    "a Loop of its own, checked": (text(OWN_LOOP, outputs="float[2, 1] last"), "check {m} --target portable"),
    "a form in use": (text(GRU), "lower {m} --target portable --form scan"),
    "step in use": (text(GRU), "lower {m} --form step"),
    "unroll of an open T": (text(GRU, OPEN_T, "float[T, 1, 2, 1] Y"), "lower {m} --form unroll"),
    "scan in an old opset": (text(GRU, opset=8), "lower {m} --form scan"),
    "an old opset": (text(GRU, opset=3), "lower {m}"),
    "what may not be written": (text(GRU), "lower {m} --forbid Sigmoid+Exp+Tanh"),
    "an opset beyond the target": (text(GRU, opset=21), "legalize {m} --target portable"),
    "an opset in use": (text(GRU, opset=21), "lower {m} --target portable --opset 20"),
    "nothing could be run": (text(CUSTOM, outputs="float[12, 1, 2, 1] Z"), "lower {m}"),
    "a fixed dim": (text(GRU, OPEN_N), "lower {m} --fix-dim N=2"),
    "a dim fixed by another name": (text(GRU, OPEN_N), "lower {m} --fix-dim M=2"),
    "findings": (text(GRU.replace("hidden_size = 1", "linear_before_reset = 1"), OPEN_N), "check {m}"),
    "findings, fixed": (text("Y, Y_h = GRU <hidden_size = 1, clip = -1.0> (X, W, R)"), "check {m} --fix -o {o}"),
    "two models": (text(GRU, OPEN_N), "verify {m} {n}"),
    "no GRU": (text("Y = Tanh (X)", outputs="float[12, 2, 2] Y"), "convert {m} --to torch"),
    "lengths, converted": (text(MASKED, "float[12, 2, 2] X, int32[2] lens"), "convert {m} --to torch"),
    "inspected": (text(MASKED, "float[12, 2, 2] X, int64[2] lens"), "inspect {m}"),
    "benched": (text(CUSTOM, outputs="float[12, 1, 2, 1] Z"), "bench {m}"),
}
COMMANDS = ("lower", "fuse", "legalize", "check", "verify", "inspect", "convert", "bench", "probe", "targets")


def flags_of(command: str) -> set[str]:
    found: click.Command = importlib.import_module(f"gru_lower.cli.{command}").command
    return {flag for parameter in found.params for flag in (*parameter.opts, *parameter.secondary_opts)}


def misleading(hint: str, words: list[str]) -> list[str]:
    """Return what in a hint a user of a command cannot follow."""
    used = {tuple(words[place : place + 2]) for place, word in enumerate(words) if word.startswith("--")}
    used |= {("--form", "auto")} if "--form" not in words else set()
    where, wrong = words[0], []
    pieces = re.findall(r"--[a-z-]+|[\w.:=-]+", hint)
    for place, piece in enumerate(pieces):
        if not piece.startswith("--"):
            where = piece if piece in COMMANDS else where
        elif piece not in flags_of(where):
            wrong.append(f"{where} has no {piece}")
        elif where == words[0] and tuple(pieces[place : place + 2]) in used:
            wrong.append(f"{piece} is in use")
    wrong += [f"{name}={name}" for name, value in re.findall(r"--fix-dim (\S+)=(\S+)", hint) if name == value]
    return wrong


@pytest.mark.parametrize("scene", SCENES)
def test_hints_can_be_followed(scene: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, line = SCENES[scene]
    onnx.save(onnx.parser.parse_model(model), tmp_path / "m.onnx")
    other = model.replace(OPEN_N, "float[12, 2, 2] X")
    onnx.save(onnx.parser.parse_model(other), tmp_path / "n.onnx")
    named = {"{m}": "m.onnx", "{n}": "n.onnx", "{o}": "o.onnx"}
    words = [str(tmp_path / named[word]) if word in named else word for word in line.split()]
    assert run(words) in (0, 1, 2)
    printed = capsys.readouterr()
    hints = [each.partition("hint: ")[2] for each in (printed.out + printed.err).splitlines() if "hint: " in each]
    assert {hint: misleading(hint, words) for hint in hints} == {hint: [] for hint in hints}
    if "Loop of its own" in scene:
        assert not any("fix-dim" in hint for hint in hints), hints


def test_hints_of_codes_name_flags_that_some_command_has() -> None:
    every = {"--help", *(flag for command in Commands.modules for flag in flags_of(command))}
    for code, entry in CODES.items():
        for flag in re.findall(r"--[a-z][a-z-]+", entry.hint):
            assert flag in every, f"{code}: {flag}"


CELL = 'Y, Y_h = GRU <hidden_size = 1, activations = ["{f}", "Tanh"]> (X, W, R{rest})'
HARD, PLAIN = CELL.format(f="HardSigmoid", rest=""), CELL.format(f="Sigmoid", rest="")
COMPUTED = "wide = Cast <to = 7> (given)  lens = Cast <to = 6> (wide)" + CELL.format(f="Sigmoid", rest=", , lens")
HALF = """X16 = Cast <to = 10> (X)  W16 = Cast <to = 10> (W)  R16 = Cast <to = 10> (R)
    Y16 = GRU <hidden_size = 1> (X16, W16, R16)  Y = Cast <to = 1> (Y16)"""
BOTH_OPEN, OPEN_Y = "float[T, N, 2] X", "float[T, 1, N, 1] Y"
LEADING = {
    "the opset alone": (text(HARD, opset=8), "lower {m} --target onnxruntime-webgpu"),
    "the opset, a form asked for": (text(HARD, opset=8), "lower {m} --target onnxruntime-webgpu --form unroll"),
    "the opset, legalised": (text(HARD, opset=8), "legalize {m} --target onnxruntime-webgpu"),
    "all at once": (text(PLAIN, BOTH_OPEN, OPEN_Y, opset=21), "lower {m} --target portable"),
    "a form that is not taken": (text(PLAIN), "lower {m} --target tract --form loop"),
    "a form that does not fit": (text(PLAIN), "lower {m} --target portable --form step"),
    "a length that is open": (text(PLAIN, OPEN_T, "float[T, 1, 2, 1] Y"), "lower {m} --target tract --form unroll"),
    "dims of one GRU": (text(MASKED, f"{BOTH_OPEN}, int32[N] lens", OPEN_Y), "legalize {m} --target onnx2torch"),
    "lengths and dims": (text(MASKED, f"{BOTH_OPEN}, int32[N] lens", OPEN_Y), "lower {m} --target aidge"),
    "lengths handed in": (text(MASKED, "float[12, 2, 2] X, int32[2] lens"), "lower {m} --target portable"),
    "lengths, not the opset": (
        text(MASKED, "float[12, 2, 2] X, int32[2] lens", opset=13),
        "lower {m} --target jaxonnxruntime",
    ),
    "lengths computed": (text(COMPUTED, "float[12, 2, 2] X, float[2] given"), "lower {m} --target portable"),
    "lengths computed, dims open": (text(COMPUTED, f"{BOTH_OPEN}, float[N] given", OPEN_Y), "lower {m} --target ncnn"),
    "a type and an open length": (text(HALF, OPEN_T, "float[T, 1, 2, 1] Y"), "lower {m} --target onnx2tf"),
    "a type": (text(HALF), "lower {m} --target onnx2tf"),
}


def followed(words: list[str], hint: str) -> list[str]:
    """Return a command with what a hint names, placeholders being numbers."""
    for flag, value in re.findall(r"(--fix-dim|--set|--opset) ([\w=]+)", hint):
        name, equals, _ = value.partition("=")
        lengths = {"T": 5, "N": 2, "lens": 3}
        words = [*words, flag, f"{name}={lengths.get(name, 2)}" if equals else name]
    if "--form auto" in hint and "--form" in words:
        place = words.index("--form")
        words = words[:place] + words[place + 2 :]
    if "--allow-cast" in hint:
        words = ["legalize", *words[1:], "--allow-cast"]
    if "full-length" in hint and "--set" not in hint:
        words = [*words, "--assume", "full-length"]
    return words


@pytest.mark.parametrize("scene", LEADING)
def test_hints_lead_to_a_model(scene: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever does what each refusal says has a model after a few of them, and is told something new each time."""
    text_of, line = LEADING[scene]
    onnx.save(onnx.parser.parse_model(text_of), tmp_path / "m.onnx")
    words = [str(tmp_path / "m.onnx") if word == "{m}" else word for word in line.split()]
    said = []
    while status := run([*words, "-o", str(tmp_path / "o.onnx"), "--overwrite", "--no-verify"]):
        assert status in (1, 2)
        hint = re.findall(r"hint: (.*)", capsys.readouterr().err)[-1]
        assert hint not in said
        said.append(hint)
        words = followed(words, hint)
    assert 1 <= len(said) <= 2
    found = gru_lower.check(tmp_path / "o.onnx", target=words[words.index("--target") + 1]).diagnostics
    assert [each for each in found if each.code.startswith("GL70")] == []
