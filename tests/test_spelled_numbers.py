"""Numbers in messages are written as people write them, and words that an option does not know are usage errors."""

from __future__ import annotations

from typing import Any

import click
import pytest

from gru_lower.cli.main import cli, run
from gru_lower.isolation.memory_size import bytes_of, spelled_size
from gru_lower.verification.sites.expected_time import ExpectedTime

DIGITS = "fixtures/digits_gru.onnx"
WORDS = {
    "target": "openvino",
    "passes": "lower-gru",
    "select": "GL711",
    "ignore": "GL711",
    "providers": "cpu",
    "forbid": "Split",
    "explain": "GL711",
}
"""What options take that is no fixed choice, and yet a word of a list."""
BESIDE = {
    "batch": ["models/*.onnx", "--do", "lower", "--out", "out"],
    "convert": [DIGITS, "--to", "torch"],
    "legalize": [DIGITS, "--target", "mnn"],
    "probe": ["--runner", "x", "-o", "mine.toml"],
    "targets": [],
    "verify": [DIGITS, DIGITS],
}
"""What commands want besides; the others want a model."""


def options_of_words() -> list[Any]:
    """Return every option of every command that takes one word of a list: the command, the flag and a word."""
    group = click.Context(cli)
    found = []
    for name in cli.list_commands(group):
        command = cli.get_command(group, name)
        assert command is not None
        for option in command.params:
            if not isinstance(option, click.Option) or option.is_flag:
                continue
            choices = list(option.type.choices) if isinstance(option.type, click.Choice) else []
            word = choices[-1] if choices else WORDS.get(option.name or "")
            if word:
                flag = next(each for each in option.opts if each.startswith("--"))
                found.append(pytest.param(name, flag, word, id=f"{name} {flag}"))
    return found


@pytest.mark.parametrize(("name", "flag", "word"), options_of_words())
def test_a_misspelt_word_is_wrong_usage_and_the_nearest_is_named(
    name: str, flag: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    beside = [each for each in BESIDE.get(name, [DIGITS]) if flag not in each]
    if flag in BESIDE.get(name, []):
        place = BESIDE[name].index(flag)
        beside = BESIDE[name][:place] + BESIDE[name][place + 2 :]
    assert run([name, *beside, flag, f"{word}q"]) == 2
    said = capsys.readouterr().err
    assert word.lower() in said.replace(f"{word}q", "").lower()


def test_every_command_has_such_options() -> None:
    assert len(options_of_words()) > 40


def test_sizes_are_written_as_people_write_them() -> None:
    spelled = {
        0: "0 bytes",
        999: "999 bytes",
        1000: "1.00 kB",
        61064: "61.1 kB",
        999_500: "1.00 MB",
        10**12: "1,000 GB",
    }
    assert {size: spelled_size(size) for size in spelled} == spelled
    assert [bytes_of(each) for each in ("8GB", "512 mb", "1.5k", "7", "0", "x", "-1")] == [
        *(8 * 10**9, 512 * 10**6, 1500, 7, None, None, None),
    ]


def test_ratios_are_no_powers_of_ten() -> None:
    said = [str(ExpectedTime("scan", {"": ratio}, "its loop", "1.0")) for ratio in (0.14, 15.2, 99.7, 1536.0)]
    assert [each.split(" of ")[0] for each in said] == ["scan: 0.14", "scan: 15", "scan: 100", "scan: 1536"]
