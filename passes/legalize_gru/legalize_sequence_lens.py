"""The pass ``legalize-sequence-lens``: mask the outputs instead of giving the GRU sequence_lens."""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.light_dataclass import dataclass
from gru_lower.passes.legalize_gru.base import RewritePass

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.legalize_gru.gru_traits import GruTraits
    from gru_lower.passes.legalize_gru.replacement_builder import BoundGru, Outputs, ReplacementBuilder, WriteGru
    from gru_lower.passes.legalize_gru.rewrite_settings import RewriteSettings

WHERE, RANGE, AXES_INPUT = 9, 11, 13
"""The opsets from which Where and Less of integers, and Range, are there, and ReduceSum takes axes as an input."""


@dataclass(frozen=True)
class LensOptions:
    """Options of ``legalize-sequence-lens``.

    Attributes:
        zero_length_state: What Y_h is for a sequence of length 0: ``zero``, as in onnxruntime, or ``initial``.

    """

    zero_length_state: str = field(default="zero", metadata={"choices": ("zero", "initial")})


class LegalizeSequenceLens(RewritePass):
    """Write a forward GRU with sequence_lens as one over all T steps, and mask what it gives.

        Y[t, b]   = Y[t, b] where t < sequence_lens[b], else 0
        Y_h[b]    = Σt (Y[t, b] where t + 1 = sequence_lens[b], else 0)

    Rules:
        1. Only a forward GRU: no later step reaches an earlier one there. A reverse one is turned round first.
        2. What X holds past a length, be it NaN, does not get through: values are chosen by Where, never multiplied.
        3. A length of 0 leaves no term in the sum, so that Y_h is 0; or initial_h with zero_length_state=initial.
        4. Lengths that are all T, as constants or computed from the size of X, are dropped.
    """

    name = "legalize-sequence-lens"
    Options = LensOptions
    summary = "sequence_lens masked outside or left out"

    def settings(self, scope: Scope) -> RewriteSettings:
        """Return what the pass by itself may write in a scope."""
        return replace(super().settings(scope), zero_length_state=self.options.zero_length_state)

    def outcomes(self, gru: GruTraits, settings: RewriteSettings) -> list[GruTraits] | None:
        """Return the GRU without lengths."""
        spec = gru.spec
        if "sequence_lens" not in spec.inputs:
            return None
        bare = gru.changed("no_lens", spec=spec.without_inputs("sequence_lens"))
        if "told_batch" in bare.options and "initial_h" not in spec.inputs:  # sequence_lens was what told it
            bare = bare.changed("dynamic_batch", spec=replace(bare.spec, batch_size=None))
        if "full_lens" in gru.known:
            return [bare]
        if spec.direction != "forward" or not _can_mask(spec, settings):
            return None
        return [bare.changed("only_Y", spec=replace(bare.spec, Y="Y", Y_h=""))]

    def rewrite(self, b: ReplacementBuilder, gru: BoundGru, after: list[GruTraits], write: WriteGru) -> Outputs:
        """Mask Y, and sum the last valid step out of it."""
        e, spec, layout = b.emitter, gru.spec, gru.spec.layout
        all_steps = write(gru.with_traits(after[0]).without_input("sequence_lens"))
        if "full_lens" in gru.traits.known:
            return all_steps
        y, lens = all_steps["Y"], gru.inputs["sequence_lens"]
        t, t_next = _step_numbers(e, gru)
        outputs = {}
        if spec.Y:
            valid = _on_axes_of_y(e, e.op("Less", [t, lens], "valid"), layout, "valid_steps")
            outputs["Y"] = e.where(valid, y, 0.0, "Y_valid")
        if spec.Y_h:
            last = _on_axes_of_y(e, e.op("Equal", [t_next, lens], "last"), layout, "last_step")
            y_h = _sum_over_time(e, e.where(last, y, 0.0, "Y_last"), axis=layout, name="Y_h_last")
            if b.settings.zero_length_state == "initial" and "initial_h" in gru.inputs:
                empty = e.op("Less", [lens, e.tensor("one", 1, TensorProto.INT32)], "empty")
                rows = e.unsqueeze(empty, [1, 2] if layout else [0, 2], "empty_rows")
                y_h = e.op("Where", [rows, gru.inputs["initial_h"], y_h], "Y_h_or_initial")
            outputs["Y_h"] = y_h
        return outputs


def _can_mask(spec: GruSpec, settings: RewriteSettings) -> bool:
    """Whether the operators that mask the outputs are there and may be written."""
    operators = {"Where", "Less", "Unsqueeze"}
    operators |= {"Equal", "ReduceSum"} if spec.Y_h else set()
    operators |= {"Transpose"} if spec.layout else set()
    if spec.seq_length is None:
        operators |= {"Range", "Shape", "Cast", "Squeeze", "Add"}
    return settings.opset >= (RANGE if spec.seq_length is None else WHERE) and settings.may_write(*operators)


def _step_numbers(e: Emitter, gru: BoundGru) -> tuple[Value, Value]:
    """Return t and t + 1 as int32 [T, 1]."""
    length = gru.spec.seq_length
    if length is not None:
        return (
            e.tensor("t", [[t] for t in range(length)], TensorProto.INT32),
            e.tensor("t_next", [[t + 1] for t in range(length)], TensorProto.INT32),
        )
    # Cast after Range: shape inference makes Range's limit an int64 once it knows T, whatever Cast stands between.
    zero, step = e.tensor("zero_step", 0, TensorProto.INT64), e.tensor("step", 1, TensorProto.INT64)
    count = e.squeeze(e.dim(gru.inputs["X"], gru.spec.layout, "length"), [0], "length_scalar")
    steps = e.op("Cast", [e.op("Range", [zero, count, step], "steps")], "t", to=TensorProto.INT32)
    t, one = e.unsqueeze(steps, [1], "t_column"), e.tensor("one_step", 1, TensorProto.INT32)
    return t, e.op("Add", [t, one], "t_next")


def _on_axes_of_y(e: Emitter, mask: Value, layout: int, name: str) -> Value:
    """Bring [T, B] to the axes of Y: [T, 1, B, 1], or [B, T, 1, 1] in layout 1."""
    if not layout:
        return e.unsqueeze(mask, [1, 3], name)
    return e.unsqueeze(e.transpose(mask, [1, 0], f"{name}_batch_major"), [2, 3], name)


def _sum_over_time(e: Emitter, value: Value, axis: int, name: str) -> Value:
    if e.opset < AXES_INPUT:
        return e.op("ReduceSum", [value], name, axes=[axis], keepdims=0)
    return e.op("ReduceSum", [value, e.ints("time", [axis])], name, keepdims=0)
