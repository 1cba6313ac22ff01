"""Sequences: how their steps are read, turned round and put together again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper

from spelling.emit import INT32_MAX, INT64_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

    from spelling.affine import Space
    from spelling.cell import Step
    from spelling.draw import Draw
    from spelling.emit import Emit

    Stepper = Callable[[Emit, list[str], list[str | None], Step], tuple[list[str], list[str]]]


@dataclass(frozen=True)
class Seq:
    """A sequence of rank 3.

    Attributes:
        name: Its value.
        axis: The axis of time: [T, B, F], [B, T, F] or [B, F, T].
        features: F.
        T: The length, or its symbol.
        B: The batch, or its symbol.
        backwards: Whether step 0 is the last of the input's.

    """

    name: str
    axis: int
    features: int
    T: int | str
    B: int | str
    backwards: bool = False

    @property
    def shape(self) -> list[int | str]:
        """The three sizes."""
        sizes: list[int | str] = [self.B, self.features]
        sizes.insert(self.axis, self.T)
        return sizes

    @property
    def batch_axis(self) -> int:
        """The axis of the batch."""
        return 1 if self.axis == 0 else 0

    def time_major(self, e: Emit) -> Seq:
        """Return the sequence as [T, B, F]."""
        if self.axis == 0:
            return self
        perm = [1, 0, 2] if self.axis == 1 else [2, 0, 1]
        return replace(self, name=e.op("Transpose", self.name, perm=perm), axis=0)


@dataclass
class State:
    """A value a container carries: what it starts from, its type and shape."""

    initial: str | None
    shape: list[int | str]
    kind: int = TensorProto.FLOAT


@dataclass
class Program:
    """What a container runs.

    Attributes:
        seqs: What a step reads a slice of.
        states: What it carries.
        step: (scope, slices, states, step) -> (new states, what is collected).
        collected: The features of each collected value.
        space: How slices and collected values lie.
        reverse: Whether steps run from the end.
        asks: What the container is to do otherwise.

    """

    seqs: list[Seq]
    states: list[State]
    step: Stepper
    collected: list[int]
    space: Space
    reverse: bool = False
    asks: frozenset[str] = frozenset()


@dataclass
class Ran:
    """What came of it: each collected sequence, and the last states."""

    Y: list[Seq]
    last: list[str]


def size(e: Emit, draw: Draw, knob: str, seq: Seq, axis: int, *, scalar: bool = True) -> str:
    """Return the size of an axis as int64: a constant where it is known, or read from the shape."""
    known = seq.shape[axis]
    if isinstance(known, int) and not draw.flag(f"shape of {knob}", 0.25):
        return e.ints(known, scalar=scalar)
    shape = e.op("Shape", seq.name)
    way = draw(f"size {knob}", ("gather", "slice", "gather1"))
    if way == "gather":
        one = e.op("Gather", shape, e.ints(axis, scalar=True), axis=0)
        return one if scalar else e.unsqueeze(one, 0)
    one = e.slice(shape, axis, axis + 1, 0) if way == "slice" else e.op("Gather", shape, e.ints(axis), axis=0)
    return e.squeeze(one, 0) if scalar else one


def flip(e: Emit, draw: Draw, knob: str, seq: Seq) -> Seq:
    """Turn a sequence round in time."""
    ways = {}
    if isinstance(seq.T, int):
        ways["gather"] = 2.0
    if e.opset >= 10:
        ways |= {"slice": 3}
        if seq.axis < 2:
            ways["reverse sequence"] = 1
    if e.opset >= 11:
        ways["range"] = 1
    way = draw(f"flip {knob}", ways)
    if way == "gather":
        assert isinstance(seq.T, int)
        name = e.op("Gather", seq.name, e.ints(*reversed(range(seq.T))), axis=seq.axis)
    elif way == "slice":
        name = e.slice(seq.name, -1, draw(f"flip end {knob}", (-INT64_MAX, -INT32_MAX)), seq.axis, -1)
    elif way == "range":
        one = e.ints(1, scalar=True)
        T = size(e, draw, f"flip {knob}", seq, seq.axis)
        # Not Range(T-1, -1, -1): onnxruntime 1.31 fuses Gather of that into a Slice that ends at -1, which is empty.
        indices = e.op("Sub", e.op("Sub", T, one), e.op("Range", e.ints(0, scalar=True), T, one))
        name = e.op("Gather", seq.name, indices, axis=seq.axis)
    else:
        lengths = e.op(
            "Expand",
            size(e, draw, f"flip {knob}", seq, seq.axis),
            size(e, draw, "B", seq, seq.batch_axis, scalar=False),
        )
        name = e.op("ReverseSequence", seq.name, lengths, time_axis=seq.axis, batch_axis=seq.batch_axis)
    return replace(seq, name=name, backwards=not seq.backwards)


class Reader:
    """Reads one step of a sequence at an index that is computed.

    Args:
        e: The scope the sequence stands in; ``read`` writes into the scope it is given.
        draw: The container's choices.
        knob: Tells sequences apart.
        seq: What is read.
        space: How a step is wanted.

    """

    def __init__(self, e: Emit, draw: Draw, knob: str, seq: Seq, space: Space) -> None:
        self.draw, self.knob, self.seq, self.space = draw, knob, seq, space
        ways = {"gather": 5.0, "gather1": 2}
        if e.opset >= 10:
            ways["slice"] = 2
            ways["slice axes"] = 1
        if e.opset >= 11:
            ways["sequence"] = 1
        self.way: str = draw(f"read {knob}", ways)
        self.keep = bool(space.lead)
        if self.way == "sequence":
            self.parts = split_to_sequence(e, draw, knob, seq, keep=self.keep)

    def read(self, e: Emit, seq_name: str, index: str) -> str:
        """Return the step at an int64 scalar, in the wanted form."""
        seq, axis = self.seq, self.seq.axis
        if self.way == "sequence":
            return self._formed(e, e.op("SequenceAt", self.parts, index))
        if self.way == "gather" and not self.keep:
            return self._formed(e, e.op("Gather", seq_name, index, axis=axis))
        first = e.unsqueeze(index, 0)
        if self.way.startswith("gather"):
            value = e.op("Gather", seq_name, first, axis=axis)
        else:
            end = e.op("Add", first, e.ints(1))
            starts, ends, axes = first, end, [axis]
            if self.way == "slice axes" and axis == 0:
                starts = e.op("Concat", first, e.ints(0, 0), axis=0)
                ends = e.op("Concat", end, e.ints(INT32_MAX, INT32_MAX), axis=0)
                axes = [0, 1, 2]
            value = e.op("Slice", seq_name, starts, ends, e.ints(*axes))
        return self._formed(e, value if self.keep else drop(e, self.draw, self.knob, value, seq))

    def _formed(self, e: Emit, value: str) -> str:
        return e.op("Transpose", value, perm=[1, 0]) if self.space.columns else value


def drop(e: Emit, draw: Draw, knob: str, value: str, seq: Seq) -> str:
    """Drop the axis of time, which has one step left."""
    if draw(f"drop {knob}", {"squeeze": 3, "reshape": 1}) == "squeeze":
        return e.squeeze(value, seq.axis)
    if seq.axis == 2 or isinstance(seq.B, str):
        return e.op("Reshape", value, e.ints(-1, seq.features))
    return e.op("Reshape", value, e.ints(seq.B, seq.features))


def split_to_sequence(e: Emit, draw: Draw, knob: str, seq: Seq, *, keep: bool) -> str:
    """Split into a sequence of single steps."""
    if keep and draw.flag(f"split by ones {knob}", 0.5):
        return e.op("SplitToSequence", seq.name, e.ints(1, scalar=True), axis=seq.axis)
    return e.op("SplitToSequence", seq.name, axis=seq.axis, keepdims=int(keep))


def joined(e: Emit, draw: Draw, knob: str, parts: list[str], space: Space, seq: Seq) -> Seq:
    """Put single steps together along ``seq.axis``."""
    lead = {0: "first", 1: "middle"}.get(seq.axis)
    if space.lead and space.lead == lead:
        return replace(seq, name=e.op("Concat", *parts, axis=seq.axis))
    rows = [space.leave(e, part) for part in parts]
    ways = {"unsqueeze": 4.0, "reshape": 1} | ({"sequence": 0.7} if e.opset >= 11 else {})
    way = draw(f"join {knob}", ways)
    if way == "sequence":
        sequence = e.op("SequenceConstruct", *rows)
        return replace(seq, name=e.op("ConcatFromSequence", sequence, axis=seq.axis, new_axis=1))
    if way == "reshape" and seq.axis < 2:
        shape = (1, -1, seq.features) if seq.axis == 0 else (-1, 1, seq.features)
        rows = [e.op("Reshape", row, e.ints(*shape)) for row in rows]
    else:
        rows = [e.unsqueeze(row, seq.axis) for row in rows]
    return replace(seq, name=e.op("Concat", *rows, axis=seq.axis))


def zeros(e: Emit, draw: Draw, knob: str, shape: list[int | str], like: Seq) -> str:
    """Return zeros of a shape; symbols are read from ``like``."""
    kind = e.target.dtype
    known = [d for d in shape if isinstance(d, int)]
    if len(known) == len(shape) and (e.opset < 9 or draw.flag(f"constant zeros {knob}", 0.4)):
        return e.tensor(np.zeros(known, kind), "zeros", "root")
    ways = ["expand"] if e.opset < 9 else ["expand", "fill"]
    parts = []
    for d in shape:
        if isinstance(d, str):
            axis = like.axis if d == like.T else like.batch_axis
            parts.append(size(e, draw, f"zeros {d}", like, axis, scalar=False))
        else:
            parts.append(e.ints(d))
    full = e.op("Concat", *parts, axis=0)
    if draw(f"zeros {knob}", ways) == "expand":
        return e.op("Expand", e.tensor(np.zeros((), kind), "zero"), full)
    return e.op(
        "ConstantOfShape", full, value=helper.make_tensor("v", helper.np_dtype_to_tensor_dtype(kind), [1], [0.0])
    )
