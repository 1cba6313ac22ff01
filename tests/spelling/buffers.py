"""How a Loop collects its outputs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper

from spelling.sequences import flip, size, zeros

if TYPE_CHECKING:
    from spelling.affine import Space
    from spelling.draw import Draw
    from spelling.emit import Emit
    from spelling.sequences import Seq


def ways(opset: int, dtype: np.dtype[Any]) -> dict[str, float]:
    """Return the ways to collect, by weight."""
    found = {"scan output": 5.0}
    if opset >= 11:
        found |= {"scatter nd": 1.5, "growing": 1.5, "growing front": 0.4, "one hot": 0.7}
        if opset >= 13:
            found["sequence"] = 2
        if dtype != np.float16:
            found["scatter elements"] = 1
    elif opset >= 9:
        found |= {"growing": 1.5}
    return found


class Buffer:
    """One collected sequence.

    Attributes:
        scanned: The body's scan output, if it is one.
        info: What the body carries, otherwise.
        initial: What that starts from.
        next: What it is after the step.

    """

    def __init__(self, e: Emit, body: Emit, draw: Draw, knob: str, way: str, whole: Seq, space: Space) -> None:
        self.e, self.body, self.draw, self.knob, self.way, self.space = e, body, draw, knob, way, space
        self.like, self.seq = whole, whole
        self.kind = helper.np_dtype_to_tensor_dtype(e.target.dtype)
        self.scanned, self.initial, self.next = "", "", ""
        self.info: Any = None

    def write(self, value: str, index: str) -> None:
        """Put a step's value where it belongs."""
        body, seq, way = self.body, self.seq, self.way
        row = self.space.leave(body, value)
        if way == "scan output":
            self.scanned = body.op("Identity", row) if self.draw.flag(f"identity {self.knob}", 0.7) else row
            if self.scanned == value:  # it may be a state as well
                self.scanned = body.op("Identity", row)
            self.seq = replace(seq, axis=0)
            return
        name = body.name("buffer")
        if way == "sequence":
            axis = self.draw(f"axis of {self.knob}", {seq.axis: 3, 0: 1, 1: 1})
            self.seq = replace(seq, axis=axis)
            self.initial = self.e.op("SequenceEmpty", dtype=self.kind)
            self.next = body.op("SequenceInsert", name, row)
            self.info = helper.make_tensor_sequence_value_info(name, self.kind, None)
            return
        axis = seq.axis if way.startswith("growing") and seq.axis < 2 else 0
        self.seq = replace(seq, axis=axis)
        empty = replace(self.seq, T=0)
        if way.startswith("growing"):
            self.initial = zeros(self.e, self.draw, self.knob, empty.shape, self.like)
            front = way == "growing front"  # the last step comes first
            self.seq = replace(self.seq, backwards=seq.backwards != front)
            parts = [body.unsqueeze(row, axis), name]
            self.next = body.op("Concat", *(parts if front else parts[::-1]), axis=axis)
        else:
            self.initial = zeros(self.e, self.draw, self.knob, self.seq.shape, self.like)
            self.next = self._put(name, row, index)
        shape = [None if n == axis else d for n, d in enumerate(self.seq.shape)]
        self.info = helper.make_tensor_value_info(name, self.kind, shape)

    def _put(self, buffer: str, row: str, index: str) -> str:
        """Write a row at an index of the first axis."""
        body, update = self.body, self.body.unsqueeze(row, 0)
        if self.way == "scatter nd":
            return body.op("ScatterND", buffer, body.op("Reshape", index, body.ints(1, 1)), update)
        if self.way == "scatter elements":
            indices = body.op("Expand", body.op("Reshape", index, body.ints(1, 1, 1)), body.op("Shape", update))
            return body.op("ScatterElements", buffer, indices, update, axis=0)
        T = size(self.e, self.draw, "T of buffer", self.like, self.like.axis)
        positions = body.op("Range", body.ints(0, scalar=True), T, body.ints(1, scalar=True))
        here = body.op("Equal", body.op("Reshape", positions, body.ints(-1, 1, 1)), index)
        return body.op("Where", here, update, buffer)

    def whole(self, e: Emit, name: str) -> Seq:
        """Return the sequence, once the loop has given it."""
        if self.way == "sequence":
            name = e.op("ConcatFromSequence", name, axis=self.seq.axis, new_axis=1)
        seq = replace(self.seq, name=name)
        if self.draw.flag(f"batch first {self.knob}", 0.3) and seq.axis == 0:
            seq = replace(seq, name=e.op("Transpose", name, perm=[1, 0, 2]), axis=1)
        if seq.backwards and self.draw("order of Y", {"input": 3, "processing": 1}) == "input":
            seq = flip(e, self.draw, self.knob, seq)
        return seq
