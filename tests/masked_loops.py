"""GRUs in a Loop, a Scan or unrolled whose steps a mask holds back, spelled in many ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from gru_lower.gru import reference

Array = np.ndarray[Any, np.dtype[Any]]
I, H = 3, 4
STEPWISE = ("less", "greater", "not greater or equal", "less or equal", "int32", "float", "shifted", "product")
PLACED = ("range [T,B]", "range [B,T]", "range [T,B,1]", "expanded", "range turned")


@dataclass(frozen=True)
class Case:
    """What to spell.

    Attributes:
        carrier: "loop", "scan" or "unrolled".
        mask: One of STEPWISE or PLACED, or "given" for an input [B,T] of booleans.
        reverse: Whether steps run T-1..0.
        lbr: linear_before_reset.
        initial: Whether the initial state is an input.
        y: "masked" (0 past the length), "kept" (the state, repeated), "both ways" (kept, and then masked) or "none".
        steps: T; ``None`` for a symbol.

    """

    carrier: str = "loop"
    mask: str = "less"
    reverse: bool = False
    lbr: int = 1
    initial: bool = False
    y: str = "masked"
    steps: int | None = 5


def weights(seed: int = 0) -> dict[str, Array]:
    """Return W [3H,I], R [3H,H] and B [6H] in float32."""
    rng = np.random.default_rng(seed)
    shapes = {"W": (3 * H, I), "R": (3 * H, H), "B": (6 * H,)}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


class Nodes:
    """Nodes and constants of one graph."""

    def __init__(self, prefix: str) -> None:
        """Start with none."""
        self.prefix, self.nodes, self.initializers = prefix, list[onnx.NodeProto](), list[onnx.TensorProto]()

    def __call__(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Append a node and return its output, or outputs."""
        names = [f"{self.prefix}{op}_{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def const(self, value: Any, dtype: Any = np.int64) -> str:
        """Append a constant."""
        name = f"{self.prefix}const_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.array(value, dtype), name))
        return name

    def cell(self, x: str, h: str, lbr: int) -> str:
        """Append a step."""
        zx, rx, nx = self("Split", self("Add", self("MatMul", x, "Wt"), "Wb"), outputs=3, axis=1)
        zh, rh, nh = self("Split", self("Add", self("MatMul", h, "Rt"), "Rb"), outputs=3, axis=1)
        z, r = self("Sigmoid", self("Add", zx, zh)), self("Sigmoid", self("Add", rx, rh))
        inner = self("Mul", r, nh) if lbr else self("Add", self("MatMul", self("Mul", r, h), "Rnt"), "Rbn")
        n = self("Tanh", self("Add", nx, inner))
        return str(self("Add", self("Mul", z, h), self("Mul", self("Sub", self.const(1, np.float32), z), n)))

    def live(self, way: str, t: str) -> str:
        """Append the mask of step t, [B,1]."""
        if way == "greater":
            found = self("Greater", "lens", t)
        elif way == "not greater or equal":
            return str(self("Not", self("Reshape", self("GreaterOrEqual", t, "lens"), self.const([-1, 1]))))
        elif way == "less or equal":
            found = self("LessOrEqual", t, self("Sub", "lens", self.const(1)))
        elif way == "int32":
            found = self("Less", *(self("Cast", v, to=TensorProto.INT32) for v in (t, "lens")))
        elif way == "float":
            found = self("Less", *(self("Cast", v, to=TensorProto.FLOAT) for v in (t, "lens")))
        elif way == "shifted":
            return str(self("Greater", self("Unsqueeze", "lens", self.const([1])), t))
        else:
            found = self("Less", t, "lens")
        return str(self("Unsqueeze", found, self.const([1])))

    def chosen(self, way: str, live: str, new: str, other: str | None) -> str:
        """Append new where live, other (0 for None) elsewhere."""
        if way != "product":
            return str(self("Where", live, new, other or self.const(0, np.float32)))
        factor = self("Cast", live, to=TensorProto.FLOAT)
        kept = self("Mul", factor, new)
        if other is None:
            return str(kept)
        return str(self("Add", kept, self("Mul", self("Sub", self.const(1, np.float32), factor), other)))

    def step(self, case: Case, x: str, h: str, live: str) -> tuple[str, str]:
        """Append a masked step; return the state and what is given out."""
        new = self.cell(x, h, case.lbr)
        kept = self.chosen(case.mask, live, new, h)
        if case.y == "kept":
            return kept, kept
        return kept, self.chosen(case.mask, live, kept if case.y == "both ways" else new, None)


def placed(e: Nodes, case: Case) -> str:
    """Append the masks of all steps, [T,B,1]."""
    if case.mask == "given":
        return str(e("Unsqueeze", e("Transpose", "mask", perm=[1, 0]), e.const([2])))
    T = e("Gather", e("Shape", "x"), e.const(0))
    turned = case.mask == "range turned"
    if turned:
        steps = e("Range", e("Sub", T, e.const(1)), e.const(-1), e.const(-1))
    else:
        steps = e("Range", e.const(0), T, e.const(1))
    if case.mask == "range [B,T]":
        found = e("Less", e("Unsqueeze", steps, e.const([0])), e("Unsqueeze", "lens", e.const([1])))
        return str(e("Unsqueeze", e("Transpose", found, perm=[1, 0]), e.const([2])))
    if case.mask == "range [T,B,1]":
        column = e("Unsqueeze", steps, e.const([1, 2]))
        return str(e("Less", column, e("Reshape", "lens", e.const([1, -1, 1]))))
    found = e("Less", e("Unsqueeze", steps, e.const([1])), e("Unsqueeze", "lens", e.const([0])))
    if turned:
        found = e("Slice", found, e.const([-1]), e.const([-(2**31)]), e.const([0]), e.const([-1]))
    found = e("Unsqueeze", found, e.const([2]))
    if case.mask == "expanded":
        shape = e("Concat", e("Slice", e("Shape", "x"), e.const([0]), e.const([2])), e.const([1]), axis=0)
        return str(e("Expand", found, shape))
    return str(found)


def model(case: Case) -> onnx.ModelProto:
    """Spell a case; inputs x [T,B,I], lens [B] (or mask [B,T]) and h0 [B,H]; outputs Y [T,B,H] and Y_h [B,H]."""
    w, e = weights(), Nodes("main_")
    T: int | str = case.steps or "T"
    size = e("Slice", e("Shape", "x"), e.const([1]), e.const([2]))
    zeros = e("ConstantOfShape", e("Concat", size, e.const([H]), axis=0))
    h0 = "h0" if case.initial else zeros
    masks = placed(e, case) if case.mask in (*PLACED, "given") else ""
    if case.carrier == "unrolled":
        last, y = _unrolled(e, case, h0, masks)
    else:
        last, y = (_loop if case.carrier == "loop" else _scan)(e, case, h0, masks)
    e.nodes.append(helper.make_node("Identity", [last], ["Y_h"]))
    outputs = [helper.make_tensor_value_info("Y_h", TensorProto.FLOAT, ["B", H])]
    if case.y != "none":
        if case.reverse and case.carrier != "unrolled":
            y = e("Slice", y, e.const([-1]), e.const([-(2**31)]), e.const([0]), e.const([-1]))
        e.nodes.append(helper.make_node("Identity", [y], ["Y"]))
        outputs.append(helper.make_tensor_value_info("Y", TensorProto.FLOAT, [T, "B", H]))
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [T, "B", I])]
    if case.mask == "given":
        inputs.append(helper.make_tensor_value_info("mask", TensorProto.BOOL, ["B", T]))
    else:
        inputs.append(helper.make_tensor_value_info("lens", TensorProto.INT64, ["B"]))
    if case.initial:
        inputs.append(helper.make_tensor_value_info("h0", TensorProto.FLOAT, ["B", H]))
    given = {
        "Wt": w["W"].T,
        "Rt": w["R"].T,
        "Rnt": w["R"][2 * H :].T,
        "Wb": w["B"][: 3 * H],
        "Rb": w["B"][3 * H :] if case.lbr else np.append(w["B"][3 * H : 5 * H], np.zeros(H, np.float32)),
        "Rbn": w["B"][5 * H :],
    }
    tensors = [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in given.items()]
    graph = helper.make_graph(e.nodes, "masked", inputs, outputs, [*tensors, *e.initializers])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def _info(name: str, kind: int, shape: list[Any]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _loop(e: Nodes, case: Case, h0: str, masks: str) -> tuple[str, str]:
    b = Nodes("body_")
    T = e("Gather", e("Shape", "x"), e.const(0))
    t = b("Sub", b("Sub", T, b.const(1)), "i") if case.reverse else "i"
    live = b("Gather", masks, t) if masks else b.live(case.mask, t)
    kept, y = b.step(case, b("Gather", "x", t), "h", live)
    infos = [
        _info("i", TensorProto.INT64, []),
        _info("go", TensorProto.BOOL, []),
        _info("h", TensorProto.FLOAT, ["B", H]),
    ]
    outs = [_info(b("Identity", "go"), TensorProto.BOOL, []), _info(b("Identity", kept), TensorProto.FLOAT, ["B", H])]
    outs += [_info(b("Identity", y), TensorProto.FLOAT, ["B", H])] if case.y != "none" else []
    body = helper.make_graph(b.nodes, "step", infos, outs, b.initializers)
    made = e("Loop", T, e.const(1, bool), h0, outputs=len(outs) - 1, body=body)
    return (made[0], made[1]) if case.y != "none" else (made, "")


def _scan(e: Nodes, case: Case, h0: str, masks: str) -> tuple[str, str]:
    b = Nodes("body_")
    T = e("Gather", e("Shape", "x"), e.const(0))
    start, step = (e("Sub", T, e.const(1)), -1) if case.reverse else (e.const(0), 1)
    live = "live" if masks else b.live(case.mask, "t")
    kept, y = b.step(case, "xt", "h", live)
    infos = [_info("h", TensorProto.FLOAT, ["B", H]), _info("t", TensorProto.INT64, [])]
    infos += [_info("xt", TensorProto.FLOAT, ["B", I])] + ([_info("live", TensorProto.BOOL, ["B", 1])] if masks else [])
    outs = [
        _info(b("Identity", kept), TensorProto.FLOAT, ["B", H]),
        _info(b("Add", "t", b.const(step)), TensorProto.INT64, []),
    ]
    outs += [_info(b("Identity", y), TensorProto.FLOAT, ["B", H])] if case.y != "none" else []
    body = helper.make_graph(b.nodes, "step", infos, outs, b.initializers)
    read = ["x", masks] if masks else ["x"]
    made = e(
        "Scan",
        *[h0, start, *read],
        outputs=len(outs),
        body=body,
        num_scan_inputs=len(read),
        scan_input_directions=[int(case.reverse)] * len(read),
    )
    return (made[0], made[2]) if case.y != "none" else (made[0], "")


def _unrolled(e: Nodes, case: Case, h0: str, masks: str) -> tuple[str, str]:
    assert case.steps is not None
    h, ys = h0, dict[int, str]()
    for t in reversed(range(case.steps)) if case.reverse else range(case.steps):
        live = e("Gather", masks, e.const(t)) if masks else e.live(case.mask, e.const(t))
        h, y = e.step(case, e("Gather", "x", e.const(t)), h, live)
        ys[t] = e("Unsqueeze", y, e.const([0]))
    return h, str(e("Concat", *(ys[t] for t in sorted(ys)), axis=0)) if case.y != "none" else ""


def feeds(case: Case, lens: list[int], steps: int, seed: int = 0) -> dict[str, Array]:
    """Return inputs with the given lengths."""
    rng = np.random.default_rng([seed, steps, len(lens)])
    fed: dict[str, Array] = {"x": rng.normal(size=(steps, len(lens), I)).astype(np.float32)}
    if case.mask == "given":
        fed["mask"] = np.arange(steps) < np.array(lens)[:, None]
    else:
        fed["lens"] = np.array(lens, np.int64)
    if case.initial:
        fed["h0"] = rng.normal(size=(len(lens), H)).astype(np.float32)
    return fed


def expected(case: Case, fed: dict[str, Array], lens: list[int]) -> dict[str, Array]:
    """Return the outputs in float64."""
    w, steps = weights(), len(fed["x"])
    h0 = fed["h0"] if case.initial else np.zeros((len(lens), H))
    Y, Y_h = reference.gru(
        fed["x"],
        w["W"][None],
        w["R"][None],
        w["B"][None],
        sequence_lens=np.clip(lens, 0, steps),
        initial_h=h0[None],
        direction="reverse" if case.reverse else "forward",
        linear_before_reset=case.lbr,
        zero_length_state="initial",
    )
    y = Y[:, 0]
    if case.y == "kept":
        past = np.arange(steps)[:, None] >= np.clip(lens, 0, steps)
        y = np.where(past[..., None], h0 if case.reverse else Y_h[0], y)
    return {"Y_h": Y_h[0]} | ({"Y": y} if case.y != "none" else {})
