"""Empty sequences and batches that loops took: warned of, guarded, or the loop is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

import gru_lower
from gru_lower.errors import Remaining
from gru_lower.graph.scopes import is_onnx
from loop_models import (
    LENGTH,
    RNG,
    codes,
    grus,
    loop_of,
    model_of,
    node,
    run,
    scan_of,
    whole_inputs,
)
from test_fuse_split import B, H, I, T, cell

if TYPE_CHECKING:
    from gru_lower.rewriting.result import Result

# -- empty axes ----------------------------------------------------------------------------------------------------


def dynamic_loop(
    time: int | str = "T", batch: int | str = "N", *, reverse: bool = False, h0: bool = True
) -> onnx.ModelProto:
    """Return a Loop over sequences of any length."""
    loop, nodes = loop_of(cell(), "length", ""), [*LENGTH, node("Sub", "length one", "end")]
    inputs = whole_inputs(time, batch)
    if reverse:
        body = loop.attribute[0].g
        body.node[0].input[1] = "at"
        body.node.insert(0, node("Sub", "end i", "at"))
    if not h0:
        nodes += [node("Gather", "shape one", "batch"), node("Reshape", "batch unit", "batch1")]
        nodes += [node("Concat", "batch1 width", "state_shape", axis=0), node("ConstantOfShape", "state_shape", "h0")]
        inputs = inputs[:1]
    constants = {"first": np.array(0), "one": np.array(1), "unit": np.array([1]), "width": np.array([H])}
    return model_of([*nodes, loop], inputs, ["last", "all_Ht"], constants)


@pytest.mark.parametrize(
    ("time", "batch", "needed"),
    [("T", "N", ["T >= 1", "B >= 1"]), ("T", B, ["T >= 1"]), (T, "N", ["B >= 1"]), (T, B, [])],
)
def test_empty_axes_that_a_loop_took_are_warned_of(time: int | str, batch: int | str, needed: list[str]) -> None:
    result = gru_lower.fuse(dynamic_loop(time, batch), require=1)
    (site,) = result.report.sites
    assert site.to_dict().get("preconditions", []) == needed
    assert codes(result) == ["GL808"] * bool(needed)
    assert all(each in result.report.diagnostics[0].message for each in needed)


def test_of_a_scan_only_empty_batches_are_warned_of() -> None:
    def fused(time: int | str, batch: int | str) -> Result[onnx.ModelProto]:
        return gru_lower.fuse(model_of([scan_of(cell())], whole_inputs(time, batch), ["last", "all_Ht"]), require=1)

    result = fused("T", B)  # onnxruntime's own Scan takes no empty sequences
    assert codes(result) == []
    assert result.report.sites[0].preconditions == ("T >= 1",)
    assert codes(fused(T, "N")) == ["GL808"]


def test_of_unrolled_cells_nothing_is_warned_of() -> None:
    model = gru_lower.lower(gru_lower.fuse(dynamic_loop(T, "N"), verify=False).model, form="unroll", verify=False).model
    result = gru_lower.fuse(model, require=1)
    assert codes(result) == []
    assert result.report.sites[0].preconditions == ("B >= 1",)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("h0", [False, True])
def test_a_guard_gives_what_the_loop_gave(*, h0: bool, reverse: bool) -> None:
    model = dynamic_loop(reverse=reverse, h0=h0)
    result = gru_lower.fuse(model, empty="guard", require=1)
    onnx.checker.check_model(result.model, full_check=True)
    assert codes(result) == []
    assert "preconditions" not in result.report.sites[0].to_dict()
    assert result.report.verification.status == "equivalent"
    for steps, batch in ((T, B), (0, B), (T, 0), (0, 0), (1, 1)):
        feeds = {"X": RNG.standard_normal((steps, batch, I)).astype(np.float32)}
        if h0:
            feeds["h0"] = RNG.standard_normal((batch, H)).astype(np.float32)
        before, after = run(model, feeds), run(result.model, feeds)
        np.testing.assert_allclose(after[0], before[0], atol=1e-5)
        assert after[1].shape == (steps, batch, H)
        if steps:
            np.testing.assert_allclose(after[1], before[1], atol=1e-5)


def test_a_static_gru_is_not_guarded() -> None:
    result = gru_lower.fuse(dynamic_loop(T, B), empty="guard", require=1)
    assert sum(is_onnx(each, "If") for each in result.model.graph.node) == 0


def test_loops_that_may_be_empty_can_be_kept() -> None:
    result = gru_lower.fuse(dynamic_loop(), empty="keep")
    assert grus(result.model) == 0
    assert codes(result) == ["GL802"]
    with pytest.raises(Remaining):
        gru_lower.fuse(dynamic_loop(), empty="keep", require=1)
    gru_lower.fuse(dynamic_loop(T, B), empty="keep", require=1)
