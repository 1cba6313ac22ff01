"""The options of the public calls are declared once: signatures, docstrings and flags say the same."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import click
import pytest

import gru_lower
from gru_lower.api import batch_options, comparison_options, options
from gru_lower.api.declared_options import declared_options
from gru_lower.testing import assert_equivalent

CALLS = {
    name: getattr(gru_lower, name)
    for name in (
        "batch",
        "bench",
        "check",
        "fix",
        "fuse",
        "inspect",
        "legalize",
        "lower",
        "quantize",
        "stream",
        "verify",
    )
} | {"assert_equivalent": assert_equivalent}
DIGITS = Path(__file__).resolve().parents[1] / "fixtures" / "digits_gru.onnx"
COMMANDS = {
    "batch": batch_options.BatchOptions,
    "bench": comparison_options.TimingOptions,
    "check": options.CheckingOptions,
    "fuse": options.FusingOptions,
    "legalize": options.LegalizingOptions,
    "lower": options.LoweringOptions,
    "quantize": options.QuantizingOptions,
    "stream": options.StreamingOptions,
    "verify": comparison_options.VerifyingOptions,
}
OF_THE_COMMAND_LINE = {
    *("config", "no_color", "output_file", "output_format", "quiet", "verbose"),
    *("dry_run", "in_place", "output", "overwrite", "keep_different", "reduce_to"),
    *("exit_zero", "explain", "require_verified"),
}
"""What is about printing, configuration, files and exit codes: a call returns its result, or raises."""
LIBRARY_ONLY = {"progress", "expected"}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_describes_each_of_its_parameters(name: str) -> None:
    call = CALLS[name]
    described = inspect.getdoc(call) or ""
    for parameter in inspect.signature(call).parameters.values():
        assert f"\n    {parameter.name}: " in described
        positional = parameter.name in {"model", "models", "a", "b"}
        assert parameter.kind is (parameter.POSITIONAL_OR_KEYWORD if positional else parameter.KEYWORD_ONLY)
    assert described.index("Args:") < described.index("Raises:")
    assert max(map(len, described.splitlines())) <= 120


@pytest.mark.parametrize("name", CALLS)
def test_a_call_refuses_what_it_does_not_know(name: str) -> None:
    required = [each.name for each in inspect.signature(CALLS[name]).parameters.values() if each.default is each.empty]
    with pytest.raises(TypeError, match=rf"^{name}\(\) got an unexpected keyword argument 'zigzag'$"):
        CALLS[name](**dict.fromkeys(required, ""), zigzag=1)


@pytest.mark.parametrize(
    ("name", "slip", "meant"),
    [("lower", "frm", "form"), ("lower", "fix_dim", "fix_dims"), ("fuse", "requir", "require")],
)
def test_a_call_says_which_option_may_have_been_meant(name: str, slip: str, meant: str) -> None:
    with pytest.raises(TypeError, match=rf"unexpected keyword argument '{slip}'; did you mean '{meant}'\?$"):
        CALLS[name](b"", **{slip: 1})


def test_a_call_refuses_what_is_missing() -> None:
    legalize: Any = gru_lower.legalize
    with pytest.raises(TypeError, match=r"^legalize\(\) missing a required"):
        legalize(b"")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_command_has_each_option_of_the_call(name: str) -> None:
    command: click.Command = importlib.import_module(f"gru_lower.cli.{name}").command
    flags = {each.name: each for each in command.params if isinstance(each, click.Option)}
    for option in declared_options(COMMANDS[name]):
        if option.name in LIBRARY_ONLY:
            continue
        flag = flags[option.name]
        assert (option.doc.flag or option.doc.text) in (flag.help or "")
        assert flag.required == option.required
        if option.choices:
            assert isinstance(flag.type, click.Choice)
            assert tuple(flag.type.choices) == option.choices
        if isinstance(option.default, (str, int, float)):
            assert flag.get_default(click.Context(command)) == option.default


def test_a_flag_takes_no_less_than_is_declared() -> None:
    command: click.Command = importlib.import_module("gru_lower.cli.bench").command
    for words in (["a", "--seconds", "0"], ["a", "--threads", "-1"], ["a", "--runs", "0"]):
        with pytest.raises(click.BadParameter):
            command.make_context("bench", words)


@pytest.mark.parametrize("name", [*COMMANDS, "inspect"])
def test_the_call_takes_all_that_the_command_takes(name: str) -> None:
    command: click.Command = importlib.import_module(f"gru_lower.cli.{name}").command
    flags = {each.name for each in command.params} - OF_THE_COMMAND_LINE
    taken = set(inspect.signature(CALLS[name]).parameters) | {"models"}
    if name == "check":  # whose --fix is a call of its own
        taken |= set(inspect.signature(gru_lower.fix).parameters) | {"fix", "unsafe_fixes"}
    assert flags - taken == set()


def test_texts_are_taken_as_the_command_takes_them(tmp_path: Path) -> None:
    cases = DIGITS.with_suffix(".npz")
    result = gru_lower.lower(DIGITS, inputs=cases, memory="2GB")
    (accuracy,) = result.report.verification.accuracy
    assert (accuracy.output, accuracy.count) == ("logits", 360)
    assert gru_lower.verify(DIGITS, DIGITS, inputs=str(cases), search=0).cases == 1
    assert gru_lower.verify(DIGITS.read_bytes(), DIGITS, inputs=cases, search=0).cases == 1
    assert gru_lower.bench(DIGITS, inputs=cases, runs=1, memory="1000 MB").b is not None
    for wrong in ("much", "0GB", "-1", ""):
        with pytest.raises(gru_lower.Unsupported, match="memory cannot be") as refusal:
            gru_lower.lower(DIGITS, memory=wrong)
        assert refusal.value.hint == "write it like 8GB or 512MB"
    with pytest.raises(gru_lower.Unsupported, match="no such file or folder"):
        gru_lower.lower(DIGITS, inputs=tmp_path / "cases.npz")
