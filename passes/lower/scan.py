"""The Scan form: the projection of all steps outside, one step in the body, weights in the body.

    Xz, Xr, Xh = Reshape(X Wᵀ + b, [T, B, H])                    one Gemm per gate, over all steps
    Ht, Yt = Scan body(Ht_1, Xz[t], Xr[t], Xh[t])                Yt = Identity(Ht)

onnxruntime computes garbage when a scan output is directly a body input or has the state output's name, which is
what the Identity is for. Without sequence_lens the body does without it and hands on the state's two summands:

    Ht_1 = ht_1 + update_1                                       the scan output
    ht, update = ..., Zt ∘ (Ht_1 - ht)                           the states
    Y = Concat(scan output without its first, ht_T + update_T)

A reverse direction is the same body with scan_input_directions and scan_output_directions of 1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.gru.cell import Projection
from gru_lower.gru.spec import GATES, Direction
from gru_lower.passes.lower import parts, step_nodes
from gru_lower.passes.lower.emit import Emitter, Value

if TYPE_CHECKING:
    from gru_lower.passes.lower.template import Template
    from gru_lower.passes.lower.variant import Variant


@lru_cache(maxsize=256)
def template(v: Variant) -> Template:
    """Author the whole replacement of one variant."""
    e = Emitter(v.opset, v.elem_type, v.vocabulary)
    parts.dynamic_weights(e, v)
    given = parts.inputs(e, v)
    ys: list[Value] = []
    states: list[Value] = []
    for direction, initial in zip(v.directions, given.states, strict=True):
        rows = parts.project(e, v, direction, given)
        p = parts.prefix_of(direction)
        steps = [parts.as_steps(e, v, given.x, value, f"{value.name}_steps") for value in (rows.z, rows.r, rows.h)]
        if v.mask == "where" and given.mask is not None:
            steps.append(given.mask.steps)
        zero = parts.zero_state(e, v, given.x) if initial is None or carries_summands(v) else None
        state = [initial or zero, zero] if carries_summands(v) else [initial or zero]
        body = Emitter(v.opset, v.elem_type, v.vocabulary, e)
        _write_body(body, v, direction)
        last, y = run(e, v, body, state, steps, p, reverse=direction.reverse)
        states.append(last)
        ys += [] if y is None else [y]
    y = e.stack(ys, 1, "Y_stacked") if ys else None
    return e.template(parts.finish(e, v, given.mask, y, states))


def carries_summands(v: Variant) -> bool:
    """Whether a body hands on ``ht`` and ``Zt ∘ (Ht_1 - ht)`` instead of their sum.

    The next step adds them first thing, so the state is no output of the body, and the sum can be one: no Identity.
    With a mask the state itself has to be handed on, to the bit; and some runtimes other than onnxruntime tell the
    shapes of no other body.
    """
    return not v.hands_on_state and not v.mask and "Y" in v.wants


def run(
    e: Emitter, v: Variant, body: Emitter, state: list[Value | None], steps: list[Value], p: str, *, reverse: bool
) -> tuple[Value, Value | None]:
    """Append the Scan.

    Args:
        e: Where to.
        v: The variant.
        body: Its body: state inputs and scan inputs to state outputs and, where Y is asked for, one scan output.
        state: The initial states.
        steps: The scan inputs, [T, ...] each.
        p: What stands before local names.
        reverse: Whether time runs backwards.

    Returns:
        The last state and, where Y is asked for, the states of all steps, [T, B, width].

    """
    wants_y = "Y" in v.wants
    attributes = {"scan_input_directions": [1] * len(steps)} if reverse else {}
    if reverse and wants_y:
        attributes["scan_output_directions"] = [1]
    if not carries_summands(v):
        names = [f"{p}last"] + ([f"{p}Y_steps"] if wants_y else [])
        last, *y = e.with_body("Scan", [*state, *steps], names, body, num_scan_inputs=len(steps), **attributes)
        return last, y[0] if y else None
    names = [f"{p}last_ht", f"{p}last_update", f"{p}Y_before"]
    ht, update, before = e.with_body("Scan", [*state, *steps], names, body, num_scan_inputs=len(steps), **attributes)
    last = e.op("Add", [ht, update], f"{p}last")
    final = e.unsqueeze(last, [0], f"{p}Y_final")
    if reverse:
        return last, e.op("Concat", [final, e.slice(before, 0, -1, 0, f"{p}Y_head")], f"{p}Y_steps", axis=0)
    return last, e.op("Concat", [e.slice(before, 1, 2**31 - 1, 0, f"{p}Y_tail"), final], f"{p}Y_steps", axis=0)


def _write_body(e: Emitter, v: Variant, direction: Direction) -> None:
    p = parts.prefix_of(direction)
    if carries_summands(v):
        summands = [e.formal(f"{p}ht_1"), e.formal(f"{p}update_1")]
        xt = Projection(*(e.formal(f"{p}X{gate}t") for gate in GATES))
        ht_1 = e.op("Add", summands, f"{p}Ht_1")
        for value in step_nodes.emit_summands(e, v, direction, xt, ht_1, p):
            e.result(value)
        e.result(ht_1)
        return
    ht_1 = e.formal(f"{p}Ht_1")
    xt = Projection(*(e.formal(f"{p}X{gate}t") for gate in GATES))
    mask = e.formal(f"{p}mask_t", TensorProto.BOOL) if v.mask == "where" else None
    ht = step_nodes.emit_step(e, v, direction, xt, ht_1, mask)
    e.result(ht)
    if "Y" in v.wants:
        e.result(e.op("Identity", [ht], f"{p}Yt"))
