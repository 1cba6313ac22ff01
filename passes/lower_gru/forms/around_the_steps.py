"""What every form shares around the steps: weights per gate, the input's projection, the shaping of outputs.

Local names are the specification's: ``Wz`` [H, I], ``Rz`` [H, H], ``bz`` [H] (every bias of the gate that
may be added to the projection) and ``Rbh`` [H], with ``reverse_`` before those of a second direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from gru_lower.gru.spec import GATES, Direction
from gru_lower.gru.step_equations import Projection
from gru_lower.passes.lower_gru.forms import sequence_masks

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.passes.lower_gru.variant import Variant


EXPAND = 8
"""The opset from which Expand is there."""
CLOSED = {"z": float("inf"), "r": float("-inf"), "h": 0.0}
"""The projections of a step that leaves the state alone."""


def prefix_of(direction: Direction) -> str:
    """Return what stands before the local names of a direction."""
    return "reverse_" if direction.index else ""


@dataclass(frozen=True)
class Inputs:
    """What a recurrence starts from.

    Attributes:
        x: X with time first, [T, B, I].
        rows: The same as [T·B, I]; X itself where a Scan's body computes the projection.
        states: The initial state of each direction, [B, H]; ``None`` for zeros.
        mask: The mask, or ``None`` without sequence_lens.

    """

    x: Value
    rows: Value
    states: list[Value | None]
    mask: sequence_masks.Mask | None


def inputs(e: Emitter, v: Variant) -> Inputs:
    """Bring the node's inputs into the shape the recurrence wants."""
    x = e.value("X")
    if v.layout:
        x = e.transpose(x, [1, 0, 2], "X_time_major")
    mask = sequence_masks.mask(e, v, x) if v.mask else None
    return Inputs(x, x if v.inside else as_rows(e, v, x, "X_rows"), _initial_states(e, v), mask)


def as_rows(e: Emitter, v: Variant, x: Value, name: str) -> Value:
    """Reshape [T, B, I] to [T·B, I]."""
    if not v.input_size:  # unknown; or 0, which Reshape would read as "the same as before"
        return e.op("Flatten", [x], name, axis=2)
    return e.reshape(x, [-1, v.input_size], name)


def _initial_states(e: Emitter, v: Variant) -> list[Value | None]:
    if "initial_h" not in v.has:
        return [None] * len(v.directions)
    axis = 1 if v.layout else 0
    names = ["initial", "reverse_initial"][: len(v.directions)]
    parts = e.split(e.value("initial_h"), 1, [f"{name}_h_slice" for name in names], axis)
    return [e.squeeze(part, [axis], f"{name}_state") for part, name in zip(parts, names, strict=True)]


def zero_state(e: Emitter, v: Variant, x: Value, like: Value | None = None, width: int = 0) -> Value:
    """Return a state of zeros, [B, width], one for all directions.

    Args:
        e: Where to.
        v: The variant.
        x: X with time first.
        like: A projection [T, B, H] to take the size from, which is the only way before opset 8.
        width: How wide it is, H if no width is given.

    """
    width = width or v.hidden_size
    return e.shared(f"zero_state {width}", lambda: _zero_state(e, v, x, like, width))


def _zero_state(e: Emitter, v: Variant, x: Value, like: Value | None, width: int) -> Value:
    if v.batch_size is not None:
        return e.tensor("zero_state", np.zeros((v.batch_size, width)))
    if e.opset >= EXPAND:
        shape = e.op("Concat", [e.dim(x, 1, "batch"), e.ints("width", [width])], "state_shape", axis=0)
        return e.op("Expand", [e.tensor("zero", [[0.0]]), shape], "zero_state")
    # Neither Expand nor ConstantOfShape is there yet: b xor b is false for any value, NaN and infinities included.
    first = e.op("Gather", [like, e.tensor("first", 0, TensorProto.INT64)], "first_step", axis=0)
    some = e.op("Cast", [first], "some", to=TensorProto.BOOL)
    return e.op("Cast", [e.op("Xor", [some, some], "none")], "zero_state", to=e.elem_type)


