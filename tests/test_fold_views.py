"""What stands next to a GRU and only views it otherwise goes when the portable spelling is written."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.graph.element_order import order_of
from lowering import run

T, N, I, H = 4, 2, 3, 5
VIEWS = ("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Gather", "Identity", "Flatten")
WORDS = {
    "zero": np.array([0]), "one": np.array([1]), "first": np.array(0), "last": np.array(-1), "minus": np.array([-1]),
    "far": np.array([2**31 - 1]), "all": np.array([0, 0, -1]), "second": np.array(1), "two": np.array([2]),
}  # fmt: skip


def layers(nodes: str, *outputs: str, batch: int | str = N, batch_first: bool = False, directions: int = 1) -> Any:
    """Return a model in ONNX's text; GRU(...) there is one over weights of the right size."""
    rng = np.random.default_rng(0)
    direction = "bidirectional" if directions == 2 else "forward"
    attributes = f'hidden_size = {H}, direction = "{direction}"'
    text = nodes.replace("GRU ", f"GRU <{attributes}, linear_before_reset = 1> ")
    results = ", ".join(f"float {output}" for output in outputs)
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> g (float x) => ({results}) {{ {text} }}')
    shapes: dict[str, tuple[int, ...]] = {
        "W": (directions, 3 * H, I),
        "V": (directions, 3 * H, H * directions),
        "R": (directions, 3 * H, H),
    }
    for name, size in (*shapes.items(), ("B", (directions, 6 * H))):
        weights = rng.uniform(-0.6, 0.6, size).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(weights, name))
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in WORDS.items())
    shape = [batch, T, I] if batch_first else [T, batch, I]
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, shape))
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    inferred = {value.name: value for value in onnx.shape_inference.infer_shapes(model, data_prop=True).graph.output}
    for value in model.graph.output:
        value.CopyFrom(inferred[value.name])
    return model


def folded(model: onnx.ModelProto, batch: int = N, **options: Any) -> Counter[str]:
    """Lower, hold the numbers to the model's own, and count the views that are left."""
    options = options or {"vocabulary": "minimal", "form": "unroll"}
    result = gru_lower.lower(model, **options)
    assert result.report.verification.status == "equivalent"
    onnx.checker.check_model(result.model, full_check=True)
    shape = [dim.dim_value or batch for dim in model.graph.input[0].type.tensor_type.shape.dim]
    feeds = {"x": np.random.default_rng(1).standard_normal(shape).astype(np.float32)}
    found = run(result.model, feeds)
    for name, value in run(model, feeds).items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=2e-6)
    made = {output for node in result.model.graph.node for output in node.output}
    assert {value.name for value in result.model.graph.value_info} <= made
    return Counter(node.op_type for node in result.model.graph.node if node.op_type in VIEWS)


PRODUCED = "Y, Yh = GRU (x, W, R, B) "


@pytest.mark.parametrize("batch", [1, N, "n"])
@pytest.mark.parametrize(
    "behind",
    [
        "z = Squeeze (Yh, zero)",
        "z = Gather <axis = 0> (Yh, first)",
        "z = Gather <axis = 0> (Yh, last)",
        "s = Squeeze (Yh, zero) z = Relu (s)",
        "s = Gather <axis = 0> (Yh, last) z = Relu (s) w = Neg (s)",
        "u = Unsqueeze (Yh, zero) t = Squeeze (u, zero) z = Squeeze (t, zero)",
    ],
)
def test_the_state_is_read_where_it_is_made(behind: str, batch: int | str) -> None:
    outputs = ["z", "w"] if "w =" in behind else ["z"]
    left = folded(layers(PRODUCED + behind, *outputs, batch=batch))
    assert set(left) <= {"Reshape", "Gather"} if batch == "n" else left == {"Reshape": 1}


@pytest.mark.parametrize(
    "behind",
    [
        "s = Squeeze (Y, one) z = Gather <axis = 0> (s, last)",
        "s = Squeeze (Y, one) t = Slice (s, minus, far, zero) z = Squeeze (t, zero)",
        "q = Gather <axis = 0> (Y, last) z = Squeeze (q, zero)",
        "s = Squeeze (Y, one) t = Transpose <perm = [1, 0, 2]> (s) z = Gather <axis = 1> (t, last)",
    ],
)
def test_a_step_of_y_is_read_where_it_is_made(behind: str) -> None:
    left = folded(layers(PRODUCED + behind, "z"))
    assert sum(left.values()) <= 2


