"""The Scan form: the projection of all steps outside, one step in the body, weights in the body.

    Xz, Xr, Xh = Reshape(X Wᵀ + b, [T, B, H])                    one Gemm per gate, over all steps
    Ht, Yt = Scan body(Ht_1, Xz[t], Xr[t], Xh[t])                Yt = Identity(Ht)

onnxruntime computes garbage when a scan output is directly a body input or has the state output's name, which is
what the Identity is for. Unless there is a Where in it the body does without it and hands on the state's two summands:

    Ht_1 = ht_1 + update_1                                       the scan output
    ht, update = ..., Zt ∘ (Ht_1 - ht)                           the states
    Y = Concat(scan output without its first, ht_T + update_T)

Where so much comes together that Xz, Xr and Xh go through memory, a step reads X[t] and computes its own (``inside``).
Where a step's products are what counts (costs.toml), a first step from zeros is done outside, since it has none.
A reverse direction is the same body with scan_input_directions and scan_output_directions of 1.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from gru_lower.emission.emitter import Emitter, Value
from gru_lower.gru.spec import GATES, Direction
from gru_lower.gru.step_equations import Projection
from gru_lower.passes.lower_gru.forms import around_the_steps, scan_preallocated, sequence_masks, step_nodes

if TYPE_CHECKING:
    from gru_lower.emission.template import Template
    from gru_lower.passes.lower_gru.variant import Variant


@lru_cache(maxsize=256)
def template(v: Variant) -> Template:
    """Author the whole replacement of one variant."""
    e = Emitter(v.opset, v.elem_type, v.vocabulary)
    around_the_steps.dynamic_weights(e, v)
    given = around_the_steps.inputs(e, v)
    ys: list[Value] = []
    states: list[Value] = []
    for direction, initial in zip(v.directions, given.states, strict=True):
        p = around_the_steps.prefix_of(direction)
        steps = [given.x] if v.inside else _project(e, v, direction, given)
        if v.mask == "where" and given.mask is not None:
            steps.append(sequence_masks.steps_of(e, given.mask))
        start = initial
        if v.peeled:
            start, steps = _peel(e, v, direction, steps)
        zero = around_the_steps.zero_state(e, v, given.x) if start is None or carries_summands(v) else None
        state = [start or zero, zero] if carries_summands(v) else [start or zero]
        body = Emitter(v.opset, v.elem_type, v.vocabulary, e)
        _write_body(body, v, direction, given)
        outputs = run(e, v, body, state, steps, p, x=given.x, reverse=direction.reverse)
        last, y = finish(e, v, outputs, p, reverse=direction.reverse, mask=given.mask)
        states.append(last)
        ys += [] if y is None else [y]
    y = e.stack(ys, 1, "Y_stacked") if ys else None
    return e.template(around_the_steps.finish(e, v, given.mask, y, states))


def _project(e: Emitter, v: Variant, direction: Direction, given: around_the_steps.Inputs) -> list[Value]:
    """Return the projections of all steps, [T, B, H] each."""
    rows = around_the_steps.project(e, v, direction, given)
    return [
        around_the_steps.as_steps(e, v, given.x, value, f"{value.name}_steps") for value in (rows.z, rows.r, rows.h)
    ]


def _peel(e: Emitter, v: Variant, direction: Direction, steps: list[Value]) -> tuple[Value, list[Value]]:
    """Return the state after the first step, which starts from zeros, and the projections of the others."""
    p = around_the_steps.prefix_of(direction)
    first, start, end = (-1, 0, -1) if direction.reverse else (0, 1, 2**31 - 1)
    index = e.tensor("first", first, TensorProto.INT64)
    xt = [e.op("Gather", [value, index], f"{p}X{gate}_first", axis=0) for gate, value in zip(GATES, steps, strict=True)]
    rest = [e.slice(value, start, end, 0, f"{p}X{gate}_rest") for gate, value in zip(GATES, steps, strict=True)]
    return step_nodes.emit_step(e, v, direction, Projection(*xt), None, None), rest


def carries_summands(v: Variant) -> bool:
    """Whether a body hands on ``ht`` and ``Zt ∘ (Ht_1 - ht)`` instead of their sum.

    The next step adds them first thing, so the state is no output of the body, and the sum can be one: no Identity.
    A Where in the body has to choose between two states. Runtimes there are, tract for one, that refuse a scan output
    with another use in the body; ``packing=plain`` is for those.
    """
    return not v.plain and v.mask != "where" and "Y" in v.wants


def run(
    e: Emitter,
    v: Variant,
    body: Emitter,
    state: list[Value | None],
    steps: list[Value],
    p: str,
    *,
    x: Value,
    reverse: bool = False,
    width: int = 0,
) -> list[Value]:
    """Append the Scan.

    Whatever else the body computes is a state as well where the variant says so, see
    :mod:`gru_lower.passes.lower_gru.forms.scan_preallocated`.

    Args:
        e: Where to.
        v: The variant.
        body: Its body: state inputs and scan inputs to state outputs and, where Y is asked for, one scan output.
        state: The initial states.
        steps: The scan inputs, [T, ...] each.
        p: What stands before local names.
        x: X with time first.
        reverse: Whether time runs backwards.
        width: How wide the state is, H if no width is given.

    Returns:
        The last states and, where Y is asked for, the scan output, [T, B, width].

    """
    attributes = {"scan_input_directions": [1] * len(steps)} if reverse else {}
    if reverse and "Y" in v.wants:
        attributes["scan_output_directions"] = [1]
    if carries_summands(v):
        names = [f"{p}last_ht", f"{p}last_update", f"{p}Y_before"]
    else:
        names = [f"{p}last"] + ([f"{p}Y_steps"] if "Y" in v.wants else [])
    states = len(names) - ("Y" in v.wants)
    idle = scan_preallocated.values(body) if v.holds else []
    if idle:
        zero = around_the_steps.zero_state(e, v, x, width=width)
        body.hand_on(states, idle)
        state = [*state, *([zero] * len(idle))]
        names[states:states] = [f"{p}last_{value.name}" for value in idle]
    outputs = e.with_body("Scan", [*state, *steps], names, body, num_scan_inputs=len(steps), **attributes)
    return outputs[:states] + outputs[states + len(idle) :]


def finish(
    e: Emitter,
    v: Variant,
    outputs: list[Value],
    p: str,
    *,
    reverse: bool = False,
    mask: sequence_masks.Mask | None = None,
    width: int = 0,
) -> tuple[Value, Value | None]:
    """Return the last state and, where Y is asked for, the states of all steps, of what :func:`run` gave.

    Args:
        e: Where to.
        v: The variant.
        outputs: The Scan's.
        p: What stands before local names.
        reverse: Whether time ran backwards.
        mask: Which steps to leave in Y; the others become zeros.
        width: How wide the state is, H if no width is given.

    """
    if not carries_summands(v):
        last, *y = outputs
        return last, around_the_steps.valid_steps(e, v, mask, y[0], f"{p}Y_valid") if y else None
    ht, update, before = outputs
    last = e.op("Add", [ht, update], f"{p}last")
    return last, join(e, v, before, last, p, reverse=reverse, mask=mask, width=width)


def join(
    e: Emitter,
    v: Variant,
    before: Value,
    last: Value,
    p: str,
    *,
    reverse: bool = False,
    mask: sequence_masks.Mask | None = None,
    width: int = 0,
) -> Value:
    """Return the states after all steps from those before and the last one; for :func:`finish`'s arguments."""
    width = width or v.hidden_size
    if mask is not None and sequence_masks.by_index(e) and not reverse:
        rows = e.reshape(before, [-1, width], f"{p}Y_before_rows")
        batch = e.dim(before, 1, f"{p}batch") if v.batch_size is None else e.ints("batch", [v.batch_size])
        rows = sequence_masks.fill(e, v, mask, [rows, last], np.zeros(width), f"{p}Y_rows", batch)
        return around_the_steps.like_steps(e, v, rows, before, width, f"{p}Y_valid")
    start, end = (0, -1) if reverse else (1, 2**31 - 1)
    rest = before if v.peeled else e.slice(before, start, end, 0, f"{p}Y_rest")
    if mask is not None and sequence_masks.by_index(e):
        rows = e.reshape(rest, [-1, width], f"{p}Y_rest_rows")
        rows = sequence_masks.fill(e, v, mask, [last, rows], np.zeros(width), f"{p}Y_rows")
        return around_the_steps.like_steps(e, v, rows, before, width, f"{p}Y_valid")
    final = e.unsqueeze(last, [0], f"{p}Y_final")
    y_steps = e.op("Concat", [final, rest] if reverse else [rest, final], f"{p}Y_steps", axis=0)
    return around_the_steps.valid_steps(e, v, mask, y_steps, f"{p}Y_valid")


