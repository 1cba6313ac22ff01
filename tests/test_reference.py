"""The oracle is right: against onnxruntime, ONNX's own vectors, other projects' vectors, and by hand in each corner."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import assume, given, settings
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from gru_lower.errors import InvalidModel
from gru_lower.gru.reference import gru
from strategies import ACTIVATIONS, BFLOAT16, AnyOf, GruCase, gru_cases

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Array = np.ndarray[Any, Any]


class GRU(OpRun):
    """Stands in for the evaluator's own GRU, which ignores sequence_lens, clip and activations."""

    op_domain = ""

    def _run(  # the evaluator hands over every attribute of the schema, None for absent
        self,
        X: Array,
        W: Array,
        R: Array,
        B: Array | None = None,
        sequence_lens: Array | None = None,
        initial_h: Array | None = None,
        **attributes: Any,
    ) -> tuple[Array, Array]:
        given = {name: value for name, value in attributes.items() if value is not None}
        return gru(X, W, R, B, sequence_lens, initial_h, **given)


def evaluate(model: onnx.ModelProto, feeds: dict[str, Array]) -> dict[str, Array]:
    """Return the model's outputs, its GRU computed by the reference."""
    outputs = ReferenceEvaluator(model, new_ops=[GRU]).run(None, feeds)
    return dict(zip((output.name for output in model.graph.output), outputs, strict=True))


def assert_near(actual: Array, expected: Array, tolerance: float, what: object) -> None:
    """Hold values to a tolerance relative to the largest of them, or to 1 where all are smaller."""
    assert actual.shape == expected.shape, what
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(
        actual.astype(np.float64) / scale, expected / scale, rtol=0, atol=tolerance, err_msg=str(what)
    )


def probe(function: str, x: float, alpha: list[float] | None = None, beta: list[float] | None = None) -> float:
    """Return the activation of x: a unit GRU whose z is 0 and whose candidate's pre-activation is x."""
    zeros, B = np.zeros((1, 3, 1)), np.array([[-1e4, 0, x, 0, 0, 0]])
    names = ["Sigmoid", function]
    Y, _ = gru(np.zeros((1, 1, 1)), zeros, zeros, B, activations=names, activation_alpha=alpha, activation_beta=beta)
    return float(Y.item())


def unit(**changes: Any) -> dict[str, Any]:
    """Return the arguments of a small legal GRU: T 3, batch 2, I 2, H 4."""
    rng = np.random.default_rng(0)
    shapes = {"X": (3, 2, 2), "W": (1, 12, 2), "R": (1, 12, 4), "B": (1, 24), "initial_h": (1, 2, 4)}
    return {name: rng.uniform(-1, 1, shape) for name, shape in shapes.items()} | changes


# Not random from run to run: ThresholdedRelu jumps, and a float32 may fall on the other side once in many thousands.
@settings(max_examples=6 * settings().max_examples, derandomize=True)
@given(gru_cases(dtype=AnyOf((np.float32, np.float16)), layout=AnyOf((None, 0))))
def test_equals_onnxruntime(case: GruCase) -> None:
    assume(case.runs_in_onnxruntime)
    session = onnxruntime.InferenceSession(case.model().SerializeToString(), providers=["CPUExecutionProvider"])
    actual = dict(zip(case.outputs, session.run(list(case.outputs), case.feeds()), strict=True))
    for name, expected in case.expected().items():
        assert_near(actual[name], expected, 2e-5 if case.dtype == np.float32 else 2e-3, f"{name} of {case}")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # collecting builds the vectors of every operator
def test_equals_the_vectors_of_onnx() -> None:
    from onnx.backend.test.case.node import collect_testcases

    cases = collect_testcases("GRU")
    assert {case.name for case in cases} >= {"test_gru_defaults", "test_gru_seq_length", "test_gru_batchwise"}
    for case in cases:
        assert case.model is not None
        for inputs, outputs in case.data_sets or ():
            feeds = dict(zip((value.name for value in case.model.graph.input), inputs, strict=True))
            for actual, expected in zip(evaluate(case.model, feeds).values(), outputs, strict=True):
                assert_near(actual, expected, 1e-6, case.name)


@pytest.mark.parametrize("suite", ["glow", "openvino", "ort", "webnn"])
def test_equals_the_vectors_of_other_projects(suite: str, shared: Path) -> None:
    folders = sorted((shared / "suites" / suite).iterdir())
    assert folders
    for folder in folders:
        inputs, outputs = np.load(folder / "inputs.npz"), np.load(folder / "expected.npz")
        actual = evaluate(onnx.load(folder / "model.onnx"), dict(inputs))
        for name, expected in outputs.items():
            assert_near(actual[name], expected, 2e-6, (folder, json.loads((folder / "meta.json").read_text())["attrs"]))


