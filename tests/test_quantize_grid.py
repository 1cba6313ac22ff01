"""Dynamic int8 is near the reference on the whole grid, and adds up rightly on every CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

import gru_lower
from gru_lower.graph.scopes import walk
from lowering import FORMS, bounded, holds_gru, lower, op_types, run
from strategies import WEIGHTS, AnyOf, GruCase, gru_cases, random_case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_ERROR = 3e-2
CONSTANTS = AnyOf((WEIGHTS, WEIGHTS | {"initial_h"}, WEIGHTS | {"sequence_lens"}))


def quantised(case: GruCase, **options: str) -> tuple[onnx.ModelProto, str | None]:
    """Quantise a case, whatever its size; return the model, and why its GRU was kept."""
    spelled = " ".join(f"{key}={value}" for key, value in {"all": "yes", **options}.items())
    model, result = lower(case.model(), f"quantize-gru{{{spelled}}}")
    return model, result.sites[0].code


def error_of(case: GruCase, model: onnx.ModelProto) -> float:
    """Return the largest error against float64, relative to the largest value where that is beyond 1."""
    onnx.checker.check_model(model, full_check=True)
    found, worst = run(model, case.feeds()), 0.0
    for name, expected in case.expected().items():
        assert found[name].shape == expected.shape
        assert found[name].dtype == np.float32
        if expected.size:
            error = np.abs(found[name].astype(np.float64) - expected)
            assert np.isfinite(error).all()
            worst = max(worst, float(error.max()) / max(1.0, float(np.abs(expected).max())))
    return worst


@given(
    case=gru_cases(dtype=np.float32, opset=range(11, 25), constants=CONSTANTS),
    form=st.sampled_from(FORMS),
    weights=st.sampled_from(("int8", "uint8")),
    reduce_range=st.sampled_from(("yes", "no")),
)
def test_every_form_is_near_the_reference(case: GruCase, form: str, weights: str, reduce_range: str) -> None:
    """What a user loses if this fails: a model that is quantised computes something else, or does not run."""
    assume(not case.jumps)
    model, code = quantised(case, form=form, weights=weights, reduce_range=reduce_range)
    if code is not None:
        assert (code == "GL302" and not case.static) or (code == "GL303" and (not case.static or case.sizes[0] != 1))
        assert holds_gru(model)
        return
    assert not holds_gru(model)
    assert "MatMulInteger" in op_types(model)
    assert not op_types(model) & {"Gemm", "MatMul"}
    assert error_of(case, model) <= (MOST_ERROR if bounded(case) else 10 * MOST_ERROR)


@pytest.mark.parametrize("lbr", [0, 1])
@pytest.mark.parametrize(("T", "H", "I"), [(1, 64, 64), (30, 16, 64), (200, 48, 32), (50, 256, 64)])
def test_errors_stay_small_over_many_steps(lbr: int, T: int, H: int, I: int) -> None:
    for direction in ("forward", "bidirectional"):
        case = random_case(
            np.random.default_rng(H), opset=17, dtype=np.float32, T=T, N=2, H=H, I=I, linear_before_reset=lbr,
            direction=direction, activations=None, clip=None, sequence_lens=None, layout=None, constants=WEIGHTS,
        )  # fmt: skip
        model, code = quantised(case)
        assert code is None
        assert error_of(case, model) <= MOST_ERROR / 2


def error_of_int8_lstm(case: GruCase, folder: Path) -> float:
    """Return by how much onnxruntime's int8 LSTM of the same sizes and inputs is off."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    T, N, I, H, D = case.sizes
    rng, limit = np.random.default_rng(0), 1 / np.sqrt(H)
    shapes = {"W": (D, 4 * H, I), "R": (D, 4 * H, H), "B": (D, 8 * H)}
    weights = {name: rng.uniform(-limit, limit, shape).astype(np.float32) for name, shape in shapes.items()}
    node = helper.make_node("LSTM", ["X", *weights], ["Y"], hidden_size=H, name="lstm")
    graph = helper.make_graph(
        [node],
        "lstm",
        [helper.make_tensor_value_info("X", onnx.TensorProto.FLOAT, [T, N, I])],
        [helper.make_tensor_value_info("Y", onnx.TensorProto.FLOAT, [T, D, N, H])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "lstm.onnx")
    quantize_dynamic(folder / "lstm.onnx", folder / "int8.onnx", weight_type=QuantType.QInt8)
    before, after = (run(each, {"X": case.X})["Y"] for each in (model, onnx.load(folder / "int8.onnx")))
    return float(np.abs(before - after).max())


@pytest.mark.parametrize("lbr", [0, 1])
@pytest.mark.parametrize(
    ("T", "N", "H", "I"), [(1, 1, 256, 256), (1, 4, 64, 64), (50, 1, 16, 16), (200, 4, 64, 256), (50, 4, 256, 64)]
)
def test_errors_are_like_those_of_int8_lstms(T: int, N: int, H: int, I: int, lbr: int, tmp_path: Path) -> None:
    case = random_case(
        np.random.default_rng(H), opset=17, dtype=np.float32, T=T, N=N, H=H, I=I, linear_before_reset=lbr,
        direction=None, activations=None, clip=None, sequence_lens=None, layout=None, constants=WEIGHTS,
        initial_h=False, bias=True, outputs=("Y",),
    )  # fmt: skip
    assert error_of(case, quantised(case)[0]) <= 1.5 * error_of_int8_lstm(case, tmp_path)


@pytest.mark.parametrize(("T", "B", "H"), [(50, 64, 64), (12, 64, 300), (9, 1, 272)])
@pytest.mark.parametrize("lbr", [0, 1])
def test_what_serves_large_batches_and_short_sequences_serves_int8(T: int, B: int, H: int, lbr: int) -> None:
    """Sizes at which a float Scan projects inside its body, or has its first step outside."""
    case = random_case(
        np.random.default_rng(B), opset=17, dtype=np.float32, T=T, N=B, H=H, I=8, linear_before_reset=lbr, layout=None,
        direction="bidirectional", activations=None, clip=None, sequence_lens=None, constants=WEIGHTS, static=True,
        initial_h=False,
    )  # fmt: skip
    model, code = quantised(case)
    assert code is None
    assert error_of(case, model) <= MOST_ERROR


@pytest.mark.parametrize("form", ["scan", "loop", "unroll"])
@pytest.mark.parametrize("opset", [11, 17])
def test_padding_does_not_stretch_the_scale(form: str, opset: int) -> None:
    """What stands past the lengths of X is not asked for: huge or NaN, it changes nothing to the bit."""
    for clip in (None, 3.0):  # masks by closed gates, and by a Where
        case = random_case(
            np.random.default_rng(5), opset=opset, dtype=np.float32, T=6, N=3, sequence_lens=[6, 2, 4], clip=clip,
            layout=None, activations=None, static=True, constants=WEIGHTS, nan_padding=False,
        )  # fmt: skip
        model, _ = quantised(case, form=form)
        plain = run(model, case.feeds())
        for what in (1e9, np.nan):
            feeds = case.feeds()
            feeds["X"] = feeds["X"].copy()
            feeds["X"][np.arange(6)[:, None] >= np.array([6, 2, 4])] = what
            for name, value in run(model, feeds).items():
                np.testing.assert_array_equal(value, plain[name])


def test_weights_are_stored_once_however_many_steps_there_are() -> None:
    case = random_case(
        np.random.default_rng(3), opset=17, dtype=np.float32, T=8, N=1, H=32, I=32, layout=None, static=True,
        activations=None, clip=None, sequence_lens=None, constants=WEIGHTS, direction=None, linear_before_reset=1,
    )  # fmt: skip
    model, _ = quantised(case, form="unroll")
    assert sum(tensor.data_type == onnx.TensorProto.INT8 for tensor in model.graph.initializer) == 2


@pytest.mark.parametrize("options", [{}, {"dialect": "ort"}, {"weights": "uint8"}, {"weights": "int4"}])
@pytest.mark.parametrize("place", ["branches", "function", "beside another"])
def test_wherever_a_gru_stands(options: dict[str, Any], place: str) -> None:
    """In branches that read constants from outside, in a function, and with weights that another GRU reads as well."""
    rng, H = np.random.default_rng(0), 40
    shapes = {"W": (1, 3 * H, H), "R": (1, 3 * H, H), "B": (1, 6 * H)}
    weights = {name: (rng.uniform(-1, 1, shape) / 7).astype(np.float32) for name, shape in shapes.items()}
    info, opsets = helper.make_tensor_value_info, [helper.make_opsetid("", 21), helper.make_opsetid("own", 1)]

    def gru(x: str, y: str, lbr: int = 0) -> onnx.NodeProto:
        return helper.make_node("GRU", [x, *shapes], [y], hidden_size=H, linear_before_reset=lbr)

    inputs, functions = [info("X", 1, ["T", "N", H])], []
    if place == "branches":
        each = [
            helper.make_graph([gru("X", f"Y{lbr}", lbr)], f"b{lbr}", [], [info(f"Y{lbr}", 1, None)]) for lbr in (0, 1)
        ]
        nodes = [helper.make_node("If", ["which"], ["Y"], then_branch=each[0], else_branch=each[1])]
        inputs.append(info("which", onnx.TensorProto.BOOL, []))
    elif place == "function":
        constants = [
            helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array))
            for name, array in weights.items()
        ]
        functions = [helper.make_function("own", "Layer", ["X"], ["Y"], [*constants, gru("X", "Y")], opsets[:1])]
        nodes, weights = [helper.make_node("Layer", ["X"], ["Y"], domain="own")], {}
    else:
        nodes = [gru("X", "Y0"), helper.make_node("Squeeze", ["Y0", "axes"], ["X1"]), gru("X1", "Y")]
        weights["axes"] = np.array([1])
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "g", inputs, [info("Y", 1, ["T", 1, "N", H])], tensors)
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10, functions=functions)
    result = gru_lower.quantize(model, all=True, **options)
    assert {site.action for site in result.report.sites} == {"quantised"}
    onnx.checker.check_model(result.model, full_check=True)
    assert result.report.verification.status == "equivalent", result.report.verification.message


