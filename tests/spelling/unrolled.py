"""Steps written one after the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from spelling.cell import Step
from spelling.emit import INT32_MAX, INT64_MAX
from spelling.sequences import Ran, drop, flip, joined, split_to_sequence

if TYPE_CHECKING:
    from spelling.affine import Space
    from spelling.draw import Draw
    from spelling.emit import Emit
    from spelling.sequences import Program, Seq


def run(e: Emit, draw: Draw, program: Program) -> Ran:
    """Unroll a program; the length must be known."""
    seqs, turned = program.seqs, program.reverse
    if turned and draw("reverse", ("index", "flip")) == "flip":
        seqs = [flip(e, draw, f"x{n}", seq) for n, seq in enumerate(seqs)]
        turned = False
    T = seqs[0].T
    assert isinstance(T, int)
    slices = [slices_of(e, draw, f"x{n}", seq, program.space) for n, seq in enumerate(seqs)]
    states: list[str | None] = [state.initial for state in program.states]
    kept: list[list[str]] = [[] for _ in program.collected]
    order = list(reversed(range(T)) if turned else range(T))
    if "short" in program.asks:
        order.pop()
    if "mixed order" in program.asks:
        order[:2] = order[1::-1]
    for number, t in enumerate(order):
        step = Step(number, lambda number=number: e.ints(number, scalar=True))  # type: ignore[misc]
        new, collected = program.step(e, [part[t] for part in slices], states, step)
        states = list(new)
        for values, value in zip(kept, collected, strict=True):
            values.append(value)
    axis = draw("axis of Y", {seqs[0].axis: 4, 0: 1, 1: 1})
    Y = []
    for n, (values, features) in enumerate(zip(kept, program.collected, strict=True)):
        whole = replace(program.seqs[0], name="", T=len(values), axis=axis, features=features)
        backwards = program.reverse and draw("order of Y", {"input": 3, "processing": 1}) == "processing"
        ordered = values[::-1] if program.reverse and not backwards else values
        Y.append(replace(joined(e, draw, f"y{n}", ordered, program.space, whole), backwards=backwards))
    return Ran(Y, [state for state in states if state is not None])


def slices_of(e: Emit, draw: Draw, knob: str, seq: Seq, space: Space) -> list[str]:
    """Return every step of a sequence."""
    T, axis = seq.T, seq.axis
    assert isinstance(T, int)
    ways = {"gather": 4.0, "gather1": 1, "slice": 2, "slice negative": 1, "split": 2}
    if e.opset >= 11:
        ways["sequence"] = 1
    way = draw(f"read {knob}", ways)
    keep = bool(space.lead)
    if way == "sequence":
        parts = split_to_sequence(e, draw, knob, seq, keep=keep)
        values = [e.op("SequenceAt", parts, e.ints(t, scalar=True)) for t in range(T)]
    elif way == "gather" and not keep:
        values = [e.op("Gather", seq.name, e.ints(t, scalar=True), axis=axis) for t in range(T)]
    else:
        if way.startswith("gather"):
            values = [e.op("Gather", seq.name, e.ints(t), axis=axis) for t in range(T)]
        elif way == "split":
            values = (
                e.split(seq.name, [1] * T, axis, explicit=draw.flag(f"split sizes {knob}", 0.6))
                if T > 1
                else [seq.name]
            )
        elif way == "slice negative":
            largest = draw(f"largest {knob}", (INT32_MAX, INT64_MAX))
            values = [e.slice(seq.name, t - T, t + 1 - T if t + 1 < T else largest, axis) for t in range(T)]
        else:
            values = [e.slice(seq.name, t, t + 1, axis) for t in range(T)]
        if not keep:
            values = [drop(e, draw, knob, value, seq) for value in values]
    return [e.op("Transpose", value, perm=[1, 0]) for value in values] if space.columns else values
