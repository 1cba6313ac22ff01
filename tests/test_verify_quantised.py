"""Models that quantise: which way a value was rounded is no difference, and labels decide where one side is int8."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

import gru_lower
from gru_lower.verification.options import VerifyOptions
from gru_lower.verification.whole_models.verify_models import verify_models

HALVES = [{"X": np.arange(-8, 8, dtype=np.float32).reshape(4, 4) + np.float32(0.5)}]
"""On the boundary between two steps of a scale of 1: the last bit decides which of them."""


def parsed(body: str, *, outputs: str = "float[n, 4] Y", more: str = "") -> onnx.ModelProto:
    return onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["": 17]> g (float[n, 4] X) => ({outputs}) <float s = {{1}}, '
        f"float s2 = {{0.5}}, int8 p = {{0}}, int8 p2 = {{1}}, "
        f"float bit = {{1.0000002}}, float near = {{1.003}}{more}> {{ {body} }}"
    )


def chain(first: str, then: str = "Y = Softsign(D)", scale: str = "s", zero: str = "p") -> onnx.ModelProto:
    return parsed(f"A = {first} Q = QuantizeLinear(A, {scale}, {zero}) D = DequantizeLinear(Q, {scale}, {zero}) {then}")


PLAIN, BY_A_BIT, NEAR = "Identity(X)", "Mul(X, bit)", "Mul(X, near)"


def verify(a: onnx.ModelProto, b: onnx.ModelProto, **options: Any) -> Any:
    return verify_models(a, b, options=VerifyOptions(**{"inputs": HALVES, **options}))


def test_values_that_were_rounded_to_the_other_side_are_no_difference() -> None:
    found = verify(chain(PLAIN), chain(BY_A_BIT))
    assert found.status == "equivalent"
    assert "before they are quantised" in found.message
    assert found.max_abs_error is not None
    assert found.max_abs_error > 0.01


@pytest.mark.parametrize(
    "other",
    [
        chain(NEAR),
        chain(PLAIN, "Z = Softsign(D) Y = Mul(Z, near)"),
        chain(PLAIN, "Y = Softplus(D)"),
        chain(PLAIN, scale="s2"),
        parsed("Y = Softsign(X)"),
        chain(PLAIN, "D3 = DequantizeLinear(Q, s, p2) Y = Softsign(D3)"),
    ],
)
def test_what_differs_otherwise_is_still_different(other: onnx.ModelProto) -> None:
    ones = [{"X": np.linspace(-3, 3, 16, dtype=np.float32).reshape(4, 4)}]
    for inputs in (HALVES, ones):
        if verify(chain(PLAIN), other, inputs=inputs).status == "different":
            return
    pytest.fail("called equivalent")


def test_flips_ahead_of_other_quantisers_are_none_either() -> None:
    """Behind a flip, the next quantiser sees another value: each is judged with the same one."""
    then = "M = Sin(D) Q2 = QuantizeLinear(M, s2, p) D2 = DequantizeLinear(Q2, s2, p) Y = Add(D2, D)"
    assert verify(chain(PLAIN, then), chain(BY_A_BIT, then)).status == "equivalent"
    wrong = then.replace("Sin", "Cos")
    assert verify(chain(PLAIN, then), chain(BY_A_BIT, wrong)).status == "different"


def test_quantisers_are_matched_by_order_where_names_differ() -> None:
    a, b = chain(PLAIN), chain(BY_A_BIT)
    for node in b.graph.node:
        for names in (node.input, node.output):
            names[:] = [f"other_{name}" if name in {"A", "Q", "D"} else name for name in names]
    assert verify(a, b).status == "equivalent"


def test_dynamic_quantisation_is_judged_before_it_too() -> None:
    def dynamic(first: str, last: str = "Y = Cast<to = 1>(Q)") -> onnx.ModelProto:
        return parsed(f"A = {first} Q, s1, z1 = DynamicQuantizeLinear(A) {last}")

    inputs = [{"X": np.concatenate([HALVES[0]["X"], [[0.0, 247.5, -7.5, 0.5]]]).astype(np.float32)}]
    assert verify(dynamic(PLAIN), dynamic(BY_A_BIT), inputs=inputs).status == "equivalent"
    assert (
        verify(dynamic(PLAIN), dynamic(PLAIN, "E = Cast<to = 1>(Q) Y = Mul(E, near)"), inputs=inputs).status
        == "different"
    )


def test_a_quantised_gru_is_lowered_and_verified_as_a_whole() -> None:
    rng = np.random.default_rng(4)
    weights = {"W": rng.standard_normal((1, 24, 4)) / 2, "R": rng.standard_normal((1, 24, 8)) / 3}
    h = onnx.helper
    nodes = [
        h.make_node("QuantizeLinear", ["X", "s", "p"], ["Xq"]),
        h.make_node("DequantizeLinear", ["Xq", "s", "p"], ["Xd"]),
        h.make_node("GRU", ["Xd", "W", "R"], ["Y0"], hidden_size=8),
        h.make_node("QuantizeLinear", ["Y0", "t", "p"], ["Yq"]),
        h.make_node("DequantizeLinear", ["Yq", "t", "p"], ["Y"]),
    ]
    values = {**weights, "s": np.array(0.05), "t": np.array(1e-6)}
    initializers = [onnx.numpy_helper.from_array(value.astype(np.float32), name) for name, value in values.items()]
    initializers.append(onnx.numpy_helper.from_array(np.array(0, np.int8), "p"))
    info = h.make_tensor_value_info
    graph = h.make_graph(nodes, "g", [info("X", 1, ["T", "N", 4])], [info("Y", 1, None)], initializers)
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    report = gru_lower.lower(model).report
    assert (report.verification.status, report.verification.scope) == ("equivalent", "model")


def scores(weight: float, *, quantised: bool) -> onnx.ModelProto:
    tail = "Q = QuantizeLinear(A, s, p) Y = DequantizeLinear(Q, s, p)" if quantised else "Y = Identity(A)"
    return parsed(f"A = Mul(X, w) {tail}", more=f", float[4] w = {{{weight}, 1, 1, 1}}")


def labelled(count: int = 200) -> dict[str, Any]:
    X = (np.random.default_rng(2).standard_normal((count, 4)) * 9).astype(np.float32)
    return {"inputs": [{"X": X}], "expected": [{"Y": X.argmax(-1)}]}


def test_labels_decide_where_one_side_is_quantised() -> None:
    given: dict[str, Any] = labelled()
    far = verify(scores(1, quantised=False), scores(0.5, quantised=True), **given)
    assert far.status == "different"
    assert "the accuracy decides" in far.message
    assert far.accuracy[0].after < 0.99


def test_noise_decides_without_labels_where_one_side_is_quantised() -> None:
    inputs = labelled()["inputs"]
    found = verify(scores(1, quantised=False), scores(1, quantised=True), inputs=inputs)
    assert found.status == "equivalent"
    (output,) = found.fidelity
    assert 20 < (output.snr_db or 0) < 60
    assert 0.99 < (output.cosine or 0) < 1
    assert verify(scores(1, quantised=False), scores(1, quantised=True), inputs=inputs, atol=1e-3).status == "different"
    far = verify(scores(1, quantised=False), scores(0.5, quantised=True), inputs=inputs)
    assert far.status == "different"
    assert (far.fidelity[0].snr_db or 0) < 20


def test_a_quantised_model_of_the_same_accuracy_is_equivalent() -> None:
    rng = np.random.default_rng(3)
    X = np.eye(4, dtype=np.float32)[rng.integers(0, 4, 300)] * 20 + rng.uniform(-3, 3, (300, 4)).astype(np.float32)
    given: dict[str, Any] = {"inputs": [{"X": X}], "expected": [{"Y": X.argmax(-1)}]}
    for pair in ((False, True), (True, False)):
        found = verify(*(scores(1, quantised=each) for each in pair), **given)
        assert found.status == "equivalent", found.message
        assert "the accuracy decides (Y: 100.00% before, 100.00% after)" in found.message


def test_a_float_pair_that_differs_differs_whatever_its_accuracy() -> None:
    rng = np.random.default_rng(3)
    X = np.eye(4, dtype=np.float32)[rng.integers(0, 4, 300)] * 20
    found = verify(
        scores(1, quantised=False), scores(1.1, quantised=False), inputs=[{"X": X}], expected=[{"Y": X.argmax(-1)}]
    )
    assert found.status == "different"
    assert found.accuracy[0].after == 1
