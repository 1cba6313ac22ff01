"""What the lowered forms are compared with: other ways to write the same GRU, and the matrix products alone.

``editor``
    A Scan as onnxruntime's retired model editor wrote it (core/providers/nuphar/scripts/model_editor.py): the
    projection outside, one wide product per step, Split, (1 - z) n + z h, and the weights in the graph around the body.
``inside``
    The same body with the projection of the input inside it as well.
``naive_loop``
    A Loop that gathers its row of X, with every product of every gate inside.
``floor``
    The products alone: the projection outside, three chained Gemms a step, and nothing between them. It computes no
    GRU; a Scan that does these products one after the other cannot be faster.

All are forward, static, without sequence_lens and initial_h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import numpy_helper, parser

from benchmarks.gru_case import IR_VERSION, OPSET, Case, weights

if TYPE_CHECKING:
    from collections.abc import Callable

    import onnx

    from gru_lower.verification.arrays import Array

_MODEL = """<ir_version: {ir}, opset_import: ["": {opset}]>
rival (float[{T}, {B}, {H}] X) => (float[{T}, 1, {B}, {H}] Y, float[1, {B}, {H}] Y_h)
<int64[1] zero = {{0}}, int64[1] one = {{1}}, float[1] unit = {{1.0}}, int64[2] sizes = {{{H2}, {H}}},
 int64[2] flat = {{-1, {H}}}, int64[3] steps = {{{T}, {B}, {H}}}, int64 trips = {{{T}}}, bool go = {{1}}>
{{
{body}
  Y = Unsqueeze (Ys, one)
  Y_h = Unsqueeze (last, zero)
}}"""

_SCAN = """  last, Ys = Scan <num_scan_inputs: int = {scanned}, body: graph = step ({arguments})
    => (float[{B}, {H}] next, float[{B}, {H}] y)
  {{
{step}
  }}> (h0, {rows})"""

_GATES = {
    0: """    xzr, xh = Split <axis = 1> (x, sizes)
    hzr = MatMul (h, Rzr_t)
    azr = Add (hzr, xzr)
    zr = Sigmoid (azr)
    z, r = Split <axis = 1> (zr)
    rh = Mul (h, r)
    hh = MatMul (rh, Rh_t)
    ah = Add (hh, xh)""",
    1: """    xzr, xh = Split <axis = 1> (x, sizes)
    hr = MatMul (h, R_t)
    hb = Add (hr, Rb)
    hzr, hh = Split <axis = 1> (hb, sizes)
    azr = Add (hzr, xzr)
    zr = Sigmoid (azr)
    z, r = Split <axis = 1> (zr)
    rh = Mul (r, hh)
    ah = Add (rh, xh)""",
}
_UPDATE = """
    n = Tanh (ah)
    u = Sub (unit, z)
    un = Mul (u, n)
    zh = Mul (z, h)
    new = Add (un, zh)
    next = Identity (new)
    y = Identity (new)"""

_LOOP = """  last, Ys = Loop (trips, go, h0) <body: graph = step (int64 i, bool before, float[{B}, {H}] h)
    => (bool after, float[{B}, {H}] next, float[{B}, {H}] y)
  {{
    after = Identity (before)
    x = Gather <axis = 0> (X, i)
    xz = Gemm <transB = 1> (x, Wz, Wbz)
    hz = Gemm <transB = 1> (h, Rz, Rbz)
    az = Add (xz, hz)
    z = Sigmoid (az)
    xr = Gemm <transB = 1> (x, Wr, Wbr)
    hr = Gemm <transB = 1> (h, Rr, Rbr)
    ar = Add (xr, hr)
    r = Sigmoid (ar)
    xh = Gemm <transB = 1> (x, Wh, Wbh)
{candidate}
    ah = Add (xh, hh){update}
  }}>"""
_CANDIDATE = {
    0: "    rh = Mul (r, h)\n    hh = Gemm <transB = 1> (rh, Rh, Rbh)",
    1: "    q = Gemm <transB = 1> (h, Rh, Rbh)\n    hh = Mul (r, q)",
}


def editor(case: Case) -> onnx.ModelProto:
    """Return the Scan that onnxruntime's editor wrote."""
    outside = "  XW = MatMul (X, W_t)\n  Xp = Add (XW, Wb)\n"
    arguments = f"float[{case.B}, {case.H}] h, float[{case.B}, {3 * case.H}] x"
    return _model(case, outside + _scan(case, arguments, _GATES[case.lbr] + _UPDATE, ["Xp"]))


