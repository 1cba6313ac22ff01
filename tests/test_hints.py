"""Hints: no command names an option that is in use, or that it does not have, or N=N for a dim called N."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING

import onnx
import pytest

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
