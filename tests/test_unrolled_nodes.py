"""What unrolling adds is known before it is written, for the model as a whole, and limited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.cli.main import run
from gru_lower.errors import GruLowerError, Remaining

if TYPE_CHECKING:
    from pathlib import Path

H, I = 2, 3


def grus(steps: int, count: int = 1, batch: Any = 2, **attributes: Any) -> ModelProto:
    """Return a model of GRUs side by side."""
    directions = 2 if attributes.get("direction") == "bidirectional" else 1
    draw = np.random.default_rng(0)
    shapes = {"W": (directions, 3 * H, I), "R": (directions, 3 * H, H), "B": (directions, 6 * H)}
    weights = [numpy_helper.from_array(draw.uniform(-1, 1, s).astype(np.float32), n) for n, s in shapes.items()]
    nodes = [helper.make_node("GRU", ["X", *shapes], [f"Y{i}"], hidden_size=H, **attributes) for i in range(count)]
    graph = helper.make_graph(
        nodes,
        "grus",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [steps, batch, I])],
        [helper.make_tensor_value_info(f"Y{i}", TensorProto.FLOAT, None) for i in range(count)],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def added(model: ModelProto, **options: Any) -> int:
    result = gru_lower.lower(model, form="unroll", verify=False, **options)
    return len(result.model.graph.node) - len(model.graph.node)


@pytest.mark.parametrize(
    "model",
    [
        grus(9),
        grus(9, count=3),
        grus(9, batch="N"),
        grus(9, direction="bidirectional"),
        grus(40, direction="reverse", linear_before_reset=1),
    ],
)
def test_the_limit_is_exact(model: ModelProto) -> None:
    nodes = added(model)
    assert added(model, max_nodes=nodes) == nodes
    with pytest.raises(Remaining, match="more than") as caught:
        added(model, max_nodes=nodes - 1)
    assert (caught.value.code, caught.value.exit_code) == ("GL016", 1)
    assert 'form="scan"' in str(caught.value.hint)


def test_a_length_that_would_take_hours_is_refused_at_once() -> None:
    with pytest.raises(Remaining, match=r"unrolling 2147483647 steps would add some \d+ nodes \(\d+ MB\)"):
        added(grus(2**31 - 1))


def test_one_step_is_not_counted() -> None:
    assert added(grus(1, count=50), max_nodes=1) > 50


def test_nothing_is_written_and_the_exit_code_is_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "m.onnx", tmp_path / "out.onnx"
    path.write_bytes(grus(5000).SerializeToString())
    for words in (["lower", "--form", "unroll"], ["lower", "--target", "portable"]):
        assert run([*words, str(path), "-o", str(out), "--no-verify"]) == 1
        assert "error GL016" in capsys.readouterr().err
        assert not out.exists()
    assert run(["lower", "--form", "unroll", str(path), "-o", str(out), "--no-verify", "--max-nodes", "60000"]) == 0


def test_a_profile_holds_its_own_number_and_the_flag_wins(tmp_path: Path) -> None:
    profile = tmp_path / "npu.toml"
    profile.write_text(
        'name = "npu"\nsummary = "static"\nopset = [13, 17]\nstatic = true\nforms = ["unroll"]\nmax_nodes = 50\n'
    )
    model = grus(9)
    with pytest.raises(Remaining, match="more than 50"):
        gru_lower.lower(model, target=str(profile), verify=False)
    assert gru_lower.lower(model, target=str(profile), verify=False, max_nodes=500).report.sites[0].form == "unroll"
    with pytest.raises(GruLowerError, match="more than 50"):
        gru_lower.legalize(model, target=str(profile), verify=False)
