"""Ways that depend on values: thresholds, types, noise, NaN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from differential.sketch import F, Sketch
from differential.way import FLOAT, INT32, half, nought, pair, way

if TYPE_CHECKING:
    from collections.abc import Callable

    from differential.way import Differing


def compared(op: str, bound: float, change: Callable[[Sketch, str], str]) -> Any:
    def hook(g: Sketch, x: str) -> str:
        return g.chosen(g.op(op, x, g.const(np.array(bound, F))), change(g, x), x)

    return hook


@way
def large_values_clipped(rng: np.random.Generator) -> Differing:
    bound = float(rng.choice([4.0, 12.5, 60.0, 150.0, 1000.0]))
    hook = {"x": lambda g, x: g.op("Clip", x, g.const(np.array(-bound, F)), g.const(np.array(bound, F)))}
    return pair(rng, "large values clipped", (), hook, names=("x",))


@way
def values_beyond_a_threshold(rng: np.random.Generator) -> Differing:
    bound = float(rng.choice([3.5, 9.0, 45.0, -8.0, -120.0]))
    return pair(
        rng, "beyond a threshold", (), {"x": compared("Greater" if bound > 0 else "Less", bound, nought)}, names=("x",)
    )


@way
def values_beyond_a_scaled_threshold(rng: np.random.Generator) -> Differing:
    bound, factor, shift = (
        float(rng.choice([30.0, 75.0])),
        float(rng.choice([0.1, 3.0])),
        float(rng.choice([-2.0, 5.0])),
    )

    def hook(g: Sketch, x: str) -> str:
        scaled = g.op("Add", g.op("Mul", x, g.const(np.array(factor, F))), g.const(np.array(shift, F)))
        return g.chosen(g.op("Greater", scaled, g.const(np.array(bound, F))), nought(g, x), x)

    return pair(rng, "beyond a scaled threshold", (), {"x": hook}, names=("x",))


@way
def a_threshold_moved(rng: np.random.Generator) -> Differing:
    bound = float(rng.choice([0.5, 6.0, 20.0]))
    moved, there = ({"x": compared("Greater", number, half)} for number in (bound * 1.04, bound))
    return pair(rng, "a threshold moved", (), moved, there, names=("x",))


@way
def a_threshold_included(rng: np.random.Generator) -> Differing:
    bound = float(rng.choice([0.5, 1.0, 8.0]))
    included, there = ({"x": compared(op, bound, nought)} for op in ("GreaterOrEqual", "Greater"))
    return pair(rng, "a threshold included", (), included, there, names=("x",))


@way
def a_dead_zone(rng: np.random.Generator) -> Differing:
    bound = float(rng.choice([0.05, 0.2]))
    hook = lambda g, x: g.chosen(g.op("Less", g.op("Abs", x), g.const(np.array(bound, F))), nought(g, x), x)  # noqa: E731
    return pair(rng, "a dead zone", (), {"x": hook}, names=("x",))


@way
def outputs_clipped(rng: np.random.Generator) -> Differing:
    bound = float(rng.choice([0.2, 0.3]))
    hook = {"y": lambda g, x: g.op("Clip", x, g.const(np.array(-bound, F)), g.const(np.array(bound, F)))}
    return pair(rng, "outputs clipped", ("states",), hook, names=("out",))


@way
def inputs_through_whole_numbers(rng: np.random.Generator) -> Differing:
    hook = {"x": lambda g, x: g.op("Cast", g.op("Cast", x, to=INT32), to=FLOAT)}
    return pair(rng, "inputs through int32", (), hook, names=("x",))


@way
def inputs_through_float16_where_large(rng: np.random.Generator) -> Differing:
    def hook(g: Sketch, x: str) -> str:
        rounded = g.op("Cast", g.op("Cast", x, to=TensorProto.FLOAT16), to=FLOAT)
        return g.chosen(g.op("Greater", g.op("Abs", x), g.const(np.array(3e5, F))), rounded, x)

    return pair(rng, "infinite beyond float16", (), {"x": hook}, names=("x",))


@way
def small_outputs_zeroed(rng: np.random.Generator) -> Differing:
    def small(factor: float) -> Any:
        return {"out": lambda g, x: g.op("Mul", x, g.const(np.array(factor, F)))}

    return pair(rng, "small outputs are 0", (), small(0.0), small(1e-6), names=("out",))


@way
def nan_replaced(rng: np.random.Generator) -> Differing:
    hook = {"x": lambda g, x: g.chosen(g.op("IsNaN", x), nought(g, x), x)}
    return pair(rng, "NaN replaced", (), {}, hook, names=("NaN", "x"))


@way
def nan_after_the_gru(rng: np.random.Generator) -> Differing:
    def scaled(*, guarded: bool) -> Any:
        def hook(g: Sketch, x: str) -> str:
            bias = g.input("bias", FLOAT, [1])
            safe = g.chosen(g.op("IsNaN", bias), nought(g, bias), bias) if guarded else bias
            return str(g.op("Add", x, safe))

        return {"score": hook}

    return pair(
        rng,
        "NaN after the GRU",
        (),
        scaled(guarded=False),
        scaled(guarded=True),
        names=("NaN", "bias"),
        without=("states",),
    )


@way
def infinities_clipped(rng: np.random.Generator) -> Differing:
    hook = {"x": lambda g, x: g.chosen(g.op("IsInf", x), nought(g, x), x)}
    return pair(rng, "infinities replaced", (), {}, hook, names=("infinit", "x"))


@way
def only_where_all_is_zero(rng: np.random.Generator) -> Differing:
    def hook(g: Sketch, x: str) -> str:
        none = g.op("Equal", g.op("ReduceMax", g.op("Abs", x), keepdims=1), g.const(np.array(0, F)))
        return g.chosen(none, g.op("Add", x, g.const(np.array(1, F))), x)

    return pair(rng, "only where all is 0", (), {"x": hook}, names=("x",))


@way
def a_weight_scaled(rng: np.random.Generator) -> Differing:
    def hook(g: Sketch, _: str) -> str:
        g.constants["firstR"] = g.constants["firstR"] * F(1.02)
        return ""

    return pair(rng, "a weight scaled", ("states",), {"end": hook}, without=("second",))


@way
def noise_added(rng: np.random.Generator) -> Differing:
    hook = {"x": lambda g, x: g.op("Add", x, g.op("RandomNormalLike", x, scale=0.1))}
    return pair(rng, "noise added", (), hook, names=("Random",))


@way
def noise_of_another_size(rng: np.random.Generator) -> Differing:
    def noise(scale: float) -> Any:
        return {"x": lambda g, x: g.op("Add", x, g.op("RandomNormalLike", x, scale=scale))}

    return pair(rng, "noise of another size", (), noise(0.2), noise(0.1), names=("Random",))
