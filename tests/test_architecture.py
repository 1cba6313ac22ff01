"""docs/architecture.md says what is so: its picture is drawn from the code, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import update_architecture

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"


def test_the_picture_is_that_of_the_code() -> None:
    assert update_architecture.PICTURE.read_text(encoding="utf-8") == update_architecture.picture(), (
        "run python tests/update_architecture.py"
    )


def test_every_file_it_names_is_there() -> None:
    named = set(
        re.findall(
            r"`((?:passes|cli|gru_lower|tests|examples|docs)/[\w/.]*|noxfile\.py)`", PAGE.read_text(encoding="utf-8")
        )
    )
    assert len(named) > 50
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


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
