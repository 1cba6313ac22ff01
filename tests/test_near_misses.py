"""Cells that are no GRU: none is fused, and one sentence, which is true of the cell, says why."""

from __future__ import annotations

import onnx
import pytest

import gru_lower
from gru_lower.graph.scopes import is_onnx
from near_misses import CELLS, spelled


@pytest.mark.parametrize(
    ("name", "container"), [(name, where) for name, cell in CELLS.items() for where in cell.containers]
)
def test_a_near_miss_stays_and_it_is_said_why(name: str, container: str) -> None:
    model = spelled(CELLS[name], container)
    onnx.checker.check_model(model, full_check=True)
    result = gru_lower.fuse(model, verify=False)
    assert not any(is_onnx(node, "GRU") for node in result.model.graph.node)
    said = [found.message for found in result.report.diagnostics]
    assert [found.code for found in result.report.diagnostics] == ["GL801"], said
    for word in CELLS[name].says:
        assert word in said[0], f"{word!r} is not in {said[0]!r}"


def test_there_are_enough_of_them() -> None:
    assert len(CELLS) >= 60
