"""What a target still needs of a model is said at once: who follows the first refusal meets no second of its kind."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import gru_lower
from gru_lower.targets import read_profile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
H, I = 3, 2
FLOATS = {"float": np.float32, "float16": np.float16}


def a_model(
    inputs: str,
    attributes: str = "",
    further: str = "",
    *,
    opset: int = 17,
    before: str = "",
    behind: str = "",
    constants: Mapping[str, Any] | None = None,
) -> onnx.ModelProto:
    """Return a GRU, with nodes as ONNX's text has them before it and behind it."""
    directions = 2 if "bidirectional" in attributes else 1
    kind = inputs.partition("[")[0]
    gru = f"Y, Yh = GRU <hidden_size = {H}{attributes}> (X, W, R, B{further})"
    head = f'<ir_version: 8, opset_import: ["": {opset}]> g'
    model = onnx.parser.parse_model(f"{head} ({inputs}) => ({kind} Z) {{ {before} {gru} {behind or 'Z = Tanh (Y)'} }}")
    shapes = {"W": (directions, 3 * H, I), "R": (directions, 3 * H, H), "B": (directions, 6 * H)}
    rng = np.random.default_rng(0)
    given = {name: rng.uniform(-0.5, 0.5, shape).astype(FLOATS[kind]) for name, shape in shapes.items()}
    arrays = {**given, **(constants or {})}
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items())
    model.graph.output[0].type.tensor_type.ClearField("shape")
    return model


def named_oddly() -> onnx.ModelProto:
    """Return a model with a dim whose name has a space, and one without a name."""
    model = a_model("float[T, N, 2] X", opset=12)
    dims = model.graph.input[0].type.tensor_type.shape.dim
    dims[0].Clear()
    dims[1].dim_param = "batch size"
    return model


DOUBLED = """s = Squeeze (Yh, zero) Z = Loop <body = step (int64 i, bool go, float[N, 3] a) => (bool on, float[N, 3] t)
    { t = Add (a, a) u = ReduceSum <keepdims = 0> (t) on = Less (u, ten) }> (trips, , s)"""
MODELS: dict[str, Callable[[], onnx.ModelProto]] = {
    "open dims, a new opset": lambda: a_model("float[T, N, 2] X", opset=21),
    "lengths handed in": lambda: a_model("float[T, N, 2] X, int32[N] lens", further=", lens"),
    "lengths computed": lambda: a_model(
        "float[T, N, 2] X, float[N, T] mask",
        further=", lens",
        opset=14,
        before="sum = ReduceSum <keepdims = 0> (mask, one) lens = Cast <to = 6> (sum)",
        constants={"one": [1]},
    ),
    "an old opset, a state": lambda: a_model("float[T, N, 2] X, float[1, N, 3] h0", further=", , h0", opset=7),
    "both directions": lambda: a_model(
        "float[T, N, 2] X", ', direction = "bidirectional", linear_before_reset = 1', opset=9
    ),
    "half": lambda: a_model("float16[T, N, 2] X", opset=18),
    "clip and layout": lambda: a_model("float[N, T, 2] X", ", clip = 2.0, layout = 1", opset=20),
    "a loop behind": lambda: a_model(
        "float[T, N, 2] X", opset=15, behind=DOUBLED, constants={"zero": [0], "trips": 9, "ten": np.float32(10)}
    ),
    "odd names": named_oddly,
    "the encoder of words": lambda: onnx.load(FIXTURES / "g2p_encoder.onnx"),
}
FIRST = ("portable", "tract", "mnn", "onnx2tf")
"""Targets that are tried by default."""
OPTIONS = re.compile(r"\b(fix_dims|opset|set|assume)=")


class _Three(dict[str, Any]):
    """Stands for whatever length a hint leaves open."""

    def __missing__(self, key: str) -> int:
        return 3


def asked_for(hint: str) -> dict[str, Any]:
    """Return the options that a hint wants added."""
    found = re.match(r"add (\w+=.*?)(?:, (?:or|and|then) |;|$)", hint)
    if found is None:
        return {}
    taken: dict[str, Any] = eval(f"dict({found[1]})", {}, _Three(dict=dict))  # noqa: S307 - our own text
    return taken


def refusals(model: onnx.ModelProto, target: str) -> list[str]:
    """Return the hints of the refusals that somebody meets who follows each."""
    hints: list[str] = []
    given: dict[str, Any] = {}
    for _ in range(4):
        try:
            gru_lower.lower(model, target=target, verify=False, **given)
        except gru_lower.GruLowerError as refusal:
            hints.append(refusal.hint or "")
            wanted = asked_for(hints[-1])
            if not wanted:
                break
            for name, value in wanted.items():
                given[name] = {**given.get(name, {}), **value} if isinstance(value, dict) else value
        else:
            break
    return hints


@pytest.mark.parametrize(
    "target",
    [pytest.param(name, marks=() if name in FIRST else pytest.mark.slow) for name in read_profile.names()],
)
@pytest.mark.parametrize("kind", MODELS)
def test_all_is_said_in_the_first_refusal(kind: str, target: str) -> None:
    said = refusals(MODELS[kind](), target)
    first, more = said[:1], said[1:]
    assert all(said)
    assert len(more) <= 1, (first, more)
    assert not any(OPTIONS.search(hint) for hint in more), (first, more)


def test_hints_are_read() -> None:
    assert asked_for('add fix_dims={"batch size": N}, opset=17') == {"fix_dims": {"batch size": 3}, "opset": 17}
    assert asked_for("use another target: gru-lower targets lists them") == {}
    assert len(refusals(MODELS["open dims, a new opset"](), "portable")) == 1
