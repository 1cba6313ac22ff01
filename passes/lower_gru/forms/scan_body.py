"""The body of a Scan: one step of the GRU, from the state before to the state after and, for Y, a scan output.

    Ht, Yt = body(Ht_1, Xz[t], Xr[t], Xh[t])                     Yt = Identity(Ht)

onnxruntime computes garbage when a scan output is directly a body input or has the state output's name, which is
what the Identity is for. A body that carries summands (:attr:`Variant.carries_summands`) does without it:

    Ht_1 = ht_1 + update_1                                       the scan output
    ht, update = ..., Zt ∘ (Ht_1 - ht)                           the states
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.passes.lower_gru.forms import input_projection, step_nodes
from gru_lower.passes.lower_gru.forms.input_projection import projection_of
from gru_lower.passes.lower_gru.local_names import prefix_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.gru.spec import Direction
    from gru_lower.gru.step_equations import Projection
    from gru_lower.passes.lower_gru.forms.prepare_inputs import Inputs
    from gru_lower.passes.lower_gru.variant import Variant


def write_body(e: Emitter, v: Variant, direction: Direction, given: Inputs) -> None:
    """Write the body of one direction.

    Args:
        e: Where to write.
        v: The variant.
        direction: Whose weights and activations.
        given: What the recurrence starts from.

    """
    p = prefix_of(direction)

    def projection() -> Projection[Value]:
        return _project_step(e, v, direction, given) if v.projects_inside else read_projection(e, v, p)

    write_step(e, v, direction, projection, p, f"{p}Yt")


def write_step(
    e: Emitter, v: Variant, direction: Direction, projection: Callable[[], Projection[Value]], p: str, y_name: str
) -> None:
    """Write the inputs, the step and the outputs of a body.

    Args:
        e: Where to write.
        v: The variant.
        direction: Whose activations.
        projection: Gives the projection of the step.
        p: What stands before local names, those of the recurrent weights included.
        y_name: What to call the scan output where it is a copy of the state.

    """
    if v.carries_summands:
        summands = [e.body_input(f"{p}ht_1"), e.body_input(f"{p}update_1")]
        xt = projection()
        ht_1 = e.op("Add", summands, f"{p}Ht_1")
        for value in (*step_nodes.emit_summands(e, v, direction, xt, ht_1, p), ht_1):
            e.body_output(value)
        return
    ht_1 = e.body_input(f"{p}Ht_1")
    xt = projection()
    mask = e.body_input(f"{p}mask_t", TensorProto.BOOL) if v.mask == "where" else None
    output_state(e, v, step_nodes.emit_step(e, v, direction, xt, ht_1, mask, p), y_name)


def output_state(e: Emitter, v: Variant, ht: Value, y_name: str) -> None:
    """Output a body's new state and, where Y is asked for, a copy of it."""
    e.body_output(ht)
    if "Y" in v.wants:
        e.body_output(e.op("Identity", [ht], y_name))


def read_projection(e: Emitter, v: Variant, p: str) -> Projection[Value]:
    """Return the projection of a body's step as inputs of the body."""
    return projection_of(v, [e.body_input(f"{p}X{part}t") for part in v.parts])


def _project_step(e: Emitter, v: Variant, direction: Direction, given: Inputs) -> Projection[Value]:
    """Return the projection of a body's step, computed there of X[t]."""
    return input_projection.project(e, v, direction, replace(given, rows=e.body_input(f"{prefix_of(direction)}Xt")))
