"""The Scan form: the projection of all steps outside, one step in the body, weights in the body.

    Xz, Xr, Xh = Reshape(X Wᵀ + b, [T, B, H])                    one Gemm per gate, over all steps
    Ht, Yt = Scan body(Ht_1, Xz[t], Xr[t], Xh[t])                Yt = Identity(Ht)

A reverse direction is the same body with scan_input_directions and scan_output_directions of 1.
onnxruntime computes garbage when a scan output is directly a body input or has the state output's
name, which is what the Identity is for.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.gru.cell import Projection
from gru_lower.gru.spec import GATES, Direction
from gru_lower.passes.lower import parts
from gru_lower.passes.lower.emit import Emitter, Value

if TYPE_CHECKING:
    from gru_lower.passes.lower.template import Template
    from gru_lower.passes.lower.variant import Variant


@lru_cache(maxsize=256)
def template(v: Variant) -> Template:
    """Author the whole replacement of one variant."""
    e = Emitter(v.opset, v.elem_type)
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
        body = _body(e, v, direction)
        names = [f"{p}last"] + ([f"{p}Y_steps"] if "Y" in v.wants else [])
        reverse = int(direction.reverse)
        attributes = {"scan_input_directions": [1] * len(steps)} if reverse else {}
        if reverse and "Y" in v.wants:
            attributes["scan_output_directions"] = [1]
        state = initial or parts.zero_state(e, v, given.x)
        results = e.with_body("Scan", [state, *steps], names, body, num_scan_inputs=len(steps), **attributes)
        states.append(results[0])
        ys += results[1:]
    y = e.stack(ys, 1, "Y_stacked") if ys else None
    return e.template(parts.finish(e, v, given.mask, y, states))


def _body(outer: Emitter, v: Variant, direction: Direction) -> Emitter:
    e = Emitter(v.opset, v.elem_type, outer)
    p = parts.prefix_of(direction)
    ht_1 = e.formal(f"{p}Ht_1")
    xt = Projection(*(e.formal(f"{p}X{gate}t") for gate in GATES))
    mask = e.formal(f"{p}mask_t", TensorProto.BOOL) if v.mask == "where" else None
    ht = parts.emit_step(e, v, direction, xt, ht_1, mask)
    e.result(ht)
    if "Y" in v.wants:
        e.result(e.op("Identity", [ht], f"{p}Yt"))
    return e
