"""Models that draw noise are compared with the noise handed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

import gru_lower
from gru_lower.verification.noise.hand_in_noise import hand_in_noise

if TYPE_CHECKING:
    from gru_lower.verification.result import Verification


def parsed(graph: str, *, opset: int = 17, rest: str = "") -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": {opset}, "my": 1]> g {graph} {rest}')


def verify(a: onnx.ModelProto, b: onnx.ModelProto, **options: Any) -> Verification:
    return gru_lower.verify(a, b, **{"search": 0, **options})


def noisy(draw: str, *, outputs: str = "float[a, b] Y", opset: int = 17) -> onnx.ModelProto:
    return parsed(f"(float[N, 3] X, bool on) => ({outputs}) {{ {draw} }}", opset=opset)


DRAWS = {
    "RandomNormalLike": ("E = RandomNormalLike<scale = 0.5>(X) Y = Add(X, E)", "scale = 0.5", "scale = 0.6"),
    "RandomUniformLike": ("E = RandomUniformLike<low = -1.0>(X) Y = Mul(X, E)", "low = -1.0", "low = -0.5"),
    "RandomNormal": ("E = RandomNormal<shape = [1, 3], mean = 1.0>() Y = Add(X, E)", "mean = 1.0", "mean = 1.5"),
    "RandomUniform": ("E = RandomUniform<shape = [1, 3], high = 1.0>() Y = Add(X, E)", "high = 1.0", "high = 3.0"),
    "Bernoulli": ("P = Sigmoid(X) E = Bernoulli(P) Y = Mul(X, E)", "Sigmoid(X)", "HardSigmoid<alpha = 0.5>(X)"),
    "Multinomial": (
        "E = Multinomial<sample_size = 5>(X) Y = Cast<to = 1>(E)", "Multinomial<sample_size = 5>(X)",
        "Multinomial<sample_size = 5>(Z) Z = Neg(X)",
    ),
    "Dropout": (
        "r = Constant<value = float {0.3}>() D = Dropout(X, r, on) Y = Mul(D, X)", "{0.3}", "{0.6}",
    ),
}  # fmt: skip
OPSETS = {"RandomNormalLike": 9, "RandomUniformLike": 11, "RandomNormal": 9, "RandomUniform": 13, "Multinomial": 10}


@pytest.mark.parametrize("kind", DRAWS)
def test_models_that_draw_alike_are_equivalent_and_other_parameters_show(kind: str) -> None:
    draw, before, after = DRAWS[kind]
    a = noisy(draw)
    assert verify(a, a).holds
    changed = draw.replace(before, after)
    if " Z = " in changed:
        first, _, rest = changed.partition(" Z = Neg(X)")
        changed = f"Z = Neg(X) {first}{rest}"
    found = verify(a, noisy(changed))
    assert found.status == "different", found.message
    assert not found.findings


@pytest.mark.parametrize("kind", OPSETS)
def test_old_opsets_too(kind: str) -> None:
    a = noisy(DRAWS[kind][0], opset=OPSETS[kind])
    assert verify(a, a).holds
    dropout = noisy(DRAWS["Dropout"][0], opset=12)
    assert verify(dropout, dropout).holds


def test_a_step_behind_the_noise_that_is_written_otherwise_is_equivalent() -> None:
    a = noisy("E = RandomNormalLike(X) D = Add(E, E) Y = Add(X, D)")
    b = noisy("F = RandomNormalLike(X) t = Constant<value = float {2}>() D = Mul(F, t) Y = Add(D, X)")
    assert verify(a, b).holds


@pytest.mark.parametrize(
    "other",
    [
        "Y = Identity(X)",
        "E = RandomUniformLike(X) Y = Add(X, E)",
        "E = RandomNormalLike(X) F = RandomNormalLike(X) D = Add(E, F) Y = Add(X, D)",
    ],
)
def test_noise_that_one_model_draws_by_itself_is_a_finding(other: str) -> None:
    for pair in ((DRAWS["RandomNormalLike"][0], other), (other, DRAWS["RandomNormalLike"][0])):
        found = verify(*map(noisy, pair))
        assert found.status in ("different", "inconclusive")
        assert {each.code for each in found.findings} == {"GL510"}
        assert "RandomNormalLike" in "".join(each.message for each in found.findings)


def test_noise_that_nothing_uses_is_none() -> None:
    found = verify(noisy("E = RandomNormalLike(X) Y = Identity(X)"), noisy("Y = Identity(X)"))
    assert found.holds


def test_dropout_that_does_not_train_draws_nothing() -> None:
    off = noisy("r = Constant<value = float {0.3}>() t = Constant<value = bool {0}>() Y = Dropout(X, r, t)")
    assert hand_in_noise(off, off).a is off
    assert verify(off, noisy("Y = Identity(X)")).holds


def in_loop(first: str, body: str) -> onnx.ModelProto:
    return parsed(f"""(float[2, 3] X, int64 n) => (float[2, 3] Y) {{
        go = Constant<value = bool {{1}}>() {first}
        Y = Loop(n, go, X) <body = b (int64 i, bool c, float[2, 3] s) => (bool d, float[2, 3] t) {{
            d = Identity(c) {body} }}> }}""")


def test_noise_in_a_loop_is_drawn_anew_in_every_iteration() -> None:
    inside = in_loop("", "E = RandomNormalLike(X) t = Add(s, E)")
    ahead = in_loop("E = RandomNormalLike(X)", "t = Add(s, E)")
    assert verify(inside, inside).holds
    assert verify(ahead, ahead).holds
    found = verify(inside, ahead)
    assert not found.holds
    assert {each.code for each in found.findings} == {"GL510"}
    replaced = hand_in_noise(inside, inside).a
    onnx.checker.check_model(replaced)
    run: Any = ReferenceEvaluator(replaced).run
    steps = [run(None, {"X": np.zeros((2, 3), np.float32), "n": np.int64(n)})[0] for n in range(3)]
    assert not np.allclose(steps[1] - steps[0], steps[2] - steps[1])


def test_noise_in_functions_and_branches_is_handed_in_too() -> None:
    graph = """(float[N, 3] X, bool c) => (float[N, 3] Y) { Z = my.Jitter(X)
        Y = If(c) <then_branch = a () => (float[N, 3] p) { E = RandomNormalLike(X) p = Add(Z, E) },
                   else_branch = b () => (float[N, 3] q) { q = Identity(Z) }> }"""
    rest = '<domain: "my", opset_import: ["": 17]> Jitter (x) => (y) { e = RandomUniformLike(x) y = Add(x, e) }'
    a = parsed(graph, rest=rest)
    assert verify(a, a).holds
    other = parsed(graph, rest=rest.replace("y = Add(x, e)", "y = Sub(x, e)"))
    assert verify(a, other).status == "different"


def test_noise_has_the_type_and_distribution_of_what_was_drawn() -> None:
    draws = """E = RandomNormalLike<dtype = 11, mean = 5.0, scale = 2.0>(X) F = RandomUniformLike<low = -2.0>(X)
        P = Sigmoid(X) G = Bernoulli<dtype = 9>(P) H = Multinomial<sample_size = 4000, dtype = 7>(X)"""
    a = noisy(draws, outputs="double[n, 3] E, float[n, 3] F, bool[n, 3] G, int64[n, k] H")
    X = np.tile(np.log([[0.5, 0.3, 0.2]]), (1000, 1)).astype(np.float32)
    feeds = {"X": X, "on": np.array([True])[0]}
    drawn: Any = ReferenceEvaluator(hand_in_noise(a, a).a).run(None, feeds)
    E, F, G, H = drawn
    assert (E.dtype, F.dtype, G.dtype, H.dtype) == (np.float64, np.float32, np.bool_, np.int64)
    assert (E.mean(), E.std()) == (pytest.approx(5, abs=0.2), pytest.approx(2, abs=0.2))
    assert (F.min(), F.max()) == (pytest.approx(-2, abs=0.1), pytest.approx(1, abs=0.1))
    assert G.mean() == pytest.approx((1 / (1 + np.exp(-X))).mean(), abs=0.05)
    assert np.bincount(H[0]) / H.shape[1] == pytest.approx([0.5, 0.3, 0.2], abs=0.05)


GRU = """(float[T, N, 2] X) => (float[T, 1, N, 2] Y) <
    float[1, 6, 2] W = {1, 0.5, 0.2, -0.3, 0.7, 0.1, -0.4, 0.6, 0.3, -0.2, 0.5, 0.9},
    float[1, 6, 2] R = {0.1, 0.5, 0.2, -0.3, 0.7, 0.1, -0.4, 0.6, 0.3, -0.2, 0.5, 0.9}> {
    E = RandomNormalLike(X) Z = Add(X, E) Y = GRU<hidden_size = 2>(Z, W, R) }"""


def test_a_model_that_draws_noise_is_lowered_and_verified_as_a_whole() -> None:
    report = gru_lower.lower(parsed(GRU)).report
    assert (report.verification.status, report.verification.scope) == ("equivalent", "model")
    found = verify(parsed(GRU), parsed(GRU.replace("{1, 0.5", "{1.2, 0.5")))
    assert (found.status, found.starts_at) == ("different", []) or found.starts_at
