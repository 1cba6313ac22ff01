"""Steps in a Scan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper

from spelling.cell import Step
from spelling.sequences import Ran, flip

if TYPE_CHECKING:
    from spelling.draw import Draw
    from spelling.emit import Emit
    from spelling.sequences import Program


def run(e: Emit, draw: Draw, program: Program) -> Ran:
    """Run a program as a Scan."""
    seqs, kind = program.seqs, helper.np_dtype_to_tensor_dtype(e.target.dtype)
    by_direction = program.reverse and draw("reverse", ("directions", "flip")) == "directions"
    if program.reverse and not by_direction:
        seqs = [flip(e, draw, f"x{n}", seq) for n, seq in enumerate(seqs)]
    body = e.child("body")
    declared = draw("declared shapes", {"full": 3, "none": 1, "unset": 0.7})

    def info(name: str, elem: int, shape: list[int | str]) -> onnx.ValueInfoProto:
        given = {"full": shape, "none": None, "unset": [None] * len(shape)}[declared]
        return helper.make_tensor_value_info(name, elem, given)

    states: list[str | None] = [body.name("state") for _ in program.states]
    infos = [info(str(name), s.kind, s.shape) for name, s in zip(states, program.states, strict=True)]
    slices, slice_infos = [], []
    for seq in seqs:
        name = body.name("xt")
        slice_infos.append(info(name, kind, [d for n, d in enumerate(seq.shape) if n != seq.axis]))
        slices.append(body.op("Transpose", name, perm=[1, 0]) if program.space.columns else name)
    if program.space.lead:
        slices = [program.space.enter(body, name) for name in slices]

    def clock() -> str:
        one = body.ints(1, scalar=True)
        return body.carry(np.array(0, np.int64), "t", lambda t: body.op("Add", t, one))

    dead_counter(body, draw)
    new, collected = program.step(body, slices, states, Step(None, clock))
    outputs = [body.op("Identity", value) for value in new]
    outer = program.space.columns and draw.flag("turn Y outside", 0.5)
    rows = [value if outer else program.space.leave(body, value) for value in collected]
    scanned = [body.op("Identity", row) for row in rows]  # onnxruntime miscomputes a state that is also a scan output
    graph = helper.make_graph(
        body.nodes,
        "step",
        [*infos, *(c.info for c in body.carried), *slice_infos],
        [
            *(info(o, s.kind, s.shape) for o, s in zip(outputs, program.states, strict=True)),
            *(helper.make_tensor_value_info(c.next, c.info.type.tensor_type.elem_type, None) for c in body.carried),
            *(helper.make_tensor_value_info(y, kind, None) for y in scanned),
        ],
        body.initializers,
    )
    axis = 0 if outer else draw("axis of Y", {0: 4, seqs[0].axis: 1})
    turned_back = program.reverse and draw("order of Y", {"input": 3, "processing": 1}) == "input"
    attributes = {
        "num_scan_inputs": len(seqs),
        "scan_input_axes": [seq.axis for seq in seqs] if any(seq.axis for seq in seqs) else None,
        "scan_input_directions": [1] * len(seqs) if by_direction else None,
        "scan_output_axes": [axis] * len(scanned) if axis else None,
        "scan_output_directions": [1] * len(scanned) if turned_back and scanned else None,
    }
    if draw.flag("attributes spelled out", 0.3):
        attributes["scan_input_axes"] = attributes["scan_input_axes"] or [0] * len(seqs)
        attributes["scan_input_directions"] = attributes["scan_input_directions"] or [0] * len(seqs)
    given = [str(s.initial) for s in program.states] + [c.initial for c in body.carried] + [seq.name for seq in seqs]
    ran = e.ops("Scan", *given, outputs=len(new) + len(body.carried) + len(scanned), body=graph, **attributes)
    Y = []
    for n, features in enumerate(program.collected):
        name = ran[len(new) + len(body.carried) + n]
        if outer:
            name = e.op("Transpose", name, perm=[0, 2, 1])
        Y.append(
            replace(seqs[0], name=name, axis=axis, features=features, backwards=program.reverse and not turned_back)
        )
    return Ran(Y, ran[: len(new)])


def dead_counter(body: Emit, draw: Draw) -> None:
    """Carry a counter that nobody reads, now and then."""
    if draw.flag("dead counter", 0.15):
        kind = draw("dead counter type", (np.int32, np.int64))
        one = body.tensor(np.array(1, kind), "one")
        body.carry(np.array(0, kind), "dead", lambda t: body.op("Add", t, one))
