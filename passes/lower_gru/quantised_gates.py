"""Quantised weights cut into gates: whole numbers as they are, with one DequantizeLinear a gate.

Where steps are spelled with MatMul, a Transpose follows it: a MatMul right behind a DequantizeLinear is computed by
onnxruntime 1.32 with its other operand cut to 8 bits (MatMulNBits, accuracy level 4), a tenth off. From opset 21 on,
and where there is a zero point, it moves the Transpose out of the way and does so all the same: there the weights are
dequantised in the file. Scales along an axis are multiplied there by a Mul in the Transpose's place: MNN 3.6.1 takes
those of any axis for the last one's, and OpenVINO 2026.4.1 computes those along the axis that a product sums wrongly.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from onnx import numpy_helper

from gru_lower.emission.emitter import Emitter
from gru_lower.gru.spec import GATES
from gru_lower.passes.lower_gru.local_names import prefix_of

if TYPE_CHECKING:
    from gru_lower.emission.operator_vocabulary import Vocabulary
    from gru_lower.emission.template import Binding, Template
    from gru_lower.gru.quantised_weights import QuantisedWeights
    from gru_lower.gru.spec import GruSpec


FUSED_OPSET = 21
"""The opset from which onnxruntime takes a Transpose between a DequantizeLinear and a MatMul away."""


class QuantisedGate(NamedTuple):
    """One matrix that a DequantizeLinear makes.

    Attributes:
        name: Its local name: ``Wz`` [H, I].
        axis: The axis of its scales, ``None`` for one scale.
        has_zero_point: Whether anything is subtracted.
        is_multiplied: Whether it is written transposed, [I, H], with one scale, and a Mul by the scales of the axis.

    """

    name: str
    axis: int | None
    has_zero_point: bool
    is_multiplied: bool = False


def may_stay(weights: QuantisedWeights, opset: int, vocabulary: Vocabulary) -> bool:
    """Whether weights may stay quantised: what is written for them is allowed, and computed rightly by onnxruntime."""
    multiplied_right = vocabulary.has("Gemm") or (opset < FUSED_OPSET and weights.is_symmetric)
    return vocabulary.has("DequantizeLinear") and multiplied_right


def cut_gates(
    spec: GruSpec, key: str, weights: QuantisedWeights, *, transposed: bool
) -> dict[QuantisedGate, dict[str, Binding]]:
    """Cut W [D, 3H, I] or R [D, 3H, H] into gates.

    Args:
        spec: The GRU.
        key: ``"W"`` or ``"R"``.
        weights: The weights.
        transposed: Whether the matrices are multiplied as [I, H].

    Returns:
        The tensors of each gate by local name.

    """
    h = spec.hidden_size
    found: dict[QuantisedGate, dict[str, Binding]] = {}
    for direction in spec.directions:
        for number, gate in enumerate(GATES):
            rows = slice(number * h, (number + 1) * h)
            values, scale = weights.values[direction.index, rows], weights.scale
            zero_point = None if weights.is_symmetric else weights.zero_point
            axis = None
            if weights.axis is not None:
                at = (direction.index, rows, slice(None))[weights.axis]
                scale, zero_point = scale[at], None if zero_point is None else zero_point[at]
                axis = weights.axis - 1 if weights.axis else None
            local = f"{prefix_of(direction)}{key}{gate}"
            multiplied = transposed and axis is not None
            factors = scale[:, None] if axis else scale
            if multiplied:
                values, scale = values.T, np.ones((), scale.dtype)
            tensors: dict[str, Binding] = {
                f"{local}_quantised": numpy_helper.from_array(np.ascontiguousarray(values)),
                f"{local}_scale": numpy_helper.from_array(np.asarray(scale)),
            }
            if multiplied:
                tensors[f"{local}_factors"] = numpy_helper.from_array(np.ascontiguousarray(factors))
            if zero_point is not None:
                tensors[f"{local}_zero_point"] = numpy_helper.from_array(np.asarray(zero_point))
            found[QuantisedGate(local, axis, zero_point is not None, multiplied)] = tensors
    return found


@lru_cache(maxsize=256)
def template(opset: int, elem_type: int, gates: tuple[QuantisedGate, ...], transposed: bool) -> Template:  # noqa: FBT001 - part of the cache's key
    """Author the DequantizeLinear of each gate, the matrices transposed or not."""
    e = Emitter(opset, elem_type)
    results = {}
    for gate in gates:
        inputs = [e.value(f"{gate.name}_quantised"), e.value(f"{gate.name}_scale")]
        inputs += [e.value(f"{gate.name}_zero_point")] if gate.has_zero_point else []
        if gate.is_multiplied:
            numbers = e.op("DequantizeLinear", inputs, f"{gate.name}_numbers")
            results[f"{gate.name}T"] = e.op("Mul", [numbers, e.value(f"{gate.name}_factors")], f"{gate.name}T")
            continue
        attributes = {} if gate.axis is None else {"axis": gate.axis}
        results[gate.name] = e.op("DequantizeLinear", inputs, gate.name, **attributes)
        if transposed:
            results[f"{gate.name}T"] = e.transpose(results.pop(gate.name), [1, 0], f"{gate.name}T")
    return e.template(results)
