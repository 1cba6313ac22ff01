"""The state a recurrence starts from: initial_h cut by directions, or zeros."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.graph.bounded_arrays import zeros
from gru_lower.passes.lower_gru.forms import step_axes
from gru_lower.passes.lower_gru.forms.row_choices import sequence_numbers

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.passes.lower_gru.variant import Variant

EXPAND = 8
"""The opset from which Expand is there."""


def initial_states(e: Emitter, v: Variant) -> list[Value | None]:
    """Return the initial state of each direction, with the axes that states have; ``None`` for zeros."""
    if "initial_h" not in v.has:
        return [None] * len(v.directions)
    axis = 1 if v.layout else 0
    names = ["initial", "reverse_initial"][: len(v.directions)]
    parts = e.split(e.value("initial_h"), 1, [f"{name}_h_slice" for name in names], axis)
    return [step_axes.initial_in_order(e, v, name, part) for part, name in zip(parts, names, strict=True)]


def zero_state(e: Emitter, v: Variant, x: Value, like: Value | None = None, width: int = 0) -> Value:
    """Return a state of zeros, [B, width], one for all directions.

    Args:
        e: Where to write.
        v: The variant.
        x: X with time first.
        like: A projection [T, B, H] of at least one step to take the size from before opset 8, if there is one.
        width: How wide it is, H if no width is given.

    """
    width = width or v.hidden_size
    return e.shared(f"zero_state {width}", lambda: _zero_state(e, v, x, like, width))


def _zero_state(e: Emitter, v: Variant, x: Value, like: Value | None, width: int) -> Value:
    if v.batch_size is not None:
        return e.tensor("zero_state", zeros((v.batch_size, width)))
    if e.opset >= EXPAND:
        shape = e.op("Concat", [e.dim(x, 1, "batch"), e.ints("width", [width])], "state_shape", axis=0)
        return e.op("Expand", [e.tensor("zero", [[0.0]]), shape], "zero_state")
    # Neither Expand nor ConstantOfShape is there yet.
    if like is None:
        nothing = e.op("Mul", [sequence_numbers(e, v, x), e.tensor("nothing", 0, TensorProto.INT64)], "first_row_each")
        return e.op("Gather", [e.tensor("zero_row", zeros((1, width))), nothing], "zero_state", axis=0)
    # b xor b is false for any value, NaN and infinities included.
    first = e.op("Gather", [like, e.tensor("first", 0, TensorProto.INT64)], "first_step", axis=0)
    some = e.op("Cast", [first], "some", to=TensorProto.BOOL)
    return e.op("Cast", [e.op("Xor", [some, some], "none")], "zero_state", to=e.elem_type)
