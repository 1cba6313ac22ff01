"""Inputs with a default: from IR version 4 on their user may override them, before a pass and after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from lowering import lower, run

if TYPE_CHECKING:
    from typing import Any

T, N, I, H = 5, 2, 3, 4
KEYS = ("W", "R", "B", "initial_h", "sequence_lens")


def values(directions: int, seed: int) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    shapes = {"W": (3 * H, I), "R": (3 * H, H), "B": (6 * H,), "initial_h": (N, H)}
    result = {key: rng.uniform(-0.6, 0.6, (directions, *shape)).astype(np.float32) for key, shape in shapes.items()}
    return result | {"sequence_lens": np.array([5, 5] if seed == 1 else [2, 4], np.int32)}


def model(
    keys: tuple[str, ...], direction: str = "forward", *, opset: int = 17, ir_version: int = 8, zero: bool = False
) -> onnx.ModelProto:
    """Return a GRU of which some inputs have a default and the others are constants."""
    defaults = values(2 if direction == "bidirectional" else 1, 1)
    if zero:
        defaults["initial_h"][:] = 0
    node = helper.make_node(
        "GRU", ["X", "W", "R", "B", "sequence_lens", "initial_h"], ["Y", "Y_h"], hidden_size=H, direction=direction
    )
    kinds = {"sequence_lens": TensorProto.INT32}
    inputs = [helper.make_tensor_value_info("X", TensorProto.FLOAT, [T, N, I])]
    inputs += [
        helper.make_tensor_value_info(key, kinds.get(key, TensorProto.FLOAT), defaults[key].shape) for key in keys
    ]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * rank) for name, rank in (("Y", 4), ("Y_h", 3))
    ]
    tensors = [numpy_helper.from_array(value, key) for key, value in defaults.items()]
    graph = helper.make_graph([node], "g", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


def hold(before: onnx.ModelProto, after: onnx.ModelProto, keys: tuple[str, ...], directions: int) -> None:
    """Hold a model to the one before, without and with other values for the inputs that have defaults."""
    x = np.random.default_rng(0).standard_normal((T, N, I)).astype(np.float32)
    other = {key: value for key, value in values(directions, 2).items() if key in keys}
    results = []
    for feeds in ({"X": x}, {"X": x, **other}):
        expected, actual = run(before, feeds), run(after, feeds)
        for name, value in expected.items():
            np.testing.assert_allclose(actual[name], value, atol=1e-5)
        results.append(expected["Y"])
    assert np.abs(results[0] - results[1]).max() > 1e-3
    assert {value.name for value in after.graph.input} == {"X", *keys}


@pytest.mark.parametrize("keys", [*((key,) for key in KEYS), KEYS])
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
@pytest.mark.parametrize(
    "passes",
    [
        *("lower-gru{form=scan}", "lower-gru{form=loop}", "lower-gru{form=unroll}", "lower-gru{vocabulary=minimal}"),
        *("normalize-gru", "fold-shapes", "merge-gru", "join-directions", "fuse-gru", "legalize-bidirectional"),
        *("legalize-sequence-lens", "legalize-initial-state{zeros=drop}", "legalize-bias", "convert-opset{to=14}"),
        *("convert-opset{to=8}", "convert-opset{to=10},lower-gru"),
    ],
)
def test_a_default_is_one_after_every_pass(keys: tuple[str, ...], direction: str, passes: str) -> None:
    before = model(keys, direction, zero=True)
    after, _ = lower(before, passes)
    hold(before, after, keys, 2 if direction == "bidirectional" else 1)


@pytest.mark.parametrize("keys", [("initial_h",), ("W",), ("R", "B")])
@pytest.mark.parametrize("target", ["tract", "portable", "opencv5"])
def test_a_default_is_one_for_every_target(keys: tuple[str, ...], target: str) -> None:
    before = model(keys)
    hold(before, gru_lower.lower(before, target=target, verify=False).model, keys, 1)


@pytest.mark.parametrize("form", ["unroll", "loop"])
@pytest.mark.parametrize("keys", [("initial_h",), ("B",)])
def test_a_default_is_one_after_fusing(keys: tuple[str, ...], form: Any) -> None:
    before = model(keys)
    before.graph.node[0].input[4] = ""
    before.graph.node[0].attribute.append(helper.make_attribute("linear_before_reset", 1))
    del before.graph.initializer[-1]
    after = gru_lower.fuse(gru_lower.lower(before, form=form, verify=False).model).model
    assert "GRU" in {node.op_type for node in after.graph.node}
    hold(before, after, keys, 1)


def test_before_ir_version_4_an_initializer_that_is_an_input_is_a_constant() -> None:
    before = model(KEYS, opset=8, ir_version=3)
    after, _ = lower(before, "lower-gru{form=unroll}")
    assert not {"W", "R", "B"} & {value.name for value in after.graph.input}
    x = np.random.default_rng(0).standard_normal((T, N, I)).astype(np.float32)
    np.testing.assert_allclose(run(after, {"X": x})["Y"], run(before, {"X": x})["Y"], atol=1e-5)
