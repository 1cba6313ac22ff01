"""Unrolled recurrences of many steps: one step is read, the others are compared with it, and an odd one is noticed."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import gru_lower
from benchmarks.huge_models import STEP_NODES, Graph, unrolled
from gru_lower import garbage_collection
from gru_lower.garbage_collection import collect_seldom, without_garbage_collection
from gru_lower.graph.scopes import walk
from gru_lower.passes.fuse_gru.recognition import unrolled_recurrences
from gru_lower.passes.fuse_gru.recognition.read_cell import read_cells

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.recognition.read_cell import CellReadings

STEPS = 12


def grus(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    return [node for scope in walk(model) for node in scope.nodes if node.op_type == "GRU"]


def test_steps_that_are_alike_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Poly] = []

    def noted(algebra: Algebra, state: Poly) -> CellReadings:
        read.append(state)
        return read_cells(algebra, state)

    monkeypatch.setattr(unrolled_recurrences, "read_cells", noted)
    result = gru_lower.fuse(unrolled(STEPS * (STEP_NODES + 1)), verify=True)
    assert len(grus(result.model)) == 1
    assert result.report.verification.status == "equivalent"
    assert len(read) < STEPS // 3


@pytest.mark.parametrize("which", ["w", "bW", "r", "bR"])
def test_a_step_with_another_weight_is_no_step_of_the_same_gru(which: str) -> None:
    graph = Graph()
    weights, graph.last = graph.cell("w"), "h0"
    others = dict(zip(("w", "r", "bW", "bR"), graph.cell("o"), strict=True))
    for index in range(STEPS):
        own = dict(zip(others, weights, strict=True))
        if index == STEPS // 2:
            own[which] = others[which]
        graph.tensors.append(numpy_helper.from_array(np.array(index), f"i{index}"))
        graph.last = graph.step(graph.node("Gather", ["X", f"i{index}"], axis=0), graph.last, list(own.values()))
    result = gru_lower.fuse(graph.model(steps=STEPS), verify=True)
    assert len(grus(result.model)) == 2
    assert result.report.verification.status == "equivalent"


def test_two_grus_whose_steps_alternate_are_both_found() -> None:
    graph = Graph()
    first, second = graph.cell("a"), graph.cell("b")
    below, above = "h0", "h0"
    for index in range(STEPS):
        graph.tensors.append(numpy_helper.from_array(np.array(index), f"i{index}"))
        below = graph.step(graph.node("Gather", ["X", f"i{index}"], axis=0), below, first)
        above = graph.step(below, above, second)
    graph.last = above
    result = gru_lower.fuse(graph.model(steps=STEPS), verify=True)
    assert len(grus(result.model)) == 2
    assert result.report.verification.status == "equivalent"


def test_a_command_that_ends_soon_looks_for_no_cycles_in_what_a_pass_made(monkeypatch: pytest.MonkeyPatch) -> None:
    before = gc.get_threshold()
    monkeypatch.setattr(garbage_collection, "_process", garbage_collection._Process())
    try:
        collect_seldom(ends_soon=True)
        with without_garbage_collection():
            made: list[list[int]] = [[] for _ in range(garbage_collection.OBJECTS_BETWEEN + 1000)]
        assert gc.get_count()[0] < len(made) // 2
        assert gc.get_freeze_count() == 0
    finally:
        gc.set_threshold(*before)


def test_where_no_opset_is_imported_nothing_is_fused() -> None:
    model = unrolled(STEPS * (STEP_NODES + 1))
    model.opset_import[0].domain = "elsewhere"
    result = gru_lower.fuse(model, verify=False)
    assert not grus(result.model)
    assert "no opset" in result.report.sites[0].message
