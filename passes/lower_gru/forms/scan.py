"""The Scan form: the projection of all steps outside, one step in the body, weights in the body.

    Xz, Xr, Xh = Reshape(X Wᵀ + b, [T, B, H])                    one Gemm per gate, over all steps
    Ht, Yt = Scan body(Ht_1, Xz[t], Xr[t], Xh[t])                see :mod:`gru_lower.passes.lower_gru.forms.scan_body`

Where so much comes together that Xz, Xr and Xh go through memory, a step reads X[t] and computes its own
(``packing=inside``). Where a step's products are what counts (costs.json), a first step from zeros is done outside,
since it has none. A reverse direction is the same body with scan_input_directions and scan_output_directions of 1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.passes.lower_gru.forms import scan_node, sequence_lens_masks, step_nodes
from gru_lower.passes.lower_gru.forms.initial_state import zero_state
from gru_lower.passes.lower_gru.forms.input_projection import project_steps, projection_of
from gru_lower.passes.lower_gru.forms.prepare_inputs import prepare_inputs
from gru_lower.passes.lower_gru.forms.scan_body import write_body
from gru_lower.passes.lower_gru.forms.shape_outputs import node_outputs
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
    ys: list[Value] = []
    states: list[Value] = []
    for direction, initial in zip(v.directions, given.states, strict=True):
        p = prefix_of(direction)
        steps = [given.x] if v.projects_inside else project_steps(e, v, direction, given)
        if v.mask == "where" and given.mask is not None:
            steps.append(sequence_lens_masks.mask_steps(e, given.mask))
        start = initial
        if v.peeled:
            start, steps = _peel(e, v, direction, steps)
        zero = zero_state(e, v, given.x) if start is None or v.carries_summands else None
        state = [start or zero, zero] if v.carries_summands else [start or zero]
        body = v.emitter(e)
        write_body(body, v, direction, given)
        outputs = scan_node.write_scan(e, v, body, state, steps, p, x=given.x, reverse=direction.reverse)
        last, y = scan_node.last_state_and_y(e, v, outputs, p, x=given.x, reverse=direction.reverse, mask=given.mask)
        states.append(last)
        ys += [] if y is None else [y]
    y = e.stack(ys, 1, "Y_stacked") if ys else None
    return e.template(node_outputs(e, v, given.mask, y, states))


def _peel(e: Emitter, v: Variant, direction: Direction, steps: list[Value]) -> tuple[Value, list[Value]]:
    """Return the state after the first step, which starts from zeros, and the projections of the others."""
    p = prefix_of(direction)
    first, start, end = (-1, 0, -1) if direction.reverse else (0, 1, scan_node.END)
    index = e.tensor("first", first, TensorProto.INT64)
    named = list(zip(v.parts, steps, strict=True))
    xt = [e.op("Gather", [value, index], f"{p}X{part}_first", axis=0) for part, value in named]
    rest = [e.slice(value, start, end, 0, f"{p}X{part}_rest") for part, value in named]
    return step_nodes.emit_step(e, v, direction, projection_of(v, xt), None, None), rest
