"""Where in its file an array lies is known as long as it is a view of what was read; fusing leaves weights there."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.graph.external_data import View, is_external, view
from gru_lower.graph.read_arrays import let_go, place_of, read_bytes
from gru_lower.passes.fuse_gru.algebra import matrices

if TYPE_CHECKING:
    from pathlib import Path

    from gru_lower.graph.read_arrays import ReadBytes

H = 160
"""So wide that R, of three gates, is large enough to stay where it is."""


def read(folder: Path, *, may_map: bool) -> ReadBytes:
    """Return two million bytes that begin at the thousandth of a file."""
    (folder / "data").write_bytes(np.arange(600_000, dtype=np.int32).tobytes())
    with (folder / "data").open("rb") as handle:
        return read_bytes(handle, View("data", 1600, 2_000_000), may_map=may_map)


@pytest.mark.parametrize("may_map", [False, True])
def test_views_say_where_they_lie(tmp_path: Path, *, may_map: bool) -> None:
    found = read(tmp_path, may_map=may_map)
    assert (found.mapped is not None) == may_map
    numbers = found.view(np.ndarray).view(np.int32).reshape(500, 1000)
    assert numbers[2, 3] == 2403
    assert place_of(numbers[2:4]) == View("data", 1600 + 8000, 8000)
    assert place_of(numbers[:, 1:]) is None
    assert place_of(numbers.T) is None
    assert place_of(numbers + 1) is None
    with pytest.raises(ValueError, match="read-only"):
        numbers[0, 0] = 1


@pytest.mark.parametrize("may_map", [False, True])
def test_what_was_let_go_is_there_when_it_is_looked_at(tmp_path: Path, *, may_map: bool) -> None:
    numbers = read(tmp_path, may_map=may_map).view(np.ndarray).view(np.int32)
    before = int(numbers.sum(dtype=np.int64))
    let_go(numbers)
    let_go(numbers.reshape(500, 1000).T)
    assert int(numbers.sum(dtype=np.int64)) == before


def test_a_file_that_ends_before_gives_fewer_bytes(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(bytes(2_000_000))
    with (tmp_path / "data").open("rb") as handle:
        assert len(read_bytes(handle, View("data", 16, 2_000_000), may_map=True)) == 1_999_984


def fused(folder: Path, *, shared: bool = False) -> gru_lower.Result[Any]:
    """Fuse what lowering makes of two GRUs with weights of their own, or the same, in a file beside the model."""
    rng = np.random.default_rng(0)
    weights, nodes, value = [], [], "X"
    for i in range(2):
        for name, shape in (("W", (1, 3 * H, H)), ("R", (1, 3 * H, H)), ("B", (1, 6 * H))):
            weights.append(numpy_helper.from_array(rng.uniform(-0.1, 0.1, shape).astype(np.float32), f"{name}{i}"))
        named = [f"{name}{0 if shared else i}" for name in "WRB"]
        nodes.append(helper.make_node("GRU", [value, *named], [f"Y{i}"], hidden_size=H, linear_before_reset=1))
        nodes.append(helper.make_node("Squeeze", [f"Y{i}", "axes"], [value := f"S{i}"]))
    weights.append(numpy_helper.from_array(np.array([1]), "axes"))
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [5, 2, H]) for name in ("X", value))
    graph = helper.make_graph(nodes, "g", [x], [y], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=1024)
    gru_lower.lower(folder / "m.onnx", form="loop", verify=False).save(folder / "l.onnx")
    result = gru_lower.fuse(folder / "l.onnx")
    result.save(folder / "f.onnx")
    return result


def test_weights_that_lie_behind_one_another_stay_in_their_file(tmp_path: Path) -> None:
    result = fused(tmp_path)
    assert result.report.verification.status == "equivalent"
    assert {path.name for path in tmp_path.iterdir()} == {"m.onnx", "m.data", "l.onnx", "f.onnx"}
    before, after = (onnx.load(tmp_path / name, load_external_data=False) for name in ("m.onnx", "f.onnx"))
    places = {t.name: view(t) for t in before.graph.initializer if is_external(t)}
    held = {t.name: t for t in after.graph.initializer}
    grus = [node for node in after.graph.node if node.op_type == "GRU"]
    found = [view(held[name]) for node in grus for name in node.input[1:3]]
    assert found == [places[name] for name in ("W0", "R0", "W1", "R1")]


def test_weights_that_two_share_are_one_constant(tmp_path: Path) -> None:
    fused(tmp_path, shared=True)
    after = onnx.load(tmp_path / "f.onnx", load_external_data=False)
    assert len({node.input[2] for node in after.graph.node if node.op_type == "GRU"}) == 1


def test_such_a_model_goes_to_another_folder_with_its_weights(tmp_path: Path) -> None:
    fused(tmp_path)
    (tmp_path / "other").mkdir()
    gru_lower.fuse(tmp_path / "l.onnx", verify=False).save(tmp_path / "other" / "f.onnx")
    assert any(re.fullmatch(r"f\.onnx\.[0-9a-f]{16}\.data", each.name) for each in (tmp_path / "other").iterdir())
    assert gru_lower.verify(tmp_path / "l.onnx", tmp_path / "other" / "f.onnx").status == "equivalent"


LAYOUTS: dict[str, Any] = {
    "rows": np.arange(60.0).reshape(6, 10),
    "columns": np.arange(60.0).reshape(6, 10).T,
    "a part": np.arange(60.0).reshape(6, 10)[:, 2:5],
    "one axis": np.arange(60.0)[::7],
    "nothing": np.zeros((4, 0)).T,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_matrices_are_known_by_their_numbers_however_they_lie(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrices, "BLOCK", 64)
    array = LAYOUTS[layout]
    copied = np.ascontiguousarray(array)
    assert matrices.digest(array) == hashlib.blake2b(copied.tobytes(), digest_size=16).digest()


def test_the_first_number_that_is_not_0_says_the_sign() -> None:
    made = [
        matrices.Matrices().constant(np.array(rows)) for rows in ([[0.0, 0], [0, -1]], [[0.0, 2], [-1, 0]], [[0.0]])
    ]
    assert [matrix.is_negative for matrix in made] == [True, False, False]
