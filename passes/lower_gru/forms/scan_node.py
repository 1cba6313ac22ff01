"""The Scan node around a body: its states and scan inputs, and the last state and Y out of its outputs.

Where the body carries summands (:attr:`Variant.carries_summands`), the scan output holds the states before each step:

    Y = Concat(scan output without its first, ht_T + update_T)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.bounded_arrays import zeros
from gru_lower.passes.lower_gru.forms import initial_state, scan_unread_states, sequence_lens_masks, shape_outputs

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.passes.lower_gru.forms.mask import Mask
    from gru_lower.passes.lower_gru.variant import Variant

END = 2**31 - 1
"""An end of a Slice that no axis reaches."""


def write_scan(
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
    :mod:`gru_lower.passes.lower_gru.forms.scan_unread_states`.

    Args:
        e: Where to write.
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
    if v.carries_summands:
        names = [f"{p}last_ht", f"{p}last_update", f"{p}Y_before"]
    else:
        names = [f"{p}last"] + ([f"{p}Y_steps"] if "Y" in v.wants else [])
    states = len(names) - ("Y" in v.wants)
    unread = scan_unread_states.values(body) if v.preallocates else []
    if unread:
        wide = scan_unread_states.widths(body, width or v.hidden_size)
        body.add_unread_states(states, unread)
        state += [initial_state.zero_state(e, v, x, width=wide[value.name]) for value in unread]
        names[states:states] = [f"{p}last_{value.name}" for value in unread]
    outputs = e.with_body("Scan", [*state, *steps], names, body, num_scan_inputs=len(steps), **attributes)
    return outputs[:states] + outputs[states + len(unread) :]


def last_state_and_y(
    e: Emitter,
    v: Variant,
    outputs: list[Value],
    p: str,
    *,
    x: Value,
    reverse: bool = False,
    mask: Mask | None = None,
    width: int = 0,
) -> tuple[Value, Value | None]:
    """Return the last state and, where Y is asked for, the states of all steps, of what :func:`write_scan` gave.

    Args:
        e: Where to write.
        v: The variant.
        outputs: The Scan's.
        p: What stands before local names.
        x: X with time first.
        reverse: Whether time ran backwards.
        mask: Which steps to leave in Y; the others become zeros.
        width: How wide the state is, H if no width is given.

    """
    if not v.carries_summands:
        last, *y = outputs
        return last, shape_outputs.valid_steps(e, v, x, mask, y[0], f"{p}Y_valid") if y else None
    ht, update, before = outputs
    last = e.op("Add", [ht, update], f"{p}last")
    return last, append_last_state(e, v, before, last, p, x=x, reverse=reverse, mask=mask, width=width)


def append_last_state(
    e: Emitter,
    v: Variant,
    before: Value,
    last: Value,
    p: str,
    *,
    x: Value,
    reverse: bool = False,
    mask: Mask | None = None,
    width: int = 0,
) -> Value:
    """Return the states after all steps, from those before each step and the last one.

    The arguments are those of :func:`last_state_and_y`.
    """
    width = width or v.hidden_size
    if mask is not None and sequence_lens_masks.can_fill_by_index(e) and not reverse:
        rows = e.reshape(before, [-1, width], f"{p}Y_before_rows")
        batch = e.dim(before, 1, f"{p}batch") if v.batch_size is None else e.ints("batch", [v.batch_size])
        rows = sequence_lens_masks.fill_rows(e, v, mask, [rows, last], zeros((width,)), f"{p}Y_rows", batch)
        return shape_outputs.filled_steps(e, v, x, rows, width, f"{p}Y_valid")
    start, end = (0, -1) if reverse else (1, END)
    rest = before if v.peeled else e.slice(before, start, end, 0, f"{p}Y_rest")
    if mask is not None and sequence_lens_masks.can_fill_by_index(e):
        rows = e.reshape(rest, [-1, width], f"{p}Y_rest_rows")
        rows = sequence_lens_masks.fill_rows(e, v, mask, [last, rows], zeros((width,)), f"{p}Y_rows")
        return shape_outputs.filled_steps(e, v, x, rows, width, f"{p}Y_valid")
    final = e.unsqueeze(last, [0], f"{p}Y_final")
    y_steps = e.op("Concat", [final, rest] if reverse else [rest, final], f"{p}Y_steps", axis=0)
    return shape_outputs.valid_steps(e, v, x, mask, y_steps, f"{p}Y_valid")