def inside(case: Case) -> onnx.ModelProto:
    """Return the same Scan with the input's projection in its body."""
    project = "    xw = MatMul (xt, W_t)\n    x = Add (xw, Wb)\n"
    arguments = f"float[{case.B}, {case.H}] h, float[{case.B}, {case.H}] xt"
    return _model(case, _scan(case, arguments, project + _GATES[case.lbr] + _UPDATE, ["X"]))


def naive_loop(case: Case) -> onnx.ModelProto:
    """Return a Loop with everything inside."""
    return _model(case, _LOOP.format(H=case.H, B=case.B, candidate=_CANDIDATE[case.lbr], update=_UPDATE))


def floor(case: Case) -> onnx.ModelProto:
    """Return the products alone."""
    outside = "  rows = Reshape (X, flat)\n" + "".join(
        f"  P{gate} = Gemm <transB = 1> (rows, W{gate}, Wb{gate})\n  X{gate} = Reshape (P{gate}, steps)\n"
        for gate in "zrh"
    )
    arguments = ", ".join(f"float[{case.B}, {case.H}] {name}" for name in ("h", "xz", "xr", "xh"))
    step = """    a = Gemm <transB = 1> (h, Rz, xz)
    y = Gemm <transB = 1> (a, Rr, xr)
    next = Gemm <transB = 1> (y, Rh, xh)"""
    return _model(case, outside + _scan(case, arguments, step, ["Xz", "Xr", "Xh"]))


RIVALS: dict[str, Callable[[Case], onnx.ModelProto]] = {
    "editor": editor,
    "inside": inside,
    "naive_loop": naive_loop,
    "floor": floor,
}


def _scan(case: Case, arguments: str, step: str, rows: list[str]) -> str:
    return _SCAN.format(H=case.H, B=case.B, scanned=len(rows), arguments=arguments, step=step, rows=", ".join(rows))


def _model(case: Case, body: str) -> onnx.ModelProto:
    H = case.H
    model = parser.parse_model(_MODEL.format(ir=IR_VERSION, opset=OPSET, T=case.T, B=case.B, H=H, H2=2 * H, body=body))
    used = {name for node in model.graph.node for name in _names(node)}
    tensors = _tensors(case) | {"h0": np.zeros((case.B, H), np.float32)}
    unused = [tensor for tensor in model.graph.initializer if tensor.name not in used]
    for tensor in unused:
        model.graph.initializer.remove(tensor)
    model.graph.initializer.extend(
        numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in tensors.items() if name in used
    )
    return model


def _names(node: onnx.NodeProto) -> set[str]:
    bodies = [attribute.g for attribute in node.attribute if attribute.HasField("g")]
    return {*node.input, *(name for body in bodies for inner in body.node for name in _names(inner))}


def _tensors(case: Case) -> dict[str, Array]:
    """Return the weights under every name the texts use: whole and transposed, and by gate."""
    W, R, B = (array[0] for array in weights(case).values())
    H = case.H
    Wb, Rb = B[: 3 * H], B[3 * H :]
    by_gate = {
        f"{name}{gate}": array[index * H : (index + 1) * H]
        for name, array in (("W", W), ("R", R), ("Wb", Wb), ("Rb", Rb))
        for index, gate in enumerate("zrh")
    }
    # What may be added before the products is: all but Rbh where the reset gate comes after the product.
    candidate = np.arange(3 * H) >= 2 * H
    folded = np.where(candidate & bool(case.lbr), Wb, Wb + Rb)
    left = np.where(candidate, Rb, 0)
    return by_gate | {"W_t": W.T, "R_t": R.T, "Rzr_t": R[: 2 * H].T, "Rh_t": R[2 * H :].T, "Wb": folded, "Rb": left}
