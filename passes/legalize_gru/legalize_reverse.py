"""The pass ``legalize-reverse``: a reverse GRU becomes a forward one over X turned round."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from gru_lower.passes.legalize_gru.base import RewritePass

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.legalize_gru.gru_traits import GruTraits
    from gru_lower.passes.legalize_gru.replacement_builder import BoundGru, Outputs, ReplacementBuilder, WriteGru
    from gru_lower.passes.legalize_gru.rewrite_settings import RewriteSettings

REVERSE_SEQUENCE, SLICE_STEPS = 10, 10
"""The opsets from which ReverseSequence is there, and Slice takes steps."""
BEFORE_FIRST = -(2**31)
"""An end no axis reaches backwards."""


class LegalizeReverse(RewritePass):
    """Write a reverse GRU as a forward one over X turned round.

        Y, Y_h = GRU_forward(turn(X))       Y = turn(Y)

    Rules:
        1. Without sequence_lens all T steps are turned: by Gather where T is static, else by Slice with step -1.
        2. With them only the valid prefix is, by ReverseSequence: padding stays behind it, and so do the zeros of Y.
           A length of 0 is one of 1 there, which turns nothing round either: MNN fails on 0.
        3. Y_h is the state after the last step processed, which is t = 0 in both.
    """

    name = "legalize-reverse"
    summary = "reverse to forward over X turned round"

    def outcomes(self, gru: GruTraits, settings: RewriteSettings) -> list[GruTraits] | None:
        """Return the forward GRU."""
        if gru.spec.direction != "reverse" or not _can_turn(gru, settings):
            return None
        direction = replace(gru.spec.directions[0], reverse=False)
        return [gru.changed("forward", spec=replace(gru.spec, directions=(direction,)))]

    def rewrite(self, b: ReplacementBuilder, gru: BoundGru, after: list[GruTraits], write: WriteGru) -> Outputs:
        """Turn X before and Y after."""
        e, layout = b.emitter, gru.spec.layout
        lens = _positive_lengths(b, gru) if "sequence_lens" in gru.inputs else None
        x = _turn(e, gru.spec, gru.inputs["X"], lens, "X_turned")
        outputs = write(gru.with_traits(after[0]).reading({"X": x}))
        if "Y" not in outputs:
            return outputs
        y = outputs["Y"]
        if lens is not None and not layout:  # ReverseSequence takes batch and time on the first two axes alone
            steps = _turn(e, gru.spec, e.squeeze(y, [1], "Y_steps"), lens, "Y_steps_turned")
            return outputs | {"Y": e.unsqueeze(steps, [1], "Y_turned")}
        return outputs | {"Y": _turn(e, gru.spec, y, lens, "Y_turned")}


def _can_turn(gru: GruTraits, settings: RewriteSettings) -> bool:
    """Whether the operators that turn X and Y round are there and may be written."""
    if "sequence_lens" in gru.spec.inputs:
        views = () if gru.spec.layout or not gru.spec.Y else ("Squeeze", "Unsqueeze")
        lengths = () if "constant_lens" in gru.known else ("Cast", "Less", "Where")
        return settings.opset >= REVERSE_SEQUENCE and settings.may_write("ReverseSequence", *lengths, *views)
    if gru.spec.seq_length is not None:
        return settings.may_write("Gather")
    return settings.opset >= SLICE_STEPS and settings.may_write("Slice")


def _positive_lengths(b: ReplacementBuilder, gru: BoundGru) -> Value:
    """Return the lengths as int64 [B], with 1 in place of 0."""
    e = b.emitter
    if "sequence_lens" in gru.constants:
        return e.ints("lens", np.maximum(b.array(gru.constants["sequence_lens"]), 1).tolist())
    lens, one = gru.inputs["sequence_lens"], e.tensor("one", 1, TensorProto.INT32)
    filled = e.op("Where", [e.op("Less", [lens, one], "empty"), one, lens], "lens_filled")
    return e.op("Cast", [filled], "lens", to=TensorProto.INT64)


def _turn(e: Emitter, spec: GruSpec, value: Value, lens: Value | None, name: str) -> Value:
    """Reverse the axis of time, or the valid prefix of each sequence where there are lengths."""
    time, length = spec.layout, spec.seq_length
    if lens is not None:
        return e.op("ReverseSequence", [value, lens], name, time_axis=time, batch_axis=1 - time)
    if length is not None:
        return e.op("Gather", [value, e.ints("backwards", range(length - 1, -1, -1))], name, axis=time)
    ends = [e.ints("last", [-1]), e.ints("first", [BEFORE_FIRST]), e.ints("time", [time]), e.ints("step", [-1])]
    return e.op("Slice", [value, *ends], name)
