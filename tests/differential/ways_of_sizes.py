"""Ways that depend on sizes: steps, batches, lengths, and where tables end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from differential.sketch import ROWS, F, Sketch
from differential.way import INT32, pair, way

if TYPE_CHECKING:
    from differential.way import Differing


def beyond(axis: int, bound: int, op: str, change: Any = None) -> Any:
    """Return a hook that changes a value where the size of an axis compares with a bound."""

    def hook(g: Sketch, x: str) -> str:
        condition = g.op(op, g.size(x, axis), g.const(np.array([bound])))
        changed = change(g, x) if change else g.op("Mul", x, g.const(np.array(0.5, F)))
        return g.chosen(condition, changed, x)

    return hook


def cut(axis: int, bound: int) -> Any:
    def hook(g: Sketch, x: str) -> str:
        return str(g.op("Slice", x, g.const(np.array([0])), g.const(np.array([bound])), g.const(np.array([axis]))))

    return hook


@way
def only_beyond_some_steps(rng: np.random.Generator) -> Differing:
    bound = int(rng.choice([9, 17, 33, 50, 64, 99, 128]))
    return pair(rng, "only beyond some steps", (), {"x": beyond(0, bound, "Greater")}, names=(str(bound),))


@way
def only_at_one_number_of_steps(rng: np.random.Generator) -> Differing:
    bound = int(rng.choice([8, 16, 30, 50]))
    return pair(rng, "only at one T", (), {"x": beyond(0, bound, "Equal")}, names=(str(bound),))


@way
def only_at_one_step(rng: np.random.Generator) -> Differing:
    return pair(rng, "only at T = 1", (), {"x": beyond(0, 2, "Less")})


@way
def steps_cut_off(rng: np.random.Generator) -> Differing:
    bound = int(rng.choice([10, 16, 40, 50, 100]))
    return pair(rng, "steps cut off", ("states",), {"x": cut(0, bound)}, names=(str(bound),), without=("lens",))


@way
def only_in_wide_batches(rng: np.random.Generator) -> Differing:
    bound = int(rng.choice([8, 16, 32, 50, 64]))
    return pair(rng, "only in wide batches", (), {"x": beyond(1, bound, "GreaterOrEqual")}, names=(str(bound),))


@way
def outputs_cut_to_a_batch(rng: np.random.Generator) -> Differing:
    bound = int(rng.choice([8, 16, 32]))
    return pair(rng, "outputs cut to a batch", ("states",), {"out": cut(2, bound)}, names=(str(bound),))


@way
def positions_end(rng: np.random.Generator) -> Differing:
    rows = int(rng.choice([20, 40, 64]))
    values = rng.standard_normal((rows, 1, 1)).astype(F)
    far = values.copy()
    far[-1] += 1

    def hook(table: Any) -> Any:
        def added(g: Sketch, x: str) -> str:
            steps = g.op("Squeeze", g.size(x, 0))
            places = g.op("Range", g.const(np.array(0)), steps, g.const(np.array(1)))
            wrapped = g.op("Min", places, g.const(np.array(rows - 1)))
            return str(g.op("Add", x, g.op("Gather", g.const(table), wrapped)))

        return added

    return pair(
        rng, "the last position differs", ("states",), {"x": hook(far)}, {"x": hook(values)}, names=(str(rows),)
    )


@way
def lengths_bounded(rng: np.random.Generator) -> Differing:
    bound = int(rng.choice([8, 20, 60]))
    hook = {"lens": lambda g, x: g.op("Min", x, g.const(np.array(bound, np.int32)))}
    return pair(rng, "lengths bounded", ("lens", "states"), hook, names=("lens", str(bound)))


@way
def lengths_through_8_bits(rng: np.random.Generator) -> Differing:
    kind = int(rng.choice([TensorProto.INT8, TensorProto.UINT8]))
    hook = {
        "lens": lambda g, x: g.op(
            "Clip", g.op("Cast", g.op("Cast", x, to=kind), to=INT32), g.const(np.array(0, np.int32))
        )
    }
    return pair(rng, "lengths through 8 bits", ("lens",), hook, names=("lens",))


@way
def lengths_ignored(rng: np.random.Generator) -> Differing:
    def hook(g: Sketch, x: str) -> str:
        steps = g.op("Cast", g.size(g.inputs[0].name, 0), to=INT32)
        return str(g.op("Max", x, steps))

    return pair(rng, "lengths ignored", ("lens", "states"), {"lens": hook}, names=("lens",))


@way
def empty_sequences_alone(rng: np.random.Generator) -> Differing:
    hook = {"lens": lambda g, x: g.op("Max", x, g.const(np.array(1, np.int32)))}
    return pair(rng, "sequences of length 0", ("lens", "states"), hook, names=("lens",))


@way
def only_where_nothing_comes(rng: np.random.Generator) -> Differing:
    def hook(g: Sketch, x: str) -> str:
        empty = g.op("Equal", g.size(g.inputs[0].name, 0), g.const(np.array([0])))
        return g.chosen(empty, g.op("Add", x, g.const(np.array(1, F))), x)

    return pair(
        rng, "only at T = 0", (), {"state": hook}, without=("states", "lens"), names=("T = 0", "time = 0", "x:0")
    )


@way
def last_row_of_a_table(rng: np.random.Generator) -> Differing:
    def hook(g: Sketch, _: str) -> str:
        table = g.constants["table"].copy()
        table[ROWS - 1] += 0.7
        g.constants["table"] = table
        return ""

    return pair(rng, "the last row of a table", ("ids",), {"end": hook}, names=("ids",))


@way
def one_row_of_a_table(rng: np.random.Generator) -> Differing:
    row = int(rng.integers(4, ROWS))

    def hook(g: Sketch, _: str) -> str:
        table = g.constants["table"].copy()
        table[row] *= -1
        g.constants["table"] = table
        return ""

    return pair(rng, "one row of a table", ("ids",), {"end": hook}, names=("ids",))


@way
def one_id_replaced(rng: np.random.Generator) -> Differing:
    which = int(rng.integers(5, ROWS))
    hook = {"ids": lambda g, x: g.chosen(g.op("Equal", x, g.const(np.array(which))), g.const(np.array(0)), x)}
    return pair(rng, "one id replaced", ("ids",), hook, names=("ids", str(which)))


@way
def ids_bounded(rng: np.random.Generator) -> Differing:
    hook = {"ids": lambda g, x: g.op("Min", x, g.const(np.array(ROWS - 3)))}
    return pair(rng, "ids bounded", ("ids",), hook, names=("ids",))