FORMULAS: dict[str, Callable[[float], float]] = {
    "Relu": lambda x: max(x, 0.0),
    "Tanh": np.tanh,
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "Affine": lambda x: 0.5 * x + 0.25,
    "LeakyRelu": lambda x: x if x > 0 else 0.5 * x,
    "ThresholdedRelu": lambda x: x if x > 0.5 else 0.0,
    "ScaledTanh": lambda x: 0.5 * np.tanh(0.25 * x),
    "HardSigmoid": lambda x: min(max(0.5 * x + 0.25, 0.0), 1.0),
    "Elu": lambda x: x if x > 0 else 0.5 * (np.exp(x) - 1),
    "Softsign": lambda x: x / (1 + abs(x)),
    "Softplus": lambda x: np.log(1 + np.exp(x)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("x", [-3.0, -0.5, 0.0, 0.5, 0.75, 3.0])
def test_activations(name: str, x: float) -> None:
    for spelling in (name, name.lower(), name.upper()):
        assert probe(spelling, x, [0.5], [0.25]) == pytest.approx(FORMULAS[name](x), abs=1e-12)


@pytest.mark.parametrize(
    ("name", "x", "value"),
    [
        *(("LeakyRelu", -1.0, -0.01), ("HardSigmoid", 1.0, 0.7), ("Elu", -1.0, np.exp(-1) - 1)),
        *(("ThresholdedRelu", 0.5, 0.5), ("Affine", 3.0, 0.0), ("ScaledTanh", 3.0, 0.0)),
    ],
)
def test_default_alpha_and_beta(name: str, x: float, value: float) -> None:
    assert probe(name, x) == pytest.approx(value, abs=1e-7)


def test_alpha_is_consumed_only_by_functions_that_take_one() -> None:
    assert probe("LeakyRelu", -1.0, [0.5, 0.25]) == -0.5  # Sigmoid, before it, takes none
    X, zeros, B = np.zeros((1, 1, 1)), np.zeros((2, 3, 1)), np.tile([[-1e4, 0, -1.0, 0, 0, 0]], (2, 1))
    names = ["Relu", "Elu", "Relu", "LeakyRelu"]
    options: dict[str, Any] = {"direction": "bidirectional", "activations": names}
    Y, _ = gru(X, zeros, zeros, B, activation_alpha=[2.0, 0.5], activation_beta=[9.0], **options)
    np.testing.assert_allclose(Y.ravel(), [2 * (np.exp(-1) - 1), -0.5])
    Y, _ = gru(X, zeros, zeros, B, activation_alpha=[2.0], **options)  # exhausted: the default is left
    np.testing.assert_allclose(Y.ravel(), [2 * (np.exp(-1) - 1), -0.01], rtol=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_large_values_neither_warn_nor_become_nan(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite([probe(name, x, [0.5], [0.25]) for x in (-1e4, 1e4)]).all()
        gru(**unit(X=np.full((3, 2, 2), 1e200), activations=["Relu", "Relu"]))


def test_clip_bounds_the_whole_pre_activation_and_nothing_inside_it() -> None:
    # r = sigmoid(clip(-5)) = sigmoid(-1); candidate r * (0 + Rbh = 2) < 1 stands, clipped inside it would be r * 1.
    zeros, B = np.zeros((1, 3, 1)), np.array([[0, -5.0, 0, 0, 0, 2.0]])
    Y, _ = gru(np.zeros((1, 1, 1)), zeros, zeros, B, clip=1.0, linear_before_reset=1)
    assert Y.item() == pytest.approx(0.5 * np.tanh(2 / (1 + np.e)))
    Y, _ = gru(np.zeros((1, 1, 1)), zeros, zeros, B, clip=0.25, linear_before_reset=0)
    assert Y.item() == pytest.approx(0.5 * np.tanh(0.25))


def test_any_linear_before_reset_but_zero_is_one() -> None:
    outputs = {flag: gru(**unit(linear_before_reset=flag))[0] for flag in (-1, 0, 1, 2)}
    assert np.array_equal(outputs[1], outputs[2])
    assert np.array_equal(outputs[1], outputs[-1])
    assert not np.allclose(outputs[0], outputs[1])


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("junk", [np.nan, np.inf])
def test_padding_is_never_read(direction: str, junk: float) -> None:
    arguments = unit(sequence_lens=[0, 2], direction=direction)
    clean = gru(**arguments)
    padding = np.arange(3)[:, None] >= [0, 2]
    arguments["X"][padding] = junk
    Y, Y_h = gru(**arguments)
    np.testing.assert_array_equal(Y, clean[0])
    np.testing.assert_array_equal(Y_h, clean[1])
    assert not Y[:, 0][padding].any()
    assert Y[:, 0][~padding].all()


def test_reverse_reverses_the_valid_prefix() -> None:
    arguments = unit()
    X = arguments.pop("X")
    lens = np.array([2, 3], np.int32)
    flipped = X.copy()
    for n, length in enumerate(lens):
        flipped[:length, n] = X[:length, n][::-1]
    Y, Y_h = gru(X, sequence_lens=lens, direction="reverse", **arguments)
    forward, forward_h = gru(flipped, sequence_lens=lens, **arguments)
    for n, length in enumerate(lens):
        np.testing.assert_allclose(Y[:length, :, n], forward[:length, :, n][::-1])
        np.testing.assert_allclose(Y_h[:, n], Y[0, :, n])  # the last processed step is t = 0
    np.testing.assert_allclose(Y_h, forward_h)


def test_length_zero_gives_zero_as_onnxruntime_or_the_initial_state() -> None:
    arguments = unit(sequence_lens=np.array([0, 2]))
    assert not gru(**arguments)[1][:, 0].any()
    Y, Y_h = gru(**arguments, zero_length_state="initial")
    np.testing.assert_array_equal(Y_h[:, 0], arguments["initial_h"][:, 0])
    np.testing.assert_array_equal(Y_h[:, 1], Y[1, :, 1])
    assert not Y[:, :, 0].any()


@given(gru_cases(layout=1, opset=14))
def test_layout_1_is_the_transposed_layout_0(case: GruCase) -> None:
    attributes = {name: value for name, value in case.attributes.items() if name != "layout"}
    initial_h = None if case.initial_h is None else case.initial_h.swapaxes(0, 1)
    Y, Y_h = gru(case.X.swapaxes(0, 1), case.W, case.R, case.B, case.sequence_lens, initial_h, **attributes)
    expected = {"Y": Y.transpose(2, 0, 1, 3), "Y_h": Y_h.swapaxes(0, 1)}
    for name, actual in case.expected().items():
        np.testing.assert_array_equal(actual, expected[name])


def test_no_steps_and_no_sequences() -> None:
    arguments = unit(X=np.zeros((0, 2, 2)))
    Y, Y_h = gru(**arguments)
    assert Y.shape == (0, 1, 2, 4)
    np.testing.assert_array_equal(Y_h, arguments["initial_h"])
    assert not gru(**arguments | {"initial_h": None})[1].any()
    assert not gru(**arguments, sequence_lens=[0, 0])[1].any()
    Y, Y_h = gru(**unit(X=np.zeros((3, 0, 2)), initial_h=np.zeros((1, 0, 4)), sequence_lens=np.zeros(0, np.int32)))
    assert (Y.shape, Y_h.shape) == ((3, 1, 0, 4), (1, 0, 4))


@pytest.mark.parametrize("dtype", [np.dtype(np.float16), np.dtype(np.float32), BFLOAT16])
def test_every_type_is_computed_in_float64(dtype: np.dtype[Any]) -> None:
    arguments = {name: value.astype(dtype) for name, value in unit().items()}
    Y, Y_h = gru(**arguments, direction=b"forward", hidden_size=4)
    exact = gru(**{name: value.astype(np.float64) for name, value in arguments.items()})
    assert {Y.dtype, Y_h.dtype} == {np.dtype(np.float64)}
    np.testing.assert_array_equal(Y, exact[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"X": np.zeros((3, 2))}, r"X has shape \[3, 2\], not 3 axes"),
        ({"W": np.zeros((1, 12, 3))}, r"W has shape \[1, 12, 3\], not shape \[1, 12, 2\]"),
        ({"R": np.zeros((1, 4, 4))}, r"R has shape"),
        ({"B": np.zeros((1, 12))}, r"B has shape"),
        ({"initial_h": np.zeros((2, 1, 4))}, r"initial_h has shape"),
        ({"hidden_size": 5}, r"W has shape"),
        ({"direction": "bidirectional"}, r"W has shape"),
        ({"direction": "Forward"}, r"direction is 'Forward'"),
        ({"layout": 2}, r"layout is 2"),
        ({"clip": 0.0}, r"clip is 0.0"),
        ({"clip": -1.0}, r"clip is -1.0"),
        ({"activations": ["Sigmoid", "Swish"]}, r"activation 'Swish' is unknown"),
        ({"activations": ["Sigmoid"]}, r"activations has 1 names for 1 direction"),
        ({"activations": ["Sigmoid", "Tanh"] * 2}, r"activations has 4 names for 1 direction"),
        ({"sequence_lens": [1, 4]}, r"sequence_lens holds \[1, 4\]"),
        ({"sequence_lens": [-1, 3]}, r"sequence_lens holds \[-1, 3\]"),
        ({"sequence_lens": [1, 2, 3]}, r"sequence_lens is int64 \[3\]"),
        ({"sequence_lens": [1.0, 2.0]}, r"sequence_lens is float64"),
        ({"zero_length_state": "h0"}, r"zero_length_state is 'h0'"),
    ],
)
def test_what_breaks_the_rules_is_refused_with_a_hint(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidModel, match=message) as caught:
        gru(**unit(**changes))
    assert caught.value.hint
