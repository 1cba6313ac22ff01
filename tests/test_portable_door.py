"""What stands at the door of `--target portable`: said at once, with hints that lead through; rewritten where exact."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.targets import read_profile
from lowering import op_types, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Array = np.ndarray[Any, np.dtype[Any]]
T, N, I, H = 4, 2, 3, 5


def policy(
    behind: Sequence[str] = (),
    before: Sequence[str] = (),
    *,
    opset: int = 17,
    state: str = "",
    shape: Sequence[int | str] = (T, N, I),
    constants: Mapping[str, Array] | None = None,
) -> onnx.ModelProto:
    """Return a GRU with nodes, as ONNX's text has them, before it and behind it; the last value is Z."""
    rng = np.random.default_rng(0)
    weights = {"W": (1, 3 * H, I), "R": (1, 3 * H, H), "B": (1, 6 * H)}
    given = {key: rng.uniform(-0.6, 0.6, dims).astype(np.float32) for key, dims in weights.items()} | dict(
        constants or {}
    )
    text = f'<ir_version: 8, opset_import: ["": {opset}]> g (float x) => (float Z) {{'
    gru = f"Y, Yh = GRU <hidden_size = {H}, linear_before_reset = 1> (x, W, R, B, , {state})"
    model = onnx.parser.parse_model(text + " ".join([*before, gru, *(behind or ["Z = Relu (Yh)"])]) + "}")
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in given.items())
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape)))
    model.graph.output[0].type.tensor_type.ClearField("shape")
    return model


def ints(*entries: int) -> Array:
    return np.array(entries, np.int64)


BEHIND: dict[str, tuple[list[str], dict[str, Array]]] = {
    "flatten": (["Z = Flatten <axis = 1> (Y)"], {}),
    "flatten from the end": (["Z = Flatten <axis = -1> (Y)"], {}),
    "flatten of all": (["F = Flatten <axis = 0> (Yh) Z = Neg (F)"], {}),
    "expand of a constant": (
        ["E = Expand (c, s) Z = Add (Y, E)"],
        {"c": np.ones((1, 1, H), "f"), "s": ints(T, 1, N, H)},
    ),
    "expand to what it is": (["E = Expand (Yh, s) Z = Neg (E)"], {"s": ints(1, N, H)}),
    "expand to one axis more": (["E = Expand (Yh, s) Z = Neg (E)"], {"s": ints(1, 1, N, H)}),
    "expand over time": (["E = Expand (Yh, s) Z = Add (E, Yh)"], {"s": ints(T, N, H)}),
    "expand of half a shape": (["E = Expand (Yh, s) Z = Add (E, Yh)"], {"s": ints(3, 1, 1, 1)}),
    "constant of shape": (["E = ConstantOfShape <value = float[1] {0.5}> (s) Z = Add (Yh, E)"], {"s": ints(1, N, H)}),
    "where of constants": (
        ["E = Where (m, c, d) Z = Add (Yh, E)"],
        {"m": np.arange(H) % 2 == 0, "c": np.ones((1, 1, H), "f"), "d": np.zeros((1, 1, 1), "f")},
    ),
    "range of constants": (
        ["E = Range (a, b, c) F = Cast <to = 1> (E) Z = Add (Yh, F)"],
        {"a": np.array(0), "b": np.array(H), "c": np.array(1)},
    ),
    "shape of what is static": (["E = Shape (Y) F = Slice (E, a, b) Z = Reshape (Y, F)"], {"a": ints(2), "b": ints(4)}),
}


@pytest.mark.parametrize("kind", BEHIND)
def test_what_is_a_reshape_or_a_constant_becomes_one(kind: str) -> None:
    nodes, constants = BEHIND[kind]
    if kind == "shape of what is static":
        nodes, constants = ["E = Shape (Yh) Z = Reshape (Yh, E)"], {}
    model = policy(nodes, constants=constants)
    result = gru_lower.lower(model, target="portable")
    assert result.report.verification.status == "equivalent"
    assert not {"GRU", *read_profile.load("portable").forbid} & op_types(result.model)
    feeds = {"x": np.random.default_rng(1).standard_normal((T, N, I)).astype(np.float32)}
    np.testing.assert_allclose(run(result.model, feeds)["Z"], run(model, feeds)["Z"], rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    ("before", "constants"),
    [
        ("h = Expand (s0, s)", {"s0": np.full((1, 1, H), 0.5, "f"), "s": ints(1, N, H)}),
        ("h = ConstantOfShape (s)", {"s": ints(1, N, H)}),
        ("d = Shape (x) n = Gather (d, one) u = Concat <axis = 0> (one, n, w) h = Expand (s0, u)",
         {"s0": np.full((1, 1, H), 0.5, "f"), "one": ints(1), "w": ints(H)}),
    ],
)  # fmt: skip
def test_a_state_that_constants_make_is_a_constant(before: str, constants: dict[str, Array]) -> None:
    model = policy(before=[before], state="h", constants=constants)
    result = gru_lower.lower(model, target="portable")
    assert result.report.verification.status == "equivalent"
    assert not {"GRU", *read_profile.load("portable").forbid} & op_types(result.model)


