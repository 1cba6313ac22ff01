"""Cells that are no GRU: none is fused, and one sentence, which is true of the cell, says why."""

from __future__ import annotations

import onnx
import pytest

import gru_lower
from gru_lower.graph.scopes import is_onnx
from near_misses import CELLS, B, H, NearMiss, T, spelled, value


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


@pytest.mark.parametrize("which", ["a state twice", "a scan output twice", "a state and a scan output"])
def test_a_scan_that_onnxruntime_corrupts_is_no_fault_of_fusing(which: str) -> None:
    model = spelled_scan(which)
    result = gru_lower.fuse(model)
    assert {found.code for found in result.report.diagnostics} == {"GL725"}
    assert result.report.diagnostics[0].severity == "warning"
    mended = gru_lower.fix(model, select=["GL725"]).model
    assert gru_lower.fuse(mended, require=1).report.verification.status == "equivalent"


def spelled_scan(which: str) -> onnx.ModelProto:
    """Return a GRU in a Scan whose body gives one value under two outputs."""
    cell = NearMiss(lambda s: [s.blend(s.gate("z"), s.n())], ())
    model = spelled(cell, "scan")
    scan = next(node for node in model.graph.node if node.op_type == "Scan")
    body = next(attribute.g for attribute in scan.attribute if attribute.name == "body")
    state, output = body.output
    if which == "a state and a scan output":
        output.name = state.name
        return model
    if which == "a scan output twice":
        body.output.append(output)
        scan.output.append("again")
        model.graph.output.append(value("again", [T, B, H]))
        return model
    body.input.insert(1, value("more", [B, H]))
    body.output.insert(1, state)
    scan.input.insert(1, "h0")
    scan.output.insert(1, "again")
    model.graph.output.append(value("again", [B, H]))
    return model
