"""Linear maps and what takes their results apart, in the spellings of exporters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spelling.emit import INT32_MAX, INT64_MAX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spelling.draw import Draw
    from spelling.emit import Emit
    from spelling.truth import Floats


@dataclass(frozen=True)
class Space:
    """How a step's values lie.

    Attributes:
        lead: "" for [B, H]; "first" for [1, B, H]; "middle" for [B, 1, H].
        columns: [H, B] instead of [B, H].

    """

    lead: str = ""
    columns: bool = False

    @property
    def rank(self) -> int:
        """2, or 3 with an axis of size 1."""
        return 3 if self.lead else 2

    @property
    def axis(self) -> int:
        """The axis of features."""
        return 0 if self.columns else self.rank - 1

    def shape(self, batch: int | str, features: int) -> list[int | str]:
        """Return the shape of a step's value."""
        if self.columns:
            return [features, batch]
        return {"": [batch, features], "first": [1, batch, features], "middle": [batch, 1, features]}[self.lead]

    def enter(self, e: Emit, rows: str) -> str:
        """Bring [B, H] into this form."""
        if self.columns:
            return e.op("Transpose", rows, perm=[1, 0])
        return e.unsqueeze(rows, 0 if self.lead == "first" else 1) if self.lead else rows

    def leave(self, e: Emit, value: str) -> str:
        """Bring a value of this form to [B, H]."""
        if self.columns:
            return e.op("Transpose", value, perm=[1, 0])
        return e.squeeze(value, 0 if self.lead == "first" else 1) if self.lead else value


def affine(e: Emit, draw: Draw, knob: str, space: Space, v: str, W: Floats, b: Floats | None) -> str:
    """Return W·v + b for each sequence; W is [G, I], b is [G] or None."""
    if space.columns:
        return _columns(e, draw, knob, v, W, b)
    ways = {"matmul": 5.0}
    if e.target.dtype != np.float16:  # onnxruntime 1.31 fuses it, and takes the process down
        ways["transposed weight"] = 1
    if can_einsum(e):
        ways |= {"einsum": 1, "einsum T": 1}
    if space.rank == 2:
        ways |= {"gemm T": 5, "gemm": 2, "gemm alpha": 0.7, "gemm A": 0.4, "left": 0.5}
        if e.target.dtype == np.float32:
            ways["conv"] = 0.15
    way = draw(f"matmul {knob}", ways)
    if way.startswith("gemm"):
        return _gemm(e, draw, knob, way, v, W, b)
    if way == "conv":
        bias = [] if b is None else [e.weight(b, "b")]
        return e.squeeze(e.op("Conv", e.unsqueeze(v, 2), e.weight(W[..., None], "w"), *bias), 2)
    if way == "matmul":
        product = e.op("MatMul", v, e.weight(W.T, "w"))
    elif way == "transposed weight":
        product = e.op("MatMul", v, e.op("Transpose", e.weight(W, "w"), perm=[1, 0]))
    elif way == "left":
        product = e.op("MatMul", e.weight(W, "w"), e.op("Transpose", v, perm=[1, 0]))
        product = e.op("Transpose", product, perm=[1, 0])
    else:
        lead = "ab"[: space.rank - 1]
        right, weight = ("gi", W) if way == "einsum" else ("ig", W.T)
        product = e.op("Einsum", v, e.weight(weight, "w"), equation=f"{lead}i,{right}->{lead}g")
    if knob != "h n":  # onnxruntime 1.31 loses a no-op before a product with 1/(1+exp) in a Scan
        product = e.pass_on(product, f"after {knob}", space.rank)
    return product if b is None else add_bias(e, draw, knob, space, product, b)


def can_einsum(e: Emit) -> bool:
    """Whether there is an Einsum; in float16 onnxruntime 1.31's takes the process down."""
    return e.opset >= 12 and e.target.dtype != np.float16


def add_bias(e: Emit, draw: Draw, knob: str, space: Space, v: str, b: Floats) -> str:
    """Add a vector over the features."""
    if space.columns:
        return e.add(f"bias {knob}", v, e.weight(b[:, None], "b"))
    ranks = range(1, space.rank + 1)
    rank = draw(f"bias rank {knob}", {n: 3.0 if n == 1 else 1.0 for n in ranks})
    return e.add(f"bias {knob}", v, e.weight(b.reshape([1] * (rank - 1) + [-1]), "b"))


