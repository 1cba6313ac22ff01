"""What an output is held to: its type, what it was computed in, whether it was quantised, how large it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from gru_lower.verification.comparing.output_limits import OutputLimits, output_limits
from gru_lower.verification.options import VerifyOptions
from gru_lower.verification.whole_models.verify_models import verify_models
from gru_lower.verification.worker.client import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.verification.result import Verification


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(timeout=30, memory=2 << 30) as started:
        yield started


def parsed(graph: str, *, opset: int = 19, rest: str = "") -> onnx.ModelProto:
    return onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["": {opset}, "my": 1, "com.microsoft": 1]> {graph} {rest}'
    )


def verify(a: onnx.ModelProto, b: onnx.ModelProto, worker: Worker, **options: Any) -> Verification:
    return verify_models(a, b, options=VerifyOptions(**options), worker=worker)


def eight_bits(body: str, elem_type: str = "uint8") -> onnx.ModelProto:
    return parsed(
        f"g (float[n, 4] x) => ({elem_type}[m, k] z) <float zero = {{0}}, float s = {{0.1}}, uint8 p = {{100}}, "
        f"uint8 one = {{1}}, int64[1] axis = {{1}}, int64[2] shape = {{-1, 4}}> {{ {body} }}"
    )


@pytest.mark.parametrize("elem_type", ["uint8", "int8", "int32"])
@pytest.mark.parametrize("then", ["d = Identity(c)", "d = Transpose(c)", "e = Transpose(c) d = Transpose(e)"])
def test_a_mask_that_is_inverted_is_different_whatever_its_type(worker: Worker, elem_type: str, then: str) -> None:
    to = onnx.TensorProto.DataType.Value(elem_type.upper())
    tail = f"c = Cast<to = {to}>(b) {then} z = Identity(d)"
    a = eight_bits(f"b = Greater(x, zero) {tail}", elem_type)
    b = eight_bits(f"g = Greater(x, zero) b = Not(g) {tail}", elem_type)
    assert verify(a, b, worker).status == "different"
    assert verify(a, a, worker).status == "equivalent"


@pytest.mark.parametrize("wrong", ["z = Add(c, one)", "z = Sub(c, c)", "z = Where(b, c, c)"])
def test_decisions_and_labels_in_8_bits_are_exact(worker: Worker, wrong: str) -> None:
    a = eight_bits("b = Greater(x, zero) c = Cast<to = 2>(b) z = Identity(c)")
    b = eight_bits(f"b = Greater(x, zero) c = Cast<to = 2>(b) {wrong}")
    assert verify(a, b, worker).status == ("equivalent" if "Where" in wrong else "different")


@pytest.mark.parametrize(
    "moved",
    [
        "z = Identity(q)",
        "z = Transpose(q)",
        "t = Reshape(q, shape) z = Clip(t)",
        "z = Concat<axis = 0>(q, q)",
        "i = Cast<to = 6>(q) z = Cast<to = 2>(i)",
        "b = Greater(x, zero) z = Where(b, q, p)",
    ],
)
def test_what_a_quantizer_made_may_differ_by_one_step(worker: Worker, moved: str) -> None:
    """An offset of a tenth of a step changes a tenth of the values by one."""
    a = eight_bits(f"q = QuantizeLinear(x, s, p) {moved}")
    b = eight_bits(f"h = Constant<value = float {{0.01}}>() y = Add(x, h) q = QuantizeLinear(y, s, p) {moved}")
    found = verify(a, b, worker, shapes={"x": (100, 4)})
    assert found.status == "equivalent", found.message
    assert "quantised values moved by one step" in found.message
    far = eight_bits(f"h = Constant<value = float {{0.2}}>() y = Add(x, h) q = QuantizeLinear(y, s, p) {moved}")
    assert verify(a, far, worker, shapes={"x": (100, 4)}).status == "different"


def test_quantised_values_that_all_moved_by_one_step_are_different(worker: Worker) -> None:
    a = eight_bits("z = QuantizeLinear(x, s, p)")
    b = eight_bits("p2 = Add(p, one) z = QuantizeLinear(x, s, p2)")
    found = verify(a, b, worker)
    assert found.status == "different"
    assert "quantised values moved by one step" in found.message


def test_a_quantised_mask_whose_values_all_became_0_is_different(worker: Worker) -> None:
    tail = "d = Constant<value = float {1}>() o = Constant<value = uint8 {0}>() z = QuantizeLinear(c, d, o)"
    a = eight_bits(f"b = Greater(x, zero) c = Cast<to = 1>(b) {tail}")
    assert verify(a, eight_bits(f"c = Sub(x, x) {tail}"), worker).status == "different"


def test_both_models_have_to_quantise_for_a_step_to_be_none(worker: Worker) -> None:
    """As in a model that makes a decision of 0 and 1 where the other one quantised."""
    a = eight_bits("d = Constant<value = float {1}>() o = Constant<value = uint8 {0}>() b = Greater(x, zero) "
                   "c = Cast<to = 1>(b) z = QuantizeLinear(c, d, o)")  # fmt: skip
    b = eight_bits("u = Cast<to = 2>(x) z = Sub(u, u)")
    assert verify(a, a, worker).status == "equivalent"
    assert verify(a, b, worker).status == "different"


ROUND = "QuantizeLinear(x, s, p)"


def test_quantisers_are_known_in_bodies_and_functions() -> None:
    then = f"a () => (uint8[n] az) {{ az = {ROUND} }}"
    other = "b () => (uint8[n] bz) { bz = Max(p) }"
    model = parsed(
        "g (float[n] x, bool c) => (uint8[n] z, uint8[n] w, uint8[n] v) <float s = {0.1}, uint8 p = {0}> "
        f"{{ z = If(c) <then_branch = {then}, else_branch = {other}> w = my.Quantise(x, s, p) v = my.Decide(x, s) }}",
        rest=f'<domain: "my", opset_import: ["": 19]> Quantise (x, s, p) => (d) {{ d = {ROUND} }} '
        '<domain: "my", opset_import: ["": 19]> Decide (x, s) => (d) { e = Greater(x, s) d = Cast<to = 2>(e) }',
    )
    limits = output_limits(model, model)
    assert [name for name, each in limits.items() if each.quantised] == ["z", "w"]


HALF = "h = Cast<to = 10>(x) "


@pytest.mark.parametrize(
    ("body", "coarsest"),
    [
        ("w = Constant<value = float16 {16384}>() v = Cast<to = 1>(w) y = Mul(x, v)", "float32"),
        ("w = Constant<value = float16 {16384}>() v = Identity(w) u = Cast<to = 1>(v) y = Mul(x, u)", "float32"),
        (HALF + "z = Add(h, h) y = Cast<to = 1>(z)", "float16"),
        (HALF + "z = Cast<to = 1>(h) y = Add(z, z)", "float32"),
        ("t = Tanh(x) h = Cast<to = 10>(t) z = Cast<to = 1>(h) y = Add(z, z)", "float16"),
        ("t = Tanh(x) h = Cast<to = 16>(t) z = Cast<to = 1>(h) y = Add(z, z)", "bfloat16"),
        ("d = Cast<to = 11>(x) e = Add(d, d) y = Cast<to = 1>(e)", "float32"),
        ("y = Add(x, x)", "float32"),
    ],
)
def test_the_coarsest_type_is_the_one_computed_in(body: str, coarsest: str) -> None:
    model = parsed(f"g (float[n] x) => (float[n] y) {{ {body} }}")
    assert output_limits(model, model)["y"] == OutputLimits(coarsest)


def test_each_output_has_its_own_coarsest_type_and_either_model_counts() -> None:
    a = parsed("g (float[n] x) => (float[n] y, float[n] w) { y = Add(x, x) w = Mul(x, x) }")
    b = parsed(
        f"g (float[n] x) => (float[n] y, float[n] w) {{ {HALF} z = Add(h, h) y = Cast<to = 1>(z) w = Mul(x, x) }}"
    )
    for limits in (output_limits(a, b), output_limits(b, a)):
        assert (limits["y"].computed_in, limits["w"].computed_in) == ("float16", "float32")


def test_float16_weights_that_are_cast_do_not_loosen_the_tolerance(worker: Worker) -> None:
    def scaled(factor: float) -> onnx.ModelProto:
        return parsed(
            f"g (float[n] x) => (float[n] y) <float f = {{{factor}}}, float16 w = {{16384}}> "
            "{ v = Cast<to = 1>(w) z = Mul(x, v) y = Mul(z, f) }"
        )

    assert verify(scaled(1), scaled(1.001), worker).status == "different"
    assert verify(scaled(1), scaled(1.000001), worker).status == "equivalent"


def test_a_difference_in_a_small_output_is_found(worker: Worker) -> None:
    def small(factor: str) -> onnx.ModelProto:
        return parsed(
            f"g (float[n] x) => (float[n] y, float[n] w) <float f = {{{factor}}}> "
            "{ t = Tanh(x) y = Mul(t, f) w = Identity(t) }"
        )

    assert verify(small("1e-7"), small("1.1e-7"), worker).status == "different"
    assert verify(small("1e-7"), small("0"), worker).status == "different"
    assert verify(small("1e-7"), small("1e-7"), worker).status == "equivalent"
    given = verify(small("1e-7"), small("1.1e-7"), worker, atol=1e-5)
    assert given.status == "equivalent"
    assert "output 'y' is" in given.message
    assert "less than the atol given" in given.message


def test_a_small_output_that_rounding_alone_decides_is_inconclusive_and_named(worker: Worker) -> None:
    def remainder(first: str) -> onnx.ModelProto:
        return parsed(
            "g (float[n] x) => (float[n] y) <float c = {3.3}, float d = {0.3}> "
            f"{{ a = Mul(x, c) b = Mul(x, d) e = Add(x, x) f = Add(e, x) {first} }}"
        )

    a = remainder("s = Sub(a, b) y = Sub(s, f)")
    b = remainder("s = Sub(a, f) y = Sub(s, b)")
    found = verify(a, b, worker)
    assert found.status == "inconclusive"
    assert "'y'" in found.message


def test_an_output_that_was_always_empty_is_inconclusive_and_named(worker: Worker) -> None:
    def cut(factor: str) -> onnx.ModelProto:
        return parsed(
            f"g (float[n] x) => (float[m] y, float[n] w) <float f = {{{factor}}}, int64[1] from = {{500}}, "
            "int64[1] to = {900}> { s = Slice(x, from, to) y = Mul(s, f) w = Identity(x) }"
        )

    found = verify(cut("1"), cut("2"), worker)
    assert found.status == "inconclusive"
    assert "output 'y' was empty on all cases" in found.message
    assert verify(cut("1"), cut("2"), worker, shapes={"x": (600,)}).status == "different"
    assert verify(cut("1"), cut("1"), worker, shapes={"x": (600,)}).status == "equivalent"


def test_an_output_that_was_never_a_number_is_inconclusive_and_named(worker: Worker) -> None:
    graph = "g (float[n] x) => (float[n] y, float[n] w) { z = Sub(x, x) y = Div(z, z) w = Identity(x) }"
    found = verify(parsed(graph), parsed(graph), worker)
    assert found.status == "inconclusive"
    assert "'y' was no finite number" in found.message


def test_an_output_that_is_zero_in_both_models_is_compared(worker: Worker) -> None:
    graph = "g (float[n] x) => (float[n] y) { y = Sub(x, x) }"
    assert verify(parsed(graph), parsed(graph), worker).status == "equivalent"


def test_the_coarser_of_two_models_sets_the_tolerance(worker: Worker) -> None:
    """What computes in float32 is nearer to the truth than the original in float16, and not different."""
    rng = np.random.default_rng(0)
    weights = ", ".join(f"{value:.3f}" for value in rng.uniform(-1, 1, 64))

    def product(elem_type: int) -> onnx.ModelProto:
        return parsed(
            f"g (float[n, 8] x) => (float[n, 8] y) <float[8, 8] w = {{{weights}}}> "
            f"{{ a = Cast<to = {elem_type}>(x) b = Cast<to = {elem_type}>(w) c = MatMul(a, b) y = Cast<to = 1>(c) }}"
        )

    for pair in ((product(10), product(1)), (product(1), product(10))):
        found = verify(*pair, worker)
        assert found.status == "equivalent", found.message
        assert found.max_abs_error is not None
        assert found.max_abs_error > 1e-4