def _write_body(e: Emitter, v: Variant, direction: Direction, given: around_the_steps.Inputs) -> None:
    p = around_the_steps.prefix_of(direction)
    if carries_summands(v):
        summands = [e.formal(f"{p}ht_1"), e.formal(f"{p}update_1")]
        xt = _projection(e, v, direction, given)
        ht_1 = e.op("Add", summands, f"{p}Ht_1")
        for value in step_nodes.emit_summands(e, v, direction, xt, ht_1, p):
            e.result(value)
        e.result(ht_1)
        return
    ht_1 = e.formal(f"{p}Ht_1")
    xt = _projection(e, v, direction, given)
    mask = e.formal(f"{p}mask_t", TensorProto.BOOL) if v.mask == "where" else None
    ht = step_nodes.emit_step(e, v, direction, xt, ht_1, mask)
    e.result(ht)
    if "Y" in v.wants:
        e.result(e.op("Identity", [ht], f"{p}Yt"))


def _projection(e: Emitter, v: Variant, direction: Direction, given: around_the_steps.Inputs) -> Projection[Value]:
    """Return a body's projection of its step: given to it, or computed there."""
    p = around_the_steps.prefix_of(direction)
    if v.inside:
        return around_the_steps.project(e, v, direction, replace(given, rows=e.formal(f"{p}Xt")))
    return Projection(*(e.formal(f"{p}X{gate}t") for gate in GATES))