def test_one_direction_of_the_state_is_read_where_it_is_made() -> None:
    behind = "f = Gather <axis = 0> (Yh, first) r = Gather <axis = 0> (Yh, second) z = Concat <axis = -1> (f, r)"
    assert folded(layers(PRODUCED + behind, "z", directions=2)) == {"Reshape": 1}


def test_what_is_read_twice_and_put_out_stays_right() -> None:
    behind = (
        "s = Squeeze (Yh, zero) z = Squeeze (Yh, zero) q = Gather <axis = 0> (Yh, last) v = Relu (q) "
        "c = Less (first, second) w = If (c) <then_branch = t () => (float[h, i] a) { a = Neg (s) },"
        " else_branch = e () => (float[h, i] b) { b = Identity (q) }>"
    )
    folded(layers(PRODUCED + behind, "z", "Yh", "v", "w", "s"))


BATCH_FIRST = "xt = Transpose <perm = [1, 0, 2]> (x) Y, Yh = GRU (xt, W, R, B) "


@pytest.mark.parametrize("batch", [1, N])
@pytest.mark.parametrize("directions", [1, 2])
def test_the_transposes_of_a_batch_first_layer_go(batch: int, directions: int) -> None:
    behind = {
        1: "s = Squeeze (Y, one) z = Transpose <perm = [1, 0, 2]> (s)",
        2: "p = Transpose <perm = [0, 2, 1, 3]> (Y) s = Reshape (p, all) z = Transpose <perm = [1, 0, 2]> (s)",
    }[directions]
    model = layers(BATCH_FIRST + behind, "z", batch=batch, batch_first=True, directions=directions)
    assert "Transpose" not in folded(model)


@pytest.mark.parametrize("batch", [1, N])
@pytest.mark.parametrize("directions", [1, 2])
def test_between_the_layers_of_a_batch_first_stack_too(batch: int, directions: int) -> None:
    between = {1: "s = Squeeze (Y, one)", 2: "p = Transpose <perm = [0, 2, 1, 3]> (Y) s = Reshape (p, all)"}[directions]
    behind = {1: "q = Squeeze (Q, one)", 2: "o = Transpose <perm = [0, 2, 1, 3]> (Q) q = Reshape (o, all)"}[directions]
    nodes = f"{BATCH_FIRST} {between} Q, Qh = GRU (s, V, R, B) {behind} z = Transpose <perm = [1, 0, 2]> (q)"
    assert "Transpose" not in folded(layers(nodes, "z", "Yh", batch=batch, batch_first=True, directions=directions))


def test_portable_folds_and_the_default_does_not() -> None:
    model = layers(PRODUCED + "z = Squeeze (Yh, zero)", "z")
    assert folded(model, target="portable") == {"Reshape": 1}
    assert folded(model, form="unroll") == {"Reshape": 1, "Squeeze": 1, "Unsqueeze": 1}


class TestElementOrder:
    def test_what_comes_back_is_unchanged(self) -> None:
        order = order_of((6, 1, 5)).transpose([2, 1, 0]).squeeze([1]).transpose([1, 0])
        assert order.is_unchanged
        assert not order.has_same_shape
        assert order.unsqueeze([1]).has_same_shape

    def test_a_part_of_an_axis_moves(self) -> None:
        order = order_of((6, 5)).reshape((2, 3, 5))
        assert order is not None
        assert order.is_unchanged
        moved = order.transpose([1, 0, 2]).reshape((6, 5))
        assert moved is not None
        assert not moved.is_unchanged
        assert moved.permutation() is None

    @pytest.mark.parametrize("dims", [(4, 3), (2, 2, 4), (5,), ("a", "b"), (None, 12)])
    def test_what_is_no_product_of_parts_is_not_read(self, dims: tuple[int | str | None, ...]) -> None:
        assert order_of((3, 4) if dims != (None, 12) else (None, 3, "n")).reshape(dims) is None or dims == (4, 3)

    def test_one_unknown_length_is_what_is_left(self) -> None:
        order = order_of(("n", 3, 5)).reshape((None, 15))
        assert order is not None
        assert order.is_unchanged
        assert order_of(("n", "m", 5)).reshape((None, 5)) is None
