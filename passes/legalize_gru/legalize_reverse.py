"""The pass ``legalize-reverse``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from gru_lower.passes.legalize_gru.rewrite import Rewrite
from gru_lower.targets.option_axes import with_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.emission.emitter import Value
    from gru_lower.passes.legalize_gru.rewritten_gru import Build, Gru, Means, Results, Situation

REVERSE_SEQUENCE, SLICE_STEPS = 10, 10
"""The opsets from which ReverseSequence is there, and Slice takes steps."""
FIRST = -(2**31)
"""An end no axis reaches backwards."""


class LegalizeReverse(Rewrite):
    """Write a reverse GRU as a forward one over X turned round.

        Y, Y_h = GRU_forward(turn(X))       Y = turn(Y)

    Rules:
        1. Without sequence_lens all T steps are turned: by Gather where T is static, else by Slice with step -1.
        2. With them only the valid prefix is, by ReverseSequence: padding stays behind it, and so do the zeros of Y.
           A length of 0 is one of 1 there, which turns nothing round either: MNN fails on 0.
        3. Y_h is the state after the last step processed, which is t = 0 in both.
    """

    name = "legalize-reverse"
    done = "reverse to forward over X turned round"

    def becomes(self, at: Situation, means: Means) -> list[Situation] | None:
        """Return the forward GRU."""
        if at.spec.direction != "reverse" or not self._turns(at, means):
            return None
        direction = replace(at.spec.directions[0], reverse=False)
        spec = replace(at.spec, directions=(direction,))
        return [replace(at, spec=spec, options=with_options(at.options, "forward"))]

    def _turns(self, at: Situation, means: Means) -> bool:
        if "sequence_lens" in at.spec.inputs:
            views = () if at.spec.layout or not at.spec.Y else ("Squeeze", "Unsqueeze")
            lengths = () if "constant_lens" in at.known else ("Cast", "Less", "Where")
            return means.opset >= REVERSE_SEQUENCE and means.has("ReverseSequence", *lengths, *views)
        if at.spec.seq_length is not None:
            return means.has("Gather")
        return means.opset >= SLICE_STEPS and means.has("Slice")

    def rewrite(self, b: Build, gru: Gru, inner: Callable[[Gru], Results]) -> Results:
        """Turn X before and Y after."""
        (after,) = self.becomes(gru.at, b.means) or []
        layout = gru.at.spec.layout
        lens = None
        if "sequence_lens" in gru.inputs:
            lens = self._lens(b, gru)
        x = self._turn(b, gru, gru.inputs["X"], lens, "X_turned")
        constants = {key: tensor for key, tensor in gru.constants.items() if key != "X"}
        results = inner(replace(gru, at=after, inputs=gru.inputs | {"X": x}, constants=constants))
        if "Y" in results:
            y = results["Y"]
            if lens is not None and not layout:  # ReverseSequence takes batch and time on the first two axes alone
                y = b.e.squeeze(y, [1], "Y_steps")
                y = b.e.unsqueeze(self._turn(b, gru, y, lens, "Y_steps_turned"), [1], "Y_turned")
            else:
                y = self._turn(b, gru, y, lens, "Y_turned")
            results["Y"] = y
        return results

    def _lens(self, b: Build, gru: Gru) -> Value:
        if "sequence_lens" in gru.constants:
            return b.e.ints("lens", np.maximum(b.array(gru.constants["sequence_lens"]), 1).tolist())
        lens, one = gru.inputs["sequence_lens"], b.e.tensor("one", 1, TensorProto.INT32)
        filled = b.e.op("Where", [b.e.op("Less", [lens, one], "empty"), one, lens], "lens_filled")
        return b.e.op("Cast", [filled], "lens", to=TensorProto.INT64)

    def _turn(self, b: Build, gru: Gru, value: Value, lens: Value | None, name: str) -> Value:
        time, length = gru.at.spec.layout, gru.at.spec.seq_length
        if lens is not None:
            return b.e.op("ReverseSequence", [value, lens], name, time_axis=time, batch_axis=1 - time)
        if length is not None:
            return b.e.op("Gather", [value, b.e.ints("backwards", range(length - 1, -1, -1))], name, axis=time)
        ends = [b.e.ints("last", [-1]), b.e.ints("first", [FIRST]), b.e.ints("time", [time]), b.e.ints("step", [-1])]
        return b.e.op("Slice", [value, *ends], name)