def _gemm(e: Emit, draw: Draw, knob: str, way: str, v: str, W: Floats, b: Floats | None) -> str:
    third = [] if b is None else [e.weight(b, "b")]
    if b is None and (e.opset < 11 or draw.flag(f"zero C {knob}", 0.2)):
        third = [e.tensor(np.zeros((1,), e.target.dtype), "zero")]
    if way == "gemm T":
        return e.op("Gemm", v, e.weight(W, "w"), *third, transB=1, alpha=1.0, beta=1.0)
    if way == "gemm A":
        return e.op("Gemm", e.op("Transpose", v, perm=[1, 0]), e.weight(W.T, "w"), *third, transA=1)
    if way == "gemm alpha":
        third = third if b is None else [e.weight(b / 2, "b")]
        return e.op("Gemm", v, e.weight(W / 0.5, "w"), *third, transB=1, alpha=0.5, beta=2.0)
    return e.op("Gemm", v, e.weight(W.T, "w"), *third)


def _columns(e: Emit, draw: Draw, knob: str, v: str, W: Floats, b: Floats | None) -> str:
    ways = {"matmul": 3, "gemm": 1, "transposed weight": 1} | ({"einsum": 1} if can_einsum(e) else {})
    way = draw(f"matmul {knob}", ways)
    if way == "gemm" and b is not None:
        return e.op("Gemm", e.weight(W, "w"), v, e.weight(b[:, None], "b"))
    if way == "einsum":
        product = e.op("Einsum", e.weight(W, "w"), v, equation="gi,ib->gb")
    elif way == "transposed weight":
        product = e.op("MatMul", e.op("Transpose", e.weight(W.T, "w"), perm=[1, 0]), v)
    else:
        product = e.op("MatMul", e.weight(W, "w"), v)
    return product if b is None else e.add(f"bias {knob}", product, e.weight(b[:, None], "b"))


def cut(e: Emit, draw: Draw, knob: str, space: Space, v: str, sizes: Sequence[int]) -> list[str]:
    """Cut a value along its features into parts of the given sizes."""
    if len(sizes) == 1:
        return [v]
    ways = {"split": 4.0, "slice": 2, "slice negative": 1, "slice max": 1, "gather": 0.5}
    if e.opset >= 10:
        ways["slice axes"] = 1
    if len(set(sizes)) == 1:
        ways["split equal"] = 2
        if e.opset >= 10:
            ways["chunk"] = 1.5
        if space == Space():
            ways["view"] = 0.5
    way = draw(f"cut {knob}", ways)
    ends = [int(end) for end in np.cumsum(sizes)]
    starts, axis, total = [0, *ends[:-1]], space.axis, ends[-1]
    if e.opset >= 11 and draw.flag(f"negative axis {knob}", 0.3):
        axis -= space.rank
    if way.startswith("split"):
        return e.split(v, sizes, axis, explicit=way == "split")
    if way == "gather":
        return [e.op("Gather", v, e.ints(*range(a, b)), axis=axis) for a, b in zip(starts, ends, strict=True)]
    if way == "chunk":
        return _chunk(e, v, axis, len(sizes))
    if way == "view":
        grid = e.op("Reshape", v, e.ints(0, len(sizes), sizes[0]))
        return [e.op("Gather", grid, e.ints(n, scalar=True), axis=1) for n in range(len(sizes))]
    largest = draw(f"largest {knob}", (INT32_MAX, INT64_MAX))
    if way == "slice axes":
        return [_slice_axes(e, space, v, a, b, total, largest) for a, b in zip(starts, ends, strict=True)]
    parts = []
    for start, end in zip(starts, ends, strict=True):
        first, last = start, end
        if way == "slice negative":
            first, last = start - total, end - total if end < total else largest
        elif way == "slice max" and end == total:
            last = largest
        parts.append(e.slice(v, first, last, axis))
    return parts


def _slice_axes(e: Emit, space: Space, v: str, start: int, end: int, total: int, largest: int) -> str:
    """Slice with every axis named, as TensorFlow's and MLX's exporters do."""
    other = [n for n in range(space.rank) if n != space.axis]
    last = largest if end == total else end
    given = [[0] * len(other) + [start], [largest] * len(other) + [last], [*other, space.axis], [1] * space.rank]
    return e.op("Slice", v, *(e.ints(*values) for values in given))


def _chunk(e: Emit, v: str, axis: int, parts: int) -> list[str]:
    """Slice with ends computed from the shape, as torch's chunk is exported."""
    width = e.op("Gather", e.op("Shape", v), e.ints(axis), axis=0)
    step = e.op("Div", e.op("Add", width, e.ints(parts - 1)), e.ints(parts))
    edges = [e.ints(0)] + [e.op("Mul", step, e.ints(n)) for n in range(1, parts + 1)]
    return [e.op("Slice", v, edges[n], edges[n + 1], e.ints(axis)) for n in range(parts)]
