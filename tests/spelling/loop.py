"""Steps in a Loop: counted, conditional or both."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper

from spelling.buffers import Buffer, ways
from spelling.cell import Step
from spelling.emit import INT64_MAX
from spelling.scan import dead_counter
from spelling.sequences import Ran, Reader, flip, size

if TYPE_CHECKING:
    from spelling.draw import Draw
    from spelling.emit import Emit
    from spelling.sequences import Program


class LoopBuilder:
    """One Loop under construction.

    Args:
        e: The scope around it.
        draw: The container's choices.
        program: What it runs.

    """

    def __init__(self, e: Emit, draw: Draw, program: Program) -> None:
        self.e, self.draw, self.program = e, draw, program
        self.kind = helper.np_dtype_to_tensor_dtype(e.target.dtype)
        self.seqs = program.seqs
        self.by_index = program.reverse and draw("reverse", ("index", "flip")) == "index"
        if program.reverse and not self.by_index:
            self.seqs = [flip(e, draw, f"x{n}", seq) for n, seq in enumerate(self.seqs)]
        self.length = size(e, draw, "T", self.seqs[0], self.seqs[0].axis)
        if "short" in program.asks:
            self.until = e.op("Sub", self.length, e.ints(1, scalar=True))
        else:
            self.until = self.length
        self.trip: str = draw(
            "trip", {"count": 5, "count, no condition": 1.5, "while": 2, "while, largest": 1.5, "both": 2}
        )
        self.body = e.child("body")
        self.iteration, self.condition = self.body.name("i"), self.body.name("go_on")
        self.declared: str = draw("declared shapes", {"full": 3, "none": 1, "unset": 1})

    def run(self) -> Ran:
        """Write it."""
        e, body, program, draw = self.e, self.body, self.program, self.draw
        readers = [Reader(e, draw, f"x{n}", seq, program.space) for n, seq in enumerate(self.seqs)]
        dead_counter(body, draw)
        self._index(negative=body.opset >= 11 and not any(reader.way.startswith("slice") for reader in readers))
        slices = [reader.read(body, self._sequence(n), self.position) for n, reader in enumerate(readers)]
        states: list[str | None] = [body.name("state") for _ in program.states]
        new, collected = program.step(body, slices, states, Step(None, lambda: self.number))
        outputs = [body.op("Identity", value) if draw.flag("state by Identity", 0.5) else value for value in new]
        buffers = [
            self._buffer(n, value, features)
            for n, (value, features) in enumerate(zip(collected, program.collected, strict=True))
        ]
        going_on = self._go_on()
        if "early exit" in program.asks:
            going_on = body.op("And", going_on, self._small(new[0]))
        scanned = [buffer.scanned for buffer in buffers if buffer.scanned]
        graph = helper.make_graph(
            body.nodes,
            "step",
            [
                helper.make_tensor_value_info(self.iteration, TensorProto.INT64, []),
                helper.make_tensor_value_info(self.condition, TensorProto.BOOL, []),
                *(self._info(str(name), s.kind, s.shape) for name, s in zip(states, program.states, strict=True)),
                *(c.info for c in body.carried),
                *(b.info for b in buffers if b.info is not None),
            ],
            [
                helper.make_tensor_value_info(going_on, TensorProto.BOOL, []),
                *(self._info(o, s.kind, s.shape) for o, s in zip(outputs, program.states, strict=True)),
                *(self._like(c.info, c.next) for c in body.carried),
                *(self._like(b.info, b.next) for b in buffers if b.info is not None),
                *(helper.make_tensor_value_info(y, self.kind, None) for y in scanned),
            ],
            body.initializers,
        )
        given = [str(s.initial) for s in program.states] + [c.initial for c in body.carried]
        given += [b.initial for b in buffers if b.info is not None]
        first = self._first()
        ran = e.ops("Loop", *self._limits(first), *given, outputs=len(given) + len(scanned), body=graph)
        held = iter(ran[len(new) + len(body.carried) :])
        held_values = [next(held) for b in buffers if b.info is not None]
        values = iter(held_values)
        Y = [buffer.whole(e, next(values) if buffer.info is not None else next(held)) for buffer in buffers]
        return Ran(Y, ran[: len(new)])

    def _info(self, name: str, kind: int, shape: list[int | str]) -> Any:
        given = {"full": shape, "none": None, "unset": [None] * len(shape)}[self.declared]
        return helper.make_tensor_value_info(name, kind, given)

    def _like(self, info: Any, name: str) -> Any:
        copy = type(info)()
        copy.CopyFrom(info)
        copy.name = name
        return copy

    def _index(self, *, negative: bool) -> None:
        """Settle the number of the step (0, 1, ...) and the index of x that it reads."""
        body, draw = self.body, self.draw
        kinds = {"iteration": 4.0, "int64": 2, "int32": 1.5} | ({"countdown": 1} if self.by_index else {})
        counter = draw("index", kinds)
        self.number = self.iteration
        one = body.ints(1, scalar=True)
        if counter in {"int64", "int32"}:
            kind = np.int64 if counter == "int64" else np.int32
            step = one if kind is np.int64 else body.tensor(np.array(1, np.int32), "one")
            counted = body.carry(np.array(0, kind), "t", lambda t: body.op("Add", t, step))
            self.number = counted if kind is np.int64 else body.op("Cast", counted, to=TensorProto.INT64)
        self.position, self.negative = self.number, False
        if counter == "countdown":
            last = self.e.op("Sub", self.length, self.e.ints(1, scalar=True))
            self.position = body.carry_value(last, TensorProto.INT64, [], lambda t: body.op("Sub", t, one))
        elif self.by_index:
            kinds = {"T-1-t": 3.0, "T-(t+1)": 1, "T-1+t*-1": 1} | ({"-1-t": 1} if negative else {})
            way = draw("backwards", kinds)
            self.negative = way == "-1-t"
            if way == "T-1-t":
                self.position = body.op("Sub", body.op("Sub", self.length, one), self.number)
            elif way == "T-(t+1)":
                self.position = body.op("Sub", self.length, body.op("Add", self.number, one))
            elif way == "-1-t":
                self.position = body.op("Sub", body.ints(-1, scalar=True), self.number)
            else:
                down = body.op("Mul", self.number, body.ints(-1, scalar=True))
                self.position = body.op("Add", body.op("Sub", self.length, one), down)
        elif draw.flag("wrapped index", 0.15) and body.opset >= 9:  # what jax does for indices that may be negative
            below = body.op("Less", self.number, body.ints(0, scalar=True))
            self.position = body.op("Where", below, body.op("Add", self.number, self.length), self.number)
        if "clamped index" in self.program.asks:
            last = body.op("Sub", self.length, body.ints(2, scalar=True))
            self.position = body.op("Where", body.op("Less", last, self.number), last, self.number)

    def _sequence(self, n: int) -> str:
        """Return the sequence as the body sees it: from outside, or carried along."""
        seq = self.seqs[n]
        if self.draw.flag("x carried", 0.2):
            shape: list[int | str | None] = list(seq.shape)
            return self.body.carry_value(seq.name, self.kind, [None] * 3 if self.declared == "unset" else shape)
        return seq.name

    def _buffer(self, n: int, value: str, features: int) -> Buffer:
        whole = replace(self.seqs[0], features=features, backwards=self.program.reverse)
        way = self.draw(f"collect y{n}", ways(self.e.opset, self.e.target.dtype))
        index = self.number
        if (
            way in {"scatter nd", "scatter elements", "one hot"}
            and self.by_index
            and self.draw.flag("write backwards", 0.7)
        ):
            index = self.position
            if self.negative:
                index = self.body.op("Add", index, self.length)
            whole = replace(whole, backwards=False)
        buffer = Buffer(self.e, self.body, self.draw, f"y{n}", way, whole, self.program.space)
        buffer.write(value, index)
        return buffer

    # The trip count and the condition.

    def _limits(self, first: str) -> list[str]:
        length = self.until
        if self.trip == "count, no condition":
            return [length, ""]
        if self.trip.startswith("while"):
            return [self.e.ints(INT64_MAX, scalar=True) if self.trip == "while, largest" else "", first]
        return [length, first]

    def _first(self) -> str:
        if self.trip in {"count", "count, no condition"} or self.draw.flag("enter unasked", 0.3):
            return self.e.tensor(np.array(1, bool), "true")
        return self._less(self.e, self.e.ints(0, scalar=True), self.until)

    def _go_on(self) -> str:
        body = self.body
        if self.trip.startswith("count"):
            if self.draw.flag("true again", 0.4):
                return body.op("Identity", body.tensor(np.array(1, bool), "true"))
            return body.op("Identity", self.condition)
        following = body.op("Add", self.number, body.ints(1, scalar=True))
        less = self._less(body, following, self.until)
        if self.draw.flag("asked twice", 0.3):
            return body.op("And", less, self._less(body, following, self.until))
        return less

    def _small(self, state: str) -> str:
        """Whether all of a state is small, which stops the loop early when it is not."""
        flat = self.body.op("Reshape", self.body.op("Abs", state), self.body.ints(-1))
        largest = self.body.reduce("ReduceMax", flat, 0, keepdims=0)
        bound = self.draw("exit bound", (0.2, 0.6))
        return self.body.op("Less", largest, self.body.tensor(np.array(bound, self.e.target.dtype), "bound"))

    def _less(self, e: Emit, a: str, b: str) -> str:
        ways = {"float": 1.0} if e.opset < 9 else {"less": 4, "float": 1, "greater": 1, "not": 1, "int32": 0.7}
        if e.opset >= 12:
            ways["less or equal"] = 1
        way = self.draw("compare", ways)
        if way in {"float", "int32"}:
            kind = TensorProto.FLOAT if way == "float" else TensorProto.INT32
            a, b = e.op("Cast", a, to=kind), e.op("Cast", b, to=kind)
        if way == "greater":
            return e.op("Greater", b, a)
        if way == "not":
            return e.op("Not", e.op("Less", e.op("Sub", b, e.ints(1, scalar=True)), a))
        if way == "less or equal":
            return e.op("LessOrEqual", a, e.op("Sub", b, e.ints(1, scalar=True)))
        return e.op("Less", a, b)


def run(e: Emit, draw: Draw, program: Program) -> Ran:
    """Run a program as a Loop."""
    return LoopBuilder(e, draw, program).run()