def constant_fill(**attributes: Any) -> onnx.ModelProto:
    model = policy(state="h", opset=9, constants={"s": ints(1, N, H)})
    model.ir_version = 4
    model.graph.node.insert(
        0, helper.make_node("ConstantFill", ["s"] if "input_as_shape" in attributes else [], ["h"], **attributes)
    )
    return model


@pytest.mark.parametrize("attributes", [{"input_as_shape": 1}, {"shape": [1, N, H], "value": 0.25}])
@pytest.mark.parametrize(("target", "opset"), [("portable", 17), ("tract", None), ("ncnn", 17)])
def test_the_fill_that_onnx_gave_up_is_read(attributes: dict[str, Any], target: str, opset: int | None) -> None:
    lowered = gru_lower.lower(constant_fill(**attributes), target=target, opset=opset, verify=False).model
    assert "ConstantFill" not in op_types(lowered)
    twin = policy(state="h", constants={"h": np.full((1, N, H), attributes.get("value", 0.0), np.float32)})
    feeds = {"x": np.random.default_rng(1).standard_normal((T, N, I)).astype(np.float32)}
    np.testing.assert_allclose(run(lowered, feeds)["Z"], run(twin, feeds)["Z"], rtol=0, atol=2e-6)


def test_an_operator_that_is_none_is_refused_by_every_target() -> None:
    model = policy(["Z = GivenTensorFill (Yh)"])
    for name in ("portable", "tract", "mnn"):
        with pytest.raises(gru_lower.Remaining, match="ONNX has no such operator"):
            gru_lower.lower(model, target=name, verify=False)


def given(hint: str) -> dict[str, Any]:
    """Return the arguments that a hint names, as Python reads them, with 2 for every N."""
    assert hint.startswith("add "), hint
    numbers = re.sub(r"(?<=: )[A-Z]+(?=[,}])", "2", hint.removeprefix("add "))
    call = ast.parse(f"lower({numbers})", mode="eval").body
    assert isinstance(call, ast.Call)
    assert not call.args
    return {str(argument.arg): ast.literal_eval(argument.value) for argument in call.keywords}


@pytest.mark.parametrize("target", read_profile.names())
@pytest.mark.parametrize(
    ("shape", "opset"),
    [(("time", "batch", I), 9), (("time", N, I), 18), ((T, None, I), 22)],
)
def test_all_that_a_target_needs_is_said_at_once(target: str, shape: tuple[int | str, ...], opset: int) -> None:
    """One refusal at most, and what its hint names leads to a model."""
    model = policy(shape=shape, opset=opset)
    if opset < 9:
        model.ir_version = 4
    try:
        result = gru_lower.lower(model, target=target, verify=False)
    except (gru_lower.Unsupported, gru_lower.Remaining) as refused:
        result = gru_lower.lower(model, target=target, verify=False, **given(str(refused.hint)))
    kept = [site for site in result.report.sites if site.action == "kept"]
    assert all(site.code is None for site in kept)


def test_weights_beside_the_model_are_no_obstacle(tmp_path: Path) -> None:
    """As torch.onnx.export writes it today."""
    path = tmp_path / "policy.onnx"
    onnx.save(
        policy(opset=18, shape=(1, "batch", I)), path, save_as_external_data=True, location="p.data", size_threshold=0
    )
    with pytest.raises(gru_lower.Unsupported) as refused:
        gru_lower.lower(path, target="portable")
    assert refused.value.hint == 'add fix_dims={"batch": N}, opset=17'
    result = gru_lower.lower(path, target="portable", fix_dims={"batch": 1}, opset=17)
    assert result.report.verification.status == "equivalent"


@pytest.mark.parametrize("kind", [TensorProto.INT32, TensorProto.INT64])
@pytest.mark.parametrize("target", ["portable", "ncnn", "opencv4"])
def test_lengths_are_said_with_the_rest(target: str, kind: int) -> None:
    cast = ["l = Cast <to = 6> (lengths)"] if kind == TensorProto.INT64 else []
    model = policy(before=cast, opset=18, shape=("time", "batch", I))
    gru = model.graph.node[len(cast)]
    gru.input[4:] = ["l" if cast else "lengths"]
    model.graph.input.append(helper.make_tensor_value_info("lengths", kind, ["batch"]))
    with pytest.raises(gru_lower.Unsupported) as refused:
        gru_lower.lower(model, target=target)
    hint = str(refused.value.hint)
    assert hint.startswith('add fix_dims={"time": N, "batch": N}, ')
    assert hint.endswith('set={"lengths": N}')
    assert ("opset=17" in hint) == (read_profile.load(target).opset[1] < 18)
    result = gru_lower.lower(model, target=target, **given(hint))
    assert result.report.verification.status == "equivalent"
    promised = gru_lower.lower(model, target=target, fix_dims={"time": 3, "batch": 2}, opset=17, assume="full-length")
    assert promised.report.verification.status == "equivalent"
