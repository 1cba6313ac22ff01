"""docs/refusals.md lists what each target refuses over the grid, as it is refused."""

from __future__ import annotations

import pytest

import update_refusals
from gru_lower.targets import read_profile

QUICK = ("portable", "aidge", "tpu-mlir")


@pytest.mark.parametrize("target", QUICK)
def test_a_target(target: str) -> None:
    shown = "\n".join(update_refusals.section(target, update_refusals.outcome_of(target)))
    assert f"{shown}\n\n" in update_refusals.PAGE.read_text(encoding="utf-8") + "\n"


def test_every_target_has_a_row() -> None:
    page = update_refusals.PAGE.read_text(encoding="utf-8")
    assert [name for name in read_profile.names() if f"| {name} |" not in page and f"| [{name}](#" not in page] == []


@pytest.mark.slow
def test_the_page() -> None:
    """If this fails, run tests/update_refusals.py: what a target takes has changed."""
    assert update_refusals.PAGE.read_text(encoding="utf-8") == update_refusals.page()
