"""Models of what lowering writes with an operator that a model of the operator alone does not show.

A runtime may take a Gemm and read only the first row of a matrix that it adds, or take a Split and not along time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.emission.emitter import Emitter, Value

    Write = Callable[[Emitter, Value, Value], Value]

INT32, INT64 = TensorProto.INT32, TensorProto.INT64
LENGTH = 2
"""How many steps X has."""
STEPS = 12
"""As many as an operator that cuts a sequence into steps has outputs here: some runtimes count to eight."""


def _rows(e: Emitter, x: Value) -> Value:
    return e.reshape(x, [6, 4], "rows")


def _product(e: Emitter, rows: Value, name: str, lowest: float) -> Value:
    weight = e.tensor(f"{name}_WT", np.linspace(lowest, 1, 20).reshape(4, 5))
    return e.op("MatMul", [rows, weight], name)


def _gemm(e: Emitter, x: Value, *, computed: bool) -> Value:
    rows = _rows(e, x)
    added = _product(e, rows, "other", 0) if computed else e.tensor("C", np.linspace(-2, 2, 30).reshape(6, 5))
    return e.op("Gemm", [rows, e.tensor("W", np.linspace(-1, 1, 20).reshape(5, 4)), added], "y", transB=1)


def _added(e: Emitter, x: Value, *, product_first: bool) -> Value:
    """Add a product and what is computed otherwise, in either order."""
    rows = _rows(e, x)
    both = [_product(e, rows, "product", -1), e.op("Sigmoid", [_product(e, rows, "other", 0)], "other_gate")]
    return e.op("Add", both if product_first else both[::-1], "y")


def _operands(op_type: str, *, constant_first: bool) -> Write:
    def write(e: Emitter, x: Value, _: Value) -> Value:
        both = [x, e.tensor("constant", np.linspace(-1, 1, 4))]
        return e.op(op_type, both[::-1] if constant_first else both, "y")

    return write


def _joined(e: Emitter, parts: list[Value]) -> Value:
    """Return the parts in reverse, so that each is read, and seen to be where it belongs."""
    return e.op("Concat", parts[::-1], "y", axis=0)


def _split(e: Emitter, x: Value, *, flat: bool, parts: int) -> Value:
    """Cut 24 numbers, or the two steps of X, along the first axis."""
    length = parts * (3 if parts == LENGTH else 1)
    cut = e.reshape(x, [length, 24 // length], "rows") if flat else x
    width = length // parts if flat else 1
    return _joined(e, e.split(cut, width, [f"part_{t}" for t in range(parts)]))


def _slice(e: Emitter, x: Value, *, flat: bool) -> Value:
    width = 3 if flat else 1
    cut = e.reshape(x, [6, 4], "rows") if flat else x
    return _joined(e, [e.slice(cut, t * width, (t + 1) * width, 0, f"part_{t}") for t in range(LENGTH)])


def _gather(e: Emitter, x: Value, *, flat: bool, kind: int) -> Value:
    parts = [
        e.op("Gather", [x, e.tensor(f"t{t}", t if flat else [t], kind)], f"part_{t}", axis=0) for t in range(LENGTH)
    ]
    return _joined(e, parts)


def _squeezed(e: Emitter, x: Value, *, squeezes: bool) -> Value:
    """Take the last step, and a direction that is the only one: Squeeze beside Gather, or Gather alone."""
    only = e.unsqueeze(e.op("Gather", [x, e.tensor("last", 1, INT64)], "step", axis=0), [0], "Y_h")
    return e.squeeze(only, [0], "y") if squeezes else e.op("Gather", [only, e.tensor("first", 0, INT64)], "y", axis=0)


SPELLINGS: dict[str, tuple[str, Write]] = {
    "Gemm that adds a matrix": ("Gemm", lambda e, x, _: _gemm(e, x, computed=False)),
    "Gemm that adds a computed matrix": ("Gemm", lambda e, x, _: _gemm(e, x, computed=True)),
    "Add of a product and a computed matrix": ("", lambda e, x, _: _added(e, x, product_first=True)),
    "Add of a computed matrix and a product": ("", lambda e, x, _: _added(e, x, product_first=False)),
    **{
        f"{op} with a constant {place}": ("", _operands(op, constant_first=place == "first"))
        for op in ("Add", "Sub", "Mul")
        for place in ("first", "second")
    },
    "Split of 3-D along time": ("Split", lambda e, x, _: _split(e, x, flat=False, parts=LENGTH)),
    "Split of 2-D along time": ("Split", lambda e, x, _: _split(e, x, flat=True, parts=LENGTH)),
    f"Split into {STEPS}": ("Split", lambda e, x, _: _split(e, x, flat=True, parts=STEPS)),
    "Slice of 3-D along time": ("Slice", lambda e, x, _: _slice(e, x, flat=False)),
    "Slice of 2-D along time": ("Slice", lambda e, x, _: _slice(e, x, flat=True)),
    "Gather of a step by int64": ("Gather", lambda e, x, _: _gather(e, x, flat=True, kind=INT64)),
    "Gather of a step by int32": ("", lambda e, x, _: _gather(e, x, flat=True, kind=INT32)),
    "Gather of a range by int64": ("Gather", lambda e, x, _: _gather(e, x, flat=False, kind=INT64)),
    "Gather of a range by int32": ("", lambda e, x, _: _gather(e, x, flat=False, kind=INT32)),
    "Squeeze beside Gather": ("", lambda e, x, _: _squeezed(e, x, squeezes=True)),
    "Gather beside Gather": ("", lambda e, x, _: _squeezed(e, x, squeezes=False)),
}
"""What is written: the operator that is better avoided if it is not right, and how its model is made."""
