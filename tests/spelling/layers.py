"""A layer: one cell, or two in one body, over a sequence, in a container."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from spelling import loop, scan, unrolled
from spelling.affine import Space
from spelling.cell import Cell
from spelling.sequences import Program, Ran, Seq, State, zeros

if TYPE_CHECKING:
    from spelling.cell import Step
    from spelling.draw import Draw
    from spelling.emit import Emit
    from spelling.sequences import Stepper
    from spelling.truth import Truth

CONTAINERS = {"unrolled": unrolled.run, "scan": scan.run, "loop": loop.run}


@dataclass
class Layer:
    """One or two cells over a sequence.

    Attributes:
        draw: The layer's choices.
        container: A key of CONTAINERS.
        truths: What the cells compute.
        cell_type: The cell's class.
        lens: The input that holds the lengths of sequences, if any.

    """

    draw: Draw
    container: str
    truths: list[Truth]
    cell_type: type[Cell] = Cell
    lens: str | None = None

    def space(self, axis: int) -> Space:
        """Return how a step's values lie."""
        forms = {"rows": 6.0}
        if self.lens is None:
            forms |= {"columns": 0.5} | ({"wide": 1} if axis < 2 else {})
        form = self.draw("space", forms)
        return Space("first" if axis == 0 else "middle") if form == "wide" else Space(columns=form == "columns")

    def run(self, e: Emit, x: Seq) -> Ran:
        """Write the layer over a sequence."""
        draw = self.draw
        # In float16 onnxruntime 1.31 fuses Transpose into MatMul, and takes the process down.
        half = e.target.dtype == np.float16
        if x.axis and not half and draw.flag("x transposed first", 0.35 if x.axis == 1 else 0.6):
            x = x.time_major(e)
        space = self.space(x.axis)
        hoist = x.axis < 2 and not half and self.cell_type.can_hoist() and draw.flag("hoist", 0.35)
        cells = [
            self.cell_type(draw.under(f"cell{n}"), truth, space, e.opset, hoist=hoist and n == 0)
            for n, truth in enumerate(self.truths)
        ]
        xs = hoisted(e, draw, cells[0], x) if hoist else [x]
        states, reverse, asks = self._states(e, x, space), self.truths[0].reverse, self.cell_type.asks
        program = Program(xs, states, self._step(cells), self._collected(), space, reverse, asks)
        ran = CONTAINERS[self.container](e, draw, program)
        return Ran(ran.Y, [space.leave(e, last) for last in ran.last[: len(self.truths)]])

    def _collected(self) -> list[int]:
        collected = [self.truths[-1].H]
        if "gate out" in self.cell_type.asks:
            return collected * 2
        more = self.draw.flag("collect both", 0.3) if len(self.truths) == 2 else self.draw.flag("collect twice", 0.05)
        if more and self.cell_type is Cell:
            collected.append(self.truths[0].H)
        return collected

    def _states(self, e: Emit, x: Seq, space: Space) -> list[State]:
        kind, states = helper.np_dtype_to_tensor_dtype(e.target.dtype), []
        for n, truth in enumerate(self.truths):
            fold = (
                self.container == "unrolled" and truth.h0 is None and self.lens is None and e.target.weights != "input"
            )
            fold = fold and not self.cell_type.more_states and "state" not in self.cell_type.asks
            fold = fold and ("fold" in self.cell_type.asks or self.draw.flag("fold first step", 0.5))
            initial = None if fold else space.enter(e, self.initial(e, f"h0 {n}", truth, x))
            states.append(State(initial, space.shape(x.B, truth.H), kind))
        if (
            self.container != "unrolled"
            and len(self.truths) == 1
            and self.lens is None
            and self.draw.flag("dead copy", 0.06)
        ):
            states.append(states[0])
        for name in self.cell_type.more_states:
            features = self.truths[0].I if name == "x" else self.truths[0].H
            rows = zeros(e, self.draw, f"more {name}", [x.B, features], x)
            states.append(State(space.enter(e, rows), space.shape(x.B, features), kind))
        return states

    def initial(self, e: Emit, knob: str, truth: Truth, x: Seq) -> str:
        """Return the state a cell starts from, [B, H]."""
        if truth.h0 is None:
            return zeros(e, self.draw, knob, [x.B, truth.H], x)
        if isinstance(truth.h0, str):
            return truth.h0
        given = e.weight(truth.h0, "h0")
        if truth.h0.shape[0] == x.B:
            return given
        like = zeros(e, self.draw, knob, [x.B, truth.H], x)
        return e.op("Expand", given, e.op("Shape", like)) if e.opset >= 8 else e.op("Add", like, given)

    def _step(self, cells: list[Cell]) -> Stepper:
        more = self.cell_type.more_states

        def step(e: Emit, xs: list[str], states: list[str | None], at: Step) -> tuple[list[str], list[str]]:
            if more:
                at.more = {name: state or "" for name, state in zip(more, states[-len(more) :], strict=True)}
            new = [cells[0].step(e, xs, states[0], at)]
            ys = [new[0]]
            if len(cells) == 2:
                new.append(cells[1].step(e, [new[0]], states[1], at))
                ys = [new[1], new[0]]
            if "gate out" in self.cell_type.asks:
                ys = [new[0], cells[0].gate]
            if self.lens is not None:
                kept, ys[0] = self._masked(e, new[0], states[0] or "", at)
                if "frozen Y" in self.cell_type.asks:
                    ys[0] = kept
                new, ys = [kept], [ys[0]]
            if len(states) == len(cells) + 1 + len(more) and self.lens is None:
                new.append(cells[0].step(e, xs, states[len(cells)], at))
            return new + [at.more[name] for name in more], (ys + ys)[: len(self._collected())]

        return step

    def _masked(self, e: Emit, new: str, h: str, at: Step) -> tuple[str, str]:
        """Keep the state and give zeros past a sequence's length, as sequence_lens has it."""
        assert self.lens is not None
        live = e.op("Less", at.clock(), self.lens)
        way = self.draw("mask", {"where": 3, "where not": 1, "product": 1})
        if way == "product":
            factor = e.op("Cast", e.unsqueeze(live, 1), to=helper.np_dtype_to_tensor_dtype(e.target.dtype))
            rest = e.op("Sub", e.scalar(1), factor)
            kept = e.op("Add", e.op("Mul", new, factor), e.op("Mul", h, rest))
            return kept, e.op("Mul", new, factor)
        live = e.unsqueeze(live, 1)
        nothing = e.scalar(0)
        if way == "where not":
            over = e.op("Not", live)
            return e.op("Where", over, h, new), e.op("Where", over, nothing, new)
        return e.op("Where", live, new, h), e.op("Where", live, new, nothing)


def hoisted(e: Emit, draw: Draw, cell: Cell, x: Seq) -> list[Seq]:
    """Project the whole sequence at once, in three axes or flattened to two."""
    groups = [len(group) * cell.truth.H for group in cell.groups_x]
    symbols = [d for d in x.shape if isinstance(d, str)]
    if len(symbols) > 1 or draw("hoist in", {"3-D": 2, "2-D": 1}) == "3-D":
        names = cell.hoisted(e, x.name, Space("first"))
    else:
        flat = e.op("Reshape", x.name, e.ints(-1, x.features))
        names = []
        for name, features in zip(cell.hoisted(e, flat, Space()), groups, strict=True):
            shape = [-1 if isinstance(d, str) else d for d in replace(x, features=features).shape]
            if not symbols and draw.flag("inferred", 0.5):
                shape[x.batch_axis] = -1
            names.append(e.op("Reshape", name, e.ints(*shape)))
    return [replace(x, name=name, features=features) for name, features in zip(names, groups, strict=True)]
