"""Where time and sequences stand among the axes of an unrolled GRU: how X is cut into steps, and states are joined.

    state_rank 2                             [T·B, H] cut into rows [B, H], joined to [T·B, H]
    state_rank 2, batch_major                [B, T·H] cut into columns [B, H], joined to [B, T·H]
    state_rank 3                             [T, B, H] cut into [1, B, H], joined along the first axis
    state_rank 3, batch_major                [B, T, H] cut into [B, 1, H], joined along the second axis

X of a batch-first layer, or of a node with layout 1, is batch-major: no Transpose, whatever T and B are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.emission.emitter import AXES_INPUT
from gru_lower.passes.lower_gru.local_names import prefix_of

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.passes.lower_gru.variant import Variant

TWO = 2


def x_in_order(e: Emitter, v: Variant) -> Value:
    """Return X with time first, or with sequences first where the variant is batch-major."""
    x = e.value("X")
    if v.layout == v.batch_major:
        return x
    return e.transpose(x, [1, 0, 2], "X_batch_major" if v.batch_major else "X_time_major")


def initial_in_order(e: Emitter, v: Variant, name: str, piece: Value) -> Value:
    """Return the state of one direction of initial_h, [1, B, H] or with layout 1 [B, 1, H], as the steps have it."""
    if v.state_rank == TWO:
        return e.squeeze(piece, [1 if v.layout else 0], f"{name}_state")
    return piece if v.layout == v.batch_major else e.transpose(piece, [1, 0, 2], f"{name}_state")


def cut_steps(e: Emitter, v: Variant, x: Value, rows: Value, width: int | None, names: list[str]) -> list[Value]:
    """Cut a projection into T steps.

    Where B is known when the model runs only, a target gets Gathers: few take a Split whose lengths are computed, and
    some read one without lengths as two halves.

    Args:
        e: Where to write.
        v: The variant.
        x: X with time first.
        rows: What to cut: [T·B, width], or [T·B] without a width; batch-major [B·T, width]; with rank 3 [T, B, width].
        width: How wide it is.
        names: What to call the steps.

    """
    time = int(v.batch_major)
    if v.state_rank != TWO and (len(names) == 1 or not v.gathers):
        return e.split(rows, 1, names, axis=time)
    if len(names) == 1:
        return [rows]
    if v.gathers or (v.batch_size is None and not v.batch_major and _without_split(e, v)):
        return _gathered(e, v, rows, width, names)
    if v.batch_major:
        columns = e.reshape(rows, [v.batch_size or -1, len(names) * (width or 1)], f"{rows.name}_columns")
        return e.split(columns, width, names, axis=1)
    if v.batch_size is not None:
        return e.split(rows, v.batch_size, names)
    return e.split(rows, e.dim(x, 1, "batch") if e.opset >= AXES_INPUT else None, names)


def _without_split(e: Emitter, v: Variant) -> bool:
    return not e.vocabulary.has("Split") or (v.plain and e.opset >= AXES_INPUT)


def _gathered(e: Emitter, v: Variant, rows: Value, width: int | None, names: list[str]) -> list[Value]:
    time, steps = int(v.batch_major), rows
    if v.state_rank == TWO:
        sizes = [v.batch_size or -1, len(names)] if v.batch_major else [len(names), v.batch_size or -1]
        steps = e.reshape(rows, sizes + ([] if width is None else [width]), f"{rows.name}_steps")
    kind = TensorProto.INT32 if v.gathers else TensorProto.INT64
    return [
        e.op("Gather", [steps, e.tensor("step", t if v.state_rank == TWO else [t], kind)], name, axis=time)
        for t, name in enumerate(names)
    ]


def join_states(e: Emitter, v: Variant, states: list[list[Value]]) -> Value:
    """Return Y, [T, D, B, H] or with layout 1 [B, T, D, H], of the states of all steps.

    Args:
        e: Where to write.
        v: The variant.
        states: By direction, in the order of time.

    """
    length, count, width = len(states[0]), len(states), v.hidden_size
    if v.state_rank == TWO:
        every = [states[d][t] for t in range(length) for d in range(count)]
        joined = e.concat(every, int(v.batch_major), "H_all")
        sizes = [v.batch_size or -1, length, count] if v.batch_major else [length, count, v.batch_size or -1]
        y = e.reshape(joined, [*sizes, width], "Y_all")
    else:
        prefixes = [prefix_of(direction) for direction in v.directions]
        each = [e.concat(one, int(v.batch_major), f"{p}H_all") for p, one in zip(prefixes, states, strict=True)]
        y = e.stack(each, 1 + v.batch_major, "Y_all")
    if v.layout == v.batch_major:
        return y
    return e.transpose(y, *(([1, 2, 0, 3], "Y_time_major") if v.batch_major else ([2, 0, 1, 3], "Y_batch_major")))


def join_last(e: Emitter, v: Variant, last: list[Value]) -> Value:
    """Return Y_h, [D, B, H] or with layout 1 [B, D, H], of the last states by direction."""
    axis = 1 if v.layout else 0
    if v.state_rank == TWO:
        return e.stack(last, axis, "Yh")
    moved = last if v.layout == v.batch_major else [e.transpose(one, [1, 0, 2], f"{one.name}_in_order") for one in last]
    return e.op("Identity", moved, "Yh") if len(moved) == 1 else e.concat(moved, axis, "Yh")
