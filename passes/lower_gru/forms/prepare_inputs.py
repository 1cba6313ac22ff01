"""What every form begins with: X with time first, the initial states, the masks, and computed weights cut by gates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.gru.spec import GATES
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.lower_gru.forms import sequence_lens_masks, step_axes
from gru_lower.passes.lower_gru.forms.initial_state import initial_states
from gru_lower.passes.lower_gru.local_names import prefix_of

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.passes.lower_gru.forms.mask import Mask
    from gru_lower.passes.lower_gru.variant import Variant


@dataclass(frozen=True)
class Inputs:
    """What a recurrence starts from.

    Attributes:
        x: X with time first, [T, B, I]; with sequences first where the variant is batch-major.
        rows: The same as [T·B, I]; X itself where a Scan's body computes the projection, states have
            three axes, or products are reshaped.
        states: The initial state of each direction, [B, H]; ``None`` for zeros.
        mask: The mask, or ``None`` without sequence_lens.

    """

    x: Value
    rows: Value
    states: list[Value | None]
    mask: Mask | None


def prepare_inputs(v: Variant) -> tuple[Emitter, Inputs]:
    """Start a template: bring the node's inputs into the shape the recurrence wants."""
    e = v.emitter()
    _cut_computed_weights(e, v)
    x = step_axes.x_in_order(e, v)
    mask = sequence_lens_masks.make_mask(e, v, x) if v.mask in ("gate", "where") else None
    as_it_is = v.projects_inside or v.keeps_axes or v.state_rank > step_axes.TWO or v.multiplies_first
    rows = x if as_it_is else as_rows(e, v, x, "X_rows")
    return e, Inputs(x, rows, initial_states(e, v), mask)


def as_rows(e: Emitter, v: Variant, x: Value, name: str) -> Value:
    """Reshape [T, B, I] to [T·B, I]."""
    if not v.input_size:  # unknown; or 0, which Reshape would read as "the same as before"
        return e.op("Flatten", [x], name, axis=2)
    return e.reshape(x, [-1, v.input_size], name)


def _cut_computed_weights(e: Emitter, v: Variant) -> None:
    """Cut W, R and B into gates in the graph, where they are not constant."""
    d, h = len(v.directions), v.hidden_size
    for key in ("W", "R"):
        if key in v.dynamic:
            rows = e.reshape(e.value(key), [d * 3 * h, -1], f"{key}_rows")
            names = [f"{prefix_of(n)}{key}{gate}" for n in v.directions for gate in GATES]
            for piece in e.split(rows, h, names):
                if not e.vocabulary.has("Gemm"):
                    e.transpose(piece, [1, 0], f"{piece.name}T")
    if "B" not in v.dynamic:
        return
    flat = e.reshape(e.value("B"), [-1], "B_flat")
    names = [f"{prefix_of(n)}{side}b{gate}" for n in v.directions for side in "WR" for gate in GATES]
    parts = dict(zip(names, e.split(flat, h, names), strict=True))
    for direction in v.directions:
        p = prefix_of(direction)
        for gate in GATES:
            if gate == "h" and v.linear_before_reset:
                e.op("Identity", [parts[f"{p}Wbh"]], f"{p}bh")
            else:
                e.op("Add", [parts[f"{p}Wb{gate}"], parts[f"{p}Rb{gate}"]], f"{p}b{gate}")
