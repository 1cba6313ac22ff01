"""docs/architecture.md says what is so: its picture is drawn from the code, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import update_architecture

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
NOW, _, LATER = PAGE.read_text(encoding="utf-8").partition("## Places for what is to come")


def test_the_picture_is_that_of_the_code() -> None:
    assert update_architecture.PICTURE.read_text(encoding="utf-8") == update_architecture.picture(), (
        "run python tests/update_architecture.py"
    )


def test_every_file_it_names_is_there() -> None:
    named = set(re.findall(r"`((?:passes|cli|gru_lower|tests|examples|docs)/[\w/.]*|noxfile\.py)`", NOW))
    assert len(named) > 50
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_what_is_to_come_is_not_there_yet() -> None:
    # Once it is, its line belongs above.
    planned = set(re.findall(r"`((?:passes|gru_lower)/[\w/.]*)`", LATER)) - {"gru_lower/report/run_report.py"}
    assert planned
    assert sorted(name for name in planned if (ROOT / name).exists()) == []


@pytest.mark.parametrize("contract", update_architecture.PANELS)
def test_every_module_of_a_drawn_package_has_a_row(contract: str) -> None:
    drawn = update_architecture.contracts()[contract]
    (container,) = drawn["containers"]
    rows = {name for row in update_architecture.rows_of(drawn) for name in row}
    inside = {
        name.removeprefix(f"{container}.").partition(".")[0]
        for name in update_architecture.modules()
        if name.startswith(f"{container}.")
    }
    assert inside - rows == set()
