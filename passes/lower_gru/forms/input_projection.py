"""The input's part of the gates, ``X Wᵀ + b``, computed for all steps at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from gru_lower.graph.bounded_arrays import zeros
from gru_lower.gru.spec import GATES
from gru_lower.gru.step_equations import Projection
from gru_lower.passes.lower_gru.forms import sequence_lens_masks
from gru_lower.passes.lower_gru.forms.joined_gates import GateOfBoth, gate_parts
from gru_lower.passes.lower_gru.local_names import prefix_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.gru.spec import Direction
    from gru_lower.passes.lower_gru.forms.prepare_inputs import Inputs
    from gru_lower.passes.lower_gru.variant import Variant

CLOSED = {"z": float("inf"), "r": float("-inf"), "h": 0.0}
"""The projections of a step that leaves the state alone."""
INTEGER_MAX = 12
"""The opset from which Max takes whole numbers."""


def project(e: Emitter, v: Variant, direction: Direction, given: Inputs) -> Projection[Value]:
    """Return ``X Wᵀ + b`` of each gate, each of shape [T·B, H], where each gate is computed by itself."""
    return Projection(*project_parts(e, v, direction, given))


def project_parts(e: Emitter, v: Variant, direction: Direction, given: Inputs) -> list[Value]:
    """Return ``X Wᵀ + b`` by :attr:`Variant.parts`, [T·B, H] for each gate: of all steps, or of one.

    With the mask recipe ``gate`` a step that is not valid has +inf for z, -inf for r and 0 for h: z is 1 and r is 0, so
    the candidate is g(0) = 0, and the state stays what it is to the bit.
    """
    p = prefix_of(direction)
    values: list[Value] = []
    for part, value in zip(v.parts, _products(e, v, direction, given), strict=True):
        closed = value
        if v.mask == "gate" and given.mask is not None:
            padding = np.repeat([CLOSED[gate] for gate in part], v.hidden_size)
            closed = sequence_lens_masks.fill_rows(e, v, given.mask, [value], padding, f"{p}X{part}_valid")
        values.append(closed)
    return values


def _products(e: Emitter, v: Variant, direction: Direction, given: Inputs) -> Iterator[Value]:
    p = prefix_of(direction)
    if v.products.joins_gates:
        from gru_lower.passes.lower_gru.forms.integer_products import projected  # which lowering does not need

        yield from projected(e, v, e.shared("valid rows of X", lambda: _valid_rows(e, v, given)), p)
        return
    if v.projection == "whole":
        value = e.gemm(given.rows, e.value(f"{p}W"), _bias(e, v, p, ""), f"{p}X_all")
        yield from gate_parts(e, v, value, [f"{p}X{part}" for part in v.parts])
        return
    for part in v.parts:
        if v.projection == "with-state" and not (v.linear_before_reset and part == "h"):
            yield given.rows
            continue
        one_entry, computed = v.hidden_size == v.input_size == len(part) == 1, "B" in v.dynamic
        weight, bias = e.value(f"{p}W{part}"), _bias(e, v, p, part)
        if v.multiplies_first:
            yield _reshaped_product(e, v, given, weight, bias, f"{p}X{part}", computed=computed)
            continue
        yield e.gemm(given.rows, weight, bias, f"{p}X{part}", computed=computed, one_entry=one_entry)


def _reshaped_product(
    e: Emitter, v: Variant, given: Inputs, weight: Value, bias: Value | None, name: str, *, computed: bool
) -> Value:
    """Return the projection [T·B, H] of one gate, reshaped before the bias is added to it."""
    product = e.op("MatMul", [given.rows, e.value(f"{weight.name}T")], f"{name}_product")
    rows = e.reshape(product, [-1, v.hidden_size], name if bias is None else f"{name}_rows")
    return rows if bias is None else e.op("Add", [bias, rows] if computed else [rows, bias], name)


def _bias(e: Emitter, v: Variant, p: str, part: str) -> Value | None:
    """Return what is added to the projection of a part, or with ``""`` of all gates."""
    if "B" in v.has:
        return e.value(f"{p}b{part}")
    return e.tensor("no_bias", zeros((v.hidden_size * (len(part) or len(GATES)),))) if v.adds_products else None


def _valid_rows(e: Emitter, v: Variant, given: Inputs) -> Value:
    """Return X as [T·B, I] with zeros past the lengths: what is not asked for may not stretch the scale of the rest."""
    if given.mask is None:
        return given.rows
    return sequence_lens_masks.fill_rows(e, v, given.mask, [given.rows], zeros((v.input_size or 0,)), "X_valid")


def project_steps(
    e: Emitter, v: Variant, direction: Direction, given: Inputs, *, may_be_empty: bool = False
) -> list[Value]:
    """Return the projections of all steps by :attr:`Variant.parts`, [T, B, H] for each gate; see :func:`as_steps`."""
    if v.keeps_axes:
        return project_parts(e, v, direction, given)
    return [
        as_steps(e, v, given.x, value, f"{value.name}_steps", len(part) * v.hidden_size, may_be_empty=may_be_empty)
        for part, value in zip(v.parts, project_parts(e, v, direction, given), strict=True)
    ]


def projection_of(v: Variant, parts: Sequence[Value]) -> Projection[Any]:
    """Return the projection of one step, by gates, of its :attr:`Variant.parts`."""
    if not v.resets:
        update, candidate = parts
        return Projection(update, update, candidate)
    if not v.joins_gates:
        return Projection(*parts)
    both, candidate = parts
    return Projection(GateOfBoth(both, 0), GateOfBoth(both, 1), candidate)


def as_steps(
    e: Emitter, v: Variant, x: Value, rows: Value, name: str, width: int = 0, *, may_be_empty: bool = False
) -> Value:
    """Reshape [T·B, width] to [T, B, width]; B is inferred where it is dynamic or 0.

    Args:
        e: Where to write.
        v: The variant.
        x: X with time first.
        rows: What to reshape.
        name: What to call the result.
        width: H if no width is given.
        may_be_empty: Whether T may be 0, which a Reshape takes for "as it was" and cannot infer B beside. There the
            result is [1, 0, width], of which a Loop that makes no step reads nothing.

    """
    width = width or v.hidden_size
    if v.seq_length is not None:
        return e.reshape(rows, [v.seq_length, v.batch_size or -1, width], name)
    if v.batch_size:
        return e.reshape(rows, [-1, v.batch_size, width], name)

    def shape() -> Value:
        per_step = e.ints("per_step", [-1, width])
        length = e.dim(x, 0, "length")
        return e.op("Concat", [_at_least_one(e, length) if may_be_empty else length, per_step], "step_shape", axis=0)

    return e.reshape(rows, e.shared(f"step_shape {width}", shape), name)


def _at_least_one(e: Emitter, length: Value) -> Value:
    """Return max(length, 1), or the length where no operator that may be written makes it."""
    if e.opset >= INTEGER_MAX and e.vocabulary.has("Max"):
        return e.op("Max", [length, e.ints("one", [1])], "length_or_1")
    if not e.vocabulary.has("Equal") or not e.vocabulary.has("Cast"):
        return length
    none = e.op("Equal", [length, e.ints("no_steps", [0])], "is_empty")
    return e.op("Add", [length, e.op("Cast", [none], "one_if_empty", to=TensorProto.INT64)], "length_or_1")