def products(model: onnx.ModelProto) -> Iterator[tuple[np.ndarray[Any, Any], int]]:
    """Yield the weights of each product of a model, and the largest whole number on its left side."""
    for scope in walk(model):
        tensors = {
            tensor.name: numpy_helper.to_array(tensor) for each in walk(model) for tensor in each.proto.initializer
        }
        for node in scope.nodes:
            if node.op_type == "MatMulInteger":
                made = scope.nodes[scope.producers[node.input[0]]].op_type
                yield tensors[node.input[1]], 255 if made == "DynamicQuantizeLinear" else 127


def saturating(left: np.ndarray[Any, Any], weights: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return products as CPUs without a dot product of bytes add them up: two at a time, in 16 bits with a sign."""
    pairs = left.astype(np.int64)[:, :, None] * weights.astype(np.int64)[None]
    padded = np.pad(pairs, ((0, 0), (0, pairs.shape[1] % 2), (0, 0)))
    sums = padded.reshape(len(left), -1, 2, weights.shape[1]).sum(2)
    found: np.ndarray[Any, Any] = np.clip(sums, -(2**15), 2**15 - 1).sum(1)
    return found


@pytest.mark.parametrize("T", [1, 3])
@pytest.mark.parametrize("lbr", [0, 1])
@pytest.mark.parametrize("H", [16, 256])
def test_the_worst_case_is_exact_in_integers(T: int, lbr: int, H: int) -> None:
    """Largest values beside weights that are all as large as they can be: nothing is cut off on any CPU."""
    case = random_case(
        np.random.default_rng(1), opset=17, dtype=np.float32, T=T, N=1, H=H, I=16, linear_before_reset=lbr, layout=None,
        initial_h=True, static=True, constants=WEIGHTS, direction=None, sequence_lens=None, activations=None, clip=None,
    )  # fmt: skip
    case.W[:], case.R[:] = np.sign(case.W) * 0.1, 0.1
    for_speed, code = quantised(case, all="no")
    assert (code is None) == (T == 1 and H == 256)
    reduced, full = (list(products(quantised(case, reduce_range=each)[0])) for each in ("yes", "no"))
    assert len(reduced) == len(full) >= 2
    reduced += [] if code else list(products(for_speed))
    for weights, most in reduced:
        assert weights.dtype == np.int8
        left = np.full((1, len(weights)), most, np.uint8)
        exact = left.astype(np.int64) @ weights.astype(np.int64)
        np.testing.assert_array_equal(saturating(left, weights), exact)
        np.testing.assert_array_equal(run(one_product(weights), {"A": left})["Y"], exact)
    cut_off = [(saturating(np.full((1, len(w)), most), w) < most * w.astype(np.int64).sum(0)).any() for w, most in full]
    assert any(cut_off)


def one_product(weights: np.ndarray[Any, Any]) -> onnx.ModelProto:
    """Return a model that multiplies whole numbers by weights."""
    node = helper.make_node("MatMulInteger", ["A", "B"], ["Y"])
    graph = helper.make_graph(
        [node],
        "product",
        [helper.make_tensor_value_info("A", onnx.TensorProto.UINT8, [1, len(weights)])],
        [helper.make_tensor_value_info("Y", onnx.TensorProto.INT32, None)],
        [numpy_helper.from_array(weights, "B")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(
    ("options", "code"),
    [({"opset": 10}, "GL321"), ({"dtype": np.float64}, "GL322"), ({"constants": frozenset({"R", "B"})}, "GL323")],
)
def test_what_cannot_be_quantised_is_kept_with_a_reason(options: dict[str, Any], code: str) -> None:
    case = random_case(np.random.default_rng(0), **{"opset": 17, "dtype": np.float32, "layout": None, **options})
    model, found = quantised(case)
    assert found == code
    assert holds_gru(model)


def test_without_all_only_what_becomes_faster_is_quantised() -> None:
    for H, action in ((16, "kept"), (512, "quantised")):
        case = random_case(
            np.random.default_rng(0), opset=17, dtype=np.float32, T=1, N=1, H=H, I=H, layout=None, constants=WEIGHTS,
            initial_h=True, sequence_lens=None, static=True, activations=None, clip=None,
        )  # fmt: skip
        (site,) = gru_lower.quantize(case.model(), verify=False).report.sites
        assert site.action == action, site.message
        assert (site.code == "GL325") == (action == "kept")
