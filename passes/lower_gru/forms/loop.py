"""The Loop form: the Scan form's step for runtimes without Scan, and for opsets that have none that serves.

    Xz, Xr, Xh = Reshape(X Wᵀ + b, [T, B, H])
    Ht, Yk = Loop T times body(k, Ht_1):  t = k, or T - 1 - k in a reverse direction
        step(Ht_1, Gather(Xz, t), Gather(Xr, t), Gather(Xh, t))

A Loop's outputs come in the order of its steps, so in a reverse direction it outputs every t as well, and Y
is gathered by them. After no step at all a Loop's output has no rank, and onnx's ReferenceEvaluator joins steps along
the first axis instead of stacking them: so a Loop's outputs are reshaped.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.passes.lower_gru.forms import row_choices, sequence_lens_masks, step_nodes
from gru_lower.passes.lower_gru.forms.initial_state import zero_state
from gru_lower.passes.lower_gru.forms.input_projection import project_steps, projection_of
from gru_lower.passes.lower_gru.forms.prepare_inputs import prepare_inputs
from gru_lower.passes.lower_gru.forms.shape_outputs import node_outputs, valid_steps
from gru_lower.passes.lower_gru.local_names import prefix_of

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.emission.template import Template
    from gru_lower.gru.spec import Direction
    from gru_lower.passes.lower_gru.variant import Variant


@lru_cache(maxsize=256)
def template(v: Variant) -> Template:
    """Author the whole replacement of one variant."""
    e, given = prepare_inputs(v)
    length = _trip_count(e, v, given.x)
    true = e.tensor("true", values=True, elem_type=TensorProto.BOOL)
    ys: list[Value] = []
    states: list[Value] = []
    for direction, initial in zip(v.directions, given.states, strict=True):
        p = prefix_of(direction)
        steps = project_steps(e, v, direction, given, may_be_empty=True)
        if v.mask == "where" and given.mask is not None:
            steps.append(sequence_lens_masks.choices_of_steps(e, v, given.mask))
        if given.mask is not None and _zeros_inside(v):
            steps.append(row_choices.zeros_of_steps(e, v, given.mask))
        state = initial or zero_state(e, v, given.x, steps[0] if v.seq_length else None)
        last = (
            e.sub(length, e.tensor("one", 1, TensorProto.INT64), f"{p}last_t", TensorProto.INT64)
            if direction.reverse
            else None
        )
        wants_y = "Y" in v.wants
        names = [f"{p}last", *([f"{p}Y_steps"] if wants_y else []), *([f"{p}t_steps"] if wants_y and last else [])]
        results = e.with_body("Loop", [length, true, state], names, _body(e, v, direction, steps, last))
        # Inference drops the shapes of a Loop's states, as they might change from step to step.
        e.declare(results[0], [v.batch_size, v.hidden_size])
        for value, inner in zip(results[1:], ([v.batch_size, v.hidden_size], []), strict=False):
            e.declare(value, [v.seq_length, *inner], None if inner else TensorProto.INT64)
        states.append(results[0])
        if wants_y:
            ordered = _in_order_of_time(e, v, given.x, results[1:], p)
            mask = None if _zeros_inside(v) else given.mask
            ys.append(valid_steps(e, v, given.x, mask, ordered, f"{p}Y_valid", may_be_empty=True))
    y = e.stack(ys, 1, "Y_stacked") if ys else None
    return e.template(node_outputs(e, v, given.mask, y, states))


def _zeros_inside(v: Variant) -> bool:
    """Whether the body itself makes the states in Y 0 past the lengths: where that takes a Gather."""
    return bool(v.mask) and "Y" in v.wants and v.opset < sequence_lens_masks.WHERE


def _trip_count(e: Emitter, v: Variant, x: Value) -> Value:
    if v.seq_length is not None:
        return e.tensor("trip_count", v.seq_length, TensorProto.INT64)
    return e.squeeze(e.dim(x, 0, "length"), [0], "trip_count")


def _in_order_of_time(e: Emitter, v: Variant, x: Value, outputs: list[Value], p: str) -> Value:
    """Return a direction's states in the order of time, of rank 3 in any case."""
    if v.seq_length is None:
        dims = [e.dim(x, 0, "length"), e.dim(x, 1, "batch"), e.ints("width", [v.hidden_size])]
        shape = e.shared("Y_shape", lambda: e.op("Concat", dims, "Y_shape", axis=0))
        y = e.reshape(outputs[0], shape, f"{p}Y_shaped")
    else:
        y = e.reshape(outputs[0], [v.seq_length, v.batch_size or -1, v.hidden_size], f"{p}Y_shaped")
    if len(outputs) == 1:
        return y
    return e.op("Gather", [y, e.reshape(outputs[1], [-1], f"{p}t_shaped")], f"{p}Y_in_order", axis=0)


def _body(outer: Emitter, v: Variant, direction: Direction, steps: list[Value], last: Value | None) -> Emitter:
    e = v.emitter(outer)
    p = prefix_of(direction)
    k, going = e.body_input(f"{p}k", TensorProto.INT64, 0), e.body_input(f"{p}going", TensorProto.BOOL, 0)
    ht_1 = e.body_input(f"{p}Ht_1")
    t = k if last is None else e.sub(last, k, f"{p}t", TensorProto.INT64)
    now = [e.op("Gather", [value, t], f"{value.name.removesuffix('_steps')}t", axis=0) for value in steps]
    parts = len(v.parts)
    xt = projection_of(v, now[:parts])
    ht = step_nodes.emit_step(e, v, direction, xt, ht_1, now[parts] if v.mask == "where" else None)
    e.body_output(e.op("Identity", [going], f"{p}still_going"), TensorProto.BOOL, rank=0)
    e.body_output(ht)
    if "Y" in v.wants:
        if _zeros_inside(v):
            e.body_output(row_choices.state_or_zero(e, ht, now[-1], v.hidden_size, f"{p}Yt"))
        else:
            e.body_output(e.op("Identity", [ht], f"{p}Yt"))
        if last is not None:
            e.body_output(e.op("Identity", [t], f"{p}t_out"), TensorProto.INT64, rank=0)
    return e
