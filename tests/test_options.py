"""The options of the public calls are declared once: signatures, docstrings and flags say the same."""

from __future__ import annotations

import importlib
import inspect
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
    with pytest.raises(TypeError, match=rf"^{name}\(\) got an unexpected keyword argument 'colour'$"):
        CALLS[name](**dict.fromkeys(required, ""), colour=1)


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
