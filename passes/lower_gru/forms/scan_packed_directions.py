"""What the packed Scan forms share: both directions in one Scan, which reads X backwards for the reverse one.

The states of both directions stand side by side, [h_f | h_b], and both go the same way; afterwards they are cut apart,
and the reverse one's steps are put back in the order of time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.gru.spec import GATES
from gru_lower.gru.step_equations import Projection
from gru_lower.passes.lower_gru.forms import input_projection, scan_node
from gru_lower.passes.lower_gru.forms.initial_state import zero_state
from gru_lower.passes.lower_gru.forms.prepare_inputs import Inputs, as_rows
from gru_lower.passes.lower_gru.forms.shape_outputs import node_outputs, valid_steps
from gru_lower.passes.lower_gru.local_names import prefix_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.passes.lower_gru.forms.mask import Mask
    from gru_lower.passes.lower_gru.variant import Variant

PREFIX = "packed_"
"""What the local names of packed values and weights begin with."""


def reversed_inputs(e: Emitter, v: Variant, given: Inputs) -> Inputs:
    """Return the inputs with time running backwards."""
    x = reverse_time(e, given.x, "X_backwards")
    rows = as_rows(e, v, x, "X_backwards_rows")
    mask = given.mask
    if mask is not None:
        mask = replace(mask, valid=reverse_time(e, mask.valid, "mask_backwards"))
    return replace(given, x=x, rows=rows, mask=mask)


def project_directions(e: Emitter, v: Variant, given: Inputs) -> Projection[list[Value]]:
    """Return the projections of all steps, [T·B, H] for each gate and direction, in the order of the Scan's steps."""
    rows = [
        input_projection.project(e, v, d, reversed_inputs(e, v, given) if d.reverse else given) for d in v.directions
    ]
    return Projection(*([getattr(row, gate) for row in rows] for gate in GATES))


def scan_lanes(
    e: Emitter,
    v: Variant,
    given: Inputs,
    lanes: dict[str, list[Value]],
    write_body: Callable[[Emitter, Variant], None],
    copies: int = 1,
) -> tuple[Value, Value | None]:
    """Write a Scan over projections that are joined side by side.

    Args:
        e: Where to write.
        v: The variant.
        given: The prepared inputs.
        lanes: The scan inputs by name: the projections [T·B, H] to join for each.
        write_body: Writes the body.
        copies: How often the state stands in the body's state.

    Returns:
        The last state [B, copies·D·H] and, where Y is asked for, the states after all steps [T, B, copies·D·H].

    """
    width = copies * len(v.directions) * v.hidden_size
    steps = []
    for name, parts in lanes.items():
        joined = concat(e, parts, 1, f"{PREFIX}{name}")
        steps.append(input_projection.as_steps(e, v, given.x, joined, f"{PREFIX}{name}_steps", width))
    state: list[Value | None] = [zero_state(e, v, given.x, width=width)]
    if "initial_h" in v.has:
        state = [concat(e, given.states * copies, 1, f"{PREFIX}initial")]
    if v.carries_summands:
        state.append(zero_state(e, v, given.x, width=width))
    body = v.emitter(e)
    write_body(body, v)
    outputs = scan_node.write_scan(e, v, body, state, steps, PREFIX, x=given.x, width=width)
    return scan_node.last_state_and_y(e, v, outputs, PREFIX, x=given.x, mask=common_mask(v, given), width=width)


def common_mask(v: Variant, given: Inputs) -> Mask | None:
    """Return the mask of Y in the order of a packed Scan's steps, if one is valid for all of it."""
    return given.mask if len(v.directions) == 1 and not v.directions[0].reverse else None


def split_directions(e: Emitter, v: Variant, given: Inputs, last: Value, y: Value | None) -> dict[str, Value]:
    """Return the node's outputs.

    Args:
        e: Where to write.
        v: The variant.
        given: The prepared inputs.
        last: The last states of all directions, [B, D·H].
        y: The states after all steps in the order of the steps, [T, B, D·H], if Y is asked for.

    """
    prefixes = [prefix_of(d) for d in v.directions]
    ends = e.split(last, v.hidden_size, [f"{p}last" for p in prefixes], axis=1)
    if y is None:
        return node_outputs(e, v, given.mask, None, ends)
    each = e.split(y, v.hidden_size, [f"{p}Y_steps" for p in prefixes], axis=2)
    each = [
        reverse_time(e, x, f"{x.name}_flipped") if d.reverse else x for x, d in zip(each, v.directions, strict=True)
    ]
    if common_mask(v, given) is None:
        each = [valid_steps(e, v, given.x, given.mask, x, f"{p}Y_valid") for x, p in zip(each, prefixes, strict=True)]
    return node_outputs(e, v, given.mask, e.stack(each, 1, "Y_stacked"), ends)


def concat(e: Emitter, values: list[Value], axis: int, name: str) -> Value:
    """Join values along an axis; one is itself."""
    return values[0] if len(values) == 1 else e.op("Concat", values, name, axis=axis)


def reverse_time(e: Emitter, x: Value, name: str) -> Value:
    """Reverse the first axis."""
    bounds = [e.ints("flip_start", [-1]), e.ints("flip_end", [-(2**31)]), e.ints("flip_axes", [0])]
    return e.op("Slice", [x, *bounds, e.ints("flip_steps", [-1])], name)
