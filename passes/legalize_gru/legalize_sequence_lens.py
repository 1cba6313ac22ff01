"""The pass ``legalize-sequence-lens``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.passes.legalize_gru.rewrite import Rewrite
from gru_lower.targets.option_axes import with_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.emission.emitter import Value
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.legalize_gru.rewritten_gru import Build, Gru, Means, Results, Situation

WHERE, RANGE, AXES_INPUT = 9, 11, 13
"""The opsets from which Where and Less of integers, and Range, are there, and ReduceSum takes axes as an input."""


@dataclass(frozen=True)
class LensOptions:
    """Options of ``legalize-sequence-lens``.

    Attributes:
        zero_length_state: What Y_h is for a sequence of length 0: ``zero``, as in onnxruntime, or ``initial``.

    """

    zero_length_state: str = field(default="zero", metadata={"choices": ("zero", "initial")})


class LegalizeSequenceLens(Rewrite):
    """Write a forward GRU with sequence_lens as one over all T steps, and mask what it gives.

        Y[t, b]   = Y[t, b] where t < sequence_lens[b], else 0
        Y_h[b]    = Σt (Y[t, b] where t + 1 = sequence_lens[b], else 0)

    Rules:
        1. Only a forward GRU: no later step reaches an earlier one there. A reverse one is turned round first.
        2. What X holds past a length, be it NaN, does not get through: values are chosen by Where, never multiplied.
        3. A length of 0 leaves no term in the sum, so that Y_h is 0; or initial_h with zero_length_state=initial.
        4. Lengths that are constant and all T are dropped.
    """

    name = "legalize-sequence-lens"
    Options = LensOptions
    done = "sequence_lens masked outside"

    def means(self, scope: Scope) -> Means:
        """Return what the pass by itself may use."""
        return replace(super().means(scope), zero_length_state=self.options.zero_length_state)

    def becomes(self, at: Situation, means: Means) -> list[Situation] | None:
        """Return the GRU without lengths."""
        spec = at.spec
        if "sequence_lens" not in spec.inputs:
            return None
        inputs = {key: name for key, name in spec.inputs.items() if key != "sequence_lens"}
        bare, options = replace(spec, inputs=inputs), with_options(at.options, "no_lens")
        if "told_batch" in options and "initial_h" not in inputs:  # nothing tells it any more
            bare, options = replace(bare, batch_size=None), with_options(options, "dynamic_batch")
        if "full_lens" in at.known:
            return [replace(at, spec=bare, options=options)]
        if spec.direction != "forward" or not self._masks(at, means):
            return None
        return [replace(at, spec=replace(bare, Y="Y", Y_h=""), options=with_options(options, "only_Y"))]

    def _masks(self, at: Situation, means: Means) -> bool:
        spec = at.spec
        operators = {"Where", "Less", "Unsqueeze"}
        operators |= {"Equal", "ReduceSum"} if spec.Y_h else set()
        operators |= {"Transpose"} if spec.layout else set()
        if spec.seq_length is None:
            operators |= {"Range", "Shape", "Cast", "Squeeze", "Add"}
        return means.opset >= (RANGE if spec.seq_length is None else WHERE) and means.has(*operators)

    def rewrite(self, b: Build, gru: Gru, inner: Callable[[Gru], Results]) -> Results:
        """Mask Y, and sum the last valid step out of it."""
        (after,) = self.becomes(gru.at, b.means) or []
        spec, layout = gru.at.spec, gru.at.spec.layout
        inputs = {key: value for key, value in gru.inputs.items() if key != "sequence_lens"}
        constants = {key: tensor for key, tensor in gru.constants.items() if key != "sequence_lens"}
        all_steps = inner(replace(gru, at=after, inputs=inputs, constants=constants))
        if "full_lens" in gru.at.known:
            return all_steps
        y, lens = all_steps["Y"], gru.inputs["sequence_lens"]
        now, following = self._steps(b, gru)
        results = {}
        if spec.Y:
            valid = self._column(b, b.e.op("Less", [now, lens], "valid"), layout, "valid_steps")
            results["Y"] = b.e.where(valid, y, 0.0, "Y_valid")
        if spec.Y_h:
            last = self._column(b, b.e.op("Equal", [following, lens], "last"), layout, "last_step")
            y_h = _sum(b, b.e.where(last, y, 0.0, "Y_last"), axis=layout, name="Y_h_last")
            if b.means.zero_length_state == "initial" and "initial_h" in gru.inputs:
                empty = b.e.op("Less", [lens, b.e.tensor("one", 1, TensorProto.INT32)], "empty")
                axes = [1, 2] if layout else [0, 2]
                rows = b.e.unsqueeze(empty, axes, "empty_rows")
                y_h = b.e.op("Where", [rows, gru.inputs["initial_h"], y_h], "Y_h_or_initial")
            results["Y_h"] = y_h
        return results

    def _steps(self, b: Build, gru: Gru) -> tuple[Value, Value]:
        """Return t and t + 1 as int32 [T, 1]."""
        length = gru.at.spec.seq_length
        if length is not None:
            return (
                b.e.tensor("t", [[t] for t in range(length)], TensorProto.INT32),
                b.e.tensor("t_next", [[t + 1] for t in range(length)], TensorProto.INT32),
            )
        zero, one = b.e.tensor("zero_step", 0, TensorProto.INT32), b.e.tensor("one_step", 1, TensorProto.INT32)
        dim = b.e.dim(gru.inputs["X"], gru.at.spec.layout, "length")
        count = b.e.squeeze(b.e.op("Cast", [dim], "length_int32", to=TensorProto.INT32), [0], "length_scalar")
        now = b.e.unsqueeze(b.e.op("Range", [zero, count, one], "t"), [1], "t_column")
        return now, b.e.op("Add", [now, one], "t_next")

    def _column(self, b: Build, valid: Value, layout: int, name: str) -> Value:
        """Bring [T, B] to the axes of Y: [T, 1, B, 1], or [B, T, 1, 1] in layout 1."""
        if not layout:
            return b.e.unsqueeze(valid, [1, 3], name)
        return b.e.unsqueeze(b.e.transpose(valid, [1, 0], f"{name}_batch_major"), [2, 3], name)


def _sum(b: Build, value: Value, axis: int, name: str) -> Value:
    if b.e.opset < AXES_INPUT:
        return b.e.op("ReduceSum", [value], name, axes=[axis], keepdims=0)
    return b.e.op("ReduceSum", [value, b.e.ints("time", [axis])], name, keepdims=0)
