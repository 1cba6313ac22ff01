"""What exporters do to lengths - sorting, masks - is computed beforehand where the lengths are given."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import gru_lower
from lowering import holds_gru, op_types, run
from test_portable_door import H, N, policy

SORTED = [
    "v, i = TopK <axis = -1> (lengths, k)",
    "l = Cast <to = 6> (v)",
    "r = Range (zero, two, one)",
    "p = ScatterElements <axis = 0> (zeros, i, r)",
    "xs = Gather <axis = 1> (x, i)",
]
CONSTANTS = {
    "k": np.array([N]),
    "zero": np.array(0),
    "two": np.array(N),
    "one": np.array(1),
    "zeros": np.zeros(N, np.int64),
}


def sorting() -> onnx.ModelProto:
    """A batch is sorted by its lengths, as packed sequences are, and put back into its order."""
    model = policy(["Z = Gather <axis = 2> (Y, p)"], SORTED, constants=CONSTANTS)
    gru = next(node for node in model.graph.node if node.op_type == "GRU")
    gru.input[0], gru.input[4] = "xs", "l"
    model.graph.input.append(helper.make_tensor_value_info("lengths", TensorProto.INT64, [N]))
    return model


@pytest.mark.parametrize("lengths", [[2, 4], [4, 2], [3, 3], [4, 4]])
def test_lengths_that_are_sorted(lengths: list[int]) -> None:
    model = sorting()
    result = gru_lower.lower(model, target="portable", set={"lengths": lengths})
    assert not holds_gru(result.model)
    assert not {"TopK", "ScatterElements"} & op_types(result.model)
    x = np.random.default_rng(1).standard_normal((4, N, 3)).astype(np.float32)
    was, now = run(model, {"x": x, "lengths": np.array(lengths)}), run(result.model, {"x": x})
    np.testing.assert_allclose(now["Z"], was["Z"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("where", "condition"),
    [
        ("E = Where (m, Yh, d)", np.ones((1, 1, H), bool)),
        ("E = Where (m, d, Yh)", np.zeros((1, 1, 1), bool)),
        ("E = Where (m, Yh, d)", np.ones((3, 1, 1), bool)),  # repeats
        ("E = Where (m, Yh, d)", np.zeros((3, 1, 1), bool)),
    ],
)
def test_a_where_that_always_chooses_the_same(
    where: str, condition: np.ndarray[tuple[int, ...], np.dtype[np.bool]]
) -> None:
    constants = {"m": condition, "d": np.full((1, 1, 1), 2, np.float32)}
    model = policy([where, "F = Add (E, Yh)", "Z = Neg (F)"], constants=constants)
    result = gru_lower.lower(model, target="portable")
    assert "Where" not in op_types(result.model)
    assert result.report.verification.status == "equivalent"
    x = np.random.default_rng(1).standard_normal((4, N, 3)).astype(np.float32)
    was, now = run(model, {"x": x}), run(result.model, {"x": x})
    np.testing.assert_allclose(now["Z"], was["Z"], rtol=1e-5, atol=1e-6)


def test_a_where_that_chooses_among_both_is_named() -> None:
    condition = np.arange(H) % 2 == 0
    model = policy(["E = Where (m, Yh, d)", "Z = Neg (E)"], constants={"m": condition, "d": np.zeros((1,), np.float32)})
    with pytest.raises(gru_lower.Remaining, match="Where"):
        gru_lower.lower(model, target="portable")