def dynamic_weights(e: Emitter, v: Variant) -> None:
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


def project(e: Emitter, v: Variant, direction: Direction, given: Inputs) -> Projection[Value]:
    """Return ``X Wᵀ + b`` of each gate, each of shape [T·B, H]: for all steps at once, or of one step where B is all.

    With the mask recipe ``gate`` a step that is not valid has +inf for z, -inf for r and 0 for h: z is 1 and r is 0, so
    the candidate is g(0) = 0, and the state stays what it is to the bit.
    """
    p = prefix_of(direction)
    parts: dict[str, Value] = {}
    for gate in GATES:
        bias = e.value(f"{p}b{gate}") if "B" in v.has else None
        value = e.gemm(given.rows, e.value(f"{p}W{gate}"), bias, f"{p}X{gate}")
        if v.mask == "gate" and given.mask is not None:
            padding = np.full(v.hidden_size, CLOSED[gate])
            value = sequence_masks.fill(e, v, given.mask, [value], padding, f"{p}X{gate}_valid")
        parts[gate] = value
    return Projection(**parts)


def as_steps(e: Emitter, v: Variant, x: Value, rows: Value, name: str, width: int = 0) -> Value:
    """Reshape [T·B, width] to [T, B, width], H if no width is given; B is inferred where it is dynamic or 0."""
    width = width or v.hidden_size
    if v.seq_length is not None:
        return e.reshape(rows, [v.seq_length, v.batch_size or -1, width], name)
    if v.batch_size:
        return e.reshape(rows, [-1, v.batch_size, width], name)

    def shape() -> Value:
        per_step = e.ints("per_step", [-1, width])
        return e.op("Concat", [e.dim(x, 0, "length"), per_step], "step_shape", axis=0)

    return e.reshape(rows, e.shared(f"step_shape {width}", shape), name)


def like_steps(e: Emitter, v: Variant, rows: Value, steps: Value, width: int, name: str) -> Value:
    """Reshape [T·B, width] to the [T, B, ...] that something else has."""
    if v.seq_length is not None:
        return e.reshape(rows, [v.seq_length, -1, width], name)
    if v.batch_size:
        return e.reshape(rows, [-1, v.batch_size, width], name)
    return e.reshape(rows, e.op("Shape", [steps], f"{name}_shape"), name)


def valid_steps(e: Emitter, v: Variant, mask: sequence_masks.Mask | None, y: Value, name: str) -> Value:
    """Return [T, B, H] with zeros past the lengths."""
    if mask is None:
        return y
    if not sequence_masks.by_index(e):
        return e.where(sequence_masks.steps_of(e, mask), y, 0.0, name)
    rows = e.reshape(y, [-1, v.hidden_size], f"{name}_in")
    rows = sequence_masks.fill(e, v, mask, [rows], np.zeros(v.hidden_size), f"{name}_rows")
    return like_steps(e, v, rows, y, v.hidden_size, name)


def finish(
    e: Emitter, v: Variant, mask: sequence_masks.Mask | None, y: Value | None, states: list[Value]
) -> dict[str, Value]:
    """Shape the node's outputs.

    Args:
        e: Where to.
        v: The variant.
        mask: The mask, or ``None`` without sequence_lens.
        y: All states, [T, D, B, H], zeros past the lengths, or ``None`` where Y is not asked for.
        states: The last state of each direction, [B, H].

    Returns:
        Y and Y_h, of those that are asked for.

    """
    results = {}
    if y is not None:
        results["Y"] = e.transpose(y, [2, 0, 1, 3], "Y_batch_major") if v.layout else y
    if "Y_h" in v.wants:
        if mask is not None and mask.nonempty is not None:
            names = [f"{prefix_of(d)}last_state" for d in v.directions]
            states = [e.where(mask.nonempty, s, 0.0, name) for s, name in zip(states, names, strict=True)]
        results["Y_h"] = e.stack(states, 1 if v.layout else 0, "Yh")
    return results
