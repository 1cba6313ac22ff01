"""Weights-only: the GRU node stays, and its W and R are 8-bit constants with a scale for each of their 3H rows.

    W = DequantizeLinear(W_quantised [D, 3H, I], W_scale [3H], axis=1)
    W = Mul(Cast(W_quantised), W_scale [1, 3H, 1])                        foldable

Runtimes that compute constants when they load a model then run the float kernel at its speed. onnxruntime does so for
Cast and Mul always, for DequantizeLinear only with the session option ``session.disable_quant_qdq`` = "1": without it,
the weights are dequantised in every call, and cannot be packed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from gru_lower.graph.splice import Edit
from gru_lower.graph.tensor_size import byte_size
from gru_lower.gru.constant_inputs import constant_inputs
from gru_lower.gru.quantised_weights import quantised_weights
from gru_lower.gru.spec import INPUTS
from gru_lower.passes.quantize_gru.all_states import putting_out, with_all_states
from gru_lower.passes.quantize_gru.quantisable_weights import Unquantisable, why_not_quantisable
from gru_lower.passes.quantize_gru.quantise_rows import quantise_rows
from gru_lower.verification.sites.site import Change

if TYPE_CHECKING:
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.names import Names
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.quantize_gru.quantise_rows import QuantisedRows

Array = np.ndarray[Any, np.dtype[Any]]

ROWS = 1
"""The axis of W [D, 3H, I] and R [D, 3H, H] that has a scale for each entry."""
SCALES_BY_ROW = 13
"""The opset from which DequantizeLinear takes a scale for each row."""
MAKES_FLOAT16 = 19
"""The opset from which DequantizeLinear makes anything but float32."""
CAST_ANY = 7
"""The opset from which Mul broadcasts as numpy does."""


class Stored(NamedTuple):
    """A constant that was quantised once for all GRUs that read it.

    Attributes:
        name: The value that stands for the float weights.
        edit: What makes it.
        rows: What was stored.

    """

    name: str
    edit: Edit
    rows: QuantisedRows


class QuantisedNode(NamedTuple):
    """A GRU whose weights are quantised.

    Attributes:
        edit: The edit that makes the node read them.
        change: The same for verification.
        bytes_before: Bytes of W and R as they were.
        bytes_after: Bytes of whole numbers, scales and zero points.

    """

    edit: Edit
    change: Change
    bytes_before: int
    bytes_after: int


class WeightsOnly:
    """Quantises the weights of GRU nodes, those that several share once.

    Args:
        facts: What is known of the model's values; constants that are computed included.
        names: The model's names.
        kind: ``"int8"`` or ``"uint8"``.
        foldable: Whether they are spelled with Cast and Mul.

    """

    def __init__(self, facts: Facts, names: Names, kind: str, *, foldable: bool) -> None:
        """Start with nothing."""
        self._facts, self._names, self._kind, self._foldable = facts, names, kind, foldable
        self._stored: dict[tuple[str, str], Stored] = {}

    @property
    def edits(self) -> list[Edit]:
        """What makes the weights that were asked for."""
        return [each.edit for each in self._stored.values()]

    def quantise(self, scope: Scope, index: int, spec: GruSpec) -> QuantisedNode | Unquantisable:
        """Quantise one GRU's W and R.

        Args:
            scope: Where it stands.
            index: Its place among the scope's nodes.
            spec: The GRU.

        """
        constants = constant_inputs(scope, spec, self._facts)
        kept = self._refusal(scope, spec)
        if kept is not None:
            return kept
        node = NodeProto()
        node.CopyFrom(self._facts.node(scope, index))
        made: list[Stored] = []
        for key in ("W", "R"):
            made.append(self._store(scope, spec.inputs[key]))
            node.input[INPUTS.index(key)] = made[-1].name
        unique = list({each.name: each for each in made}.values())
        whole = with_all_states(spec, self._names)
        change = Change(
            whole,
            putting_out(spec.narrowed(self._facts.node(scope, index)), whole),
            [*(each for stored in unique for each in stored.edit.nodes), putting_out(node, whole)],
            [tensor for stored in unique for tensor in stored.edit.initializers],
            constants,
            scope.opsets,
        )
        before = sum(byte_size(constants[key]) for key in ("W", "R"))
        after = sum(byte_size(tensor) for stored in made for tensor in stored.edit.initializers)
        return QuantisedNode(Edit(scope, [index], [node]), change, before, after)

    def _refusal(self, scope: Scope, spec: GruSpec) -> Unquantisable | None:
        unfit = why_not_quantisable(scope, spec, self._facts, ("W", "R"))
        if unfit is not None:
            return unfit
        done = [key for key in ("W", "R") if quantised_weights(scope, spec.inputs[key], self._facts) is not None]
        if done:
            return Unquantisable(
                "GL332", f"its {' and '.join(done)} {'is' if len(done) == 1 else 'are'} quantised already"
            )
        if self._foldable:
            return (
                None if scope.opset >= CAST_ANY else Unquantisable("GL334", f"its opset is {scope.opset}; Mul needs 7")
            )
        float32 = spec.elem_type == TensorProto.FLOAT
        needed = SCALES_BY_ROW if float32 else MAKES_FLOAT16
        if spec.elem_type == TensorProto.DOUBLE:
            return Unquantisable("GL334", "it is computed in float64, which DequantizeLinear does not make")
        if scope.opset < needed:
            what = "takes a scale for each row" if float32 else f"makes {spec.type_name}"
            return Unquantisable("GL334", f"its opset is {scope.opset}; DequantizeLinear {what} from opset {needed} on")
        return None

    def _array(self, scope: Scope, name: str) -> Array:
        values = self._facts.array(scope, name)
        return np.zeros(0) if values is None else values

    def _store(self, scope: Scope, name: str) -> Stored:
        """Return what stands for a constant, in the scope in which the constant is."""
        place = self._facts.constant_place(scope, name)
        home, local = place if place is not None else (scope, name)
        key = (home.path, local)
        if key not in self._stored:
            rows = quantise_rows(self._array(scope, name), ROWS, self._kind)
            self._stored[key] = self._write(home, local, rows)
        return self._stored[key]

    def _write(self, home: Scope, name: str, rows: QuantisedRows) -> Stored:
        write = _cast_and_multiplied if self._foldable else _dequantised
        prefix = name or "weights"
        values = self._names.value(f"{prefix}/{self._kind}")
        scale = self._names.value(f"{prefix}/scale")
        zero_point = "" if rows.zero_point is None else self._names.value(f"{prefix}/zero_point")
        result = self._names.value(f"{prefix}/dequantised")
        nodes, arrays = write(rows, [values, scale, zero_point], result, self._names)
        tensors = [numpy_helper.from_array(np.ascontiguousarray(array), local) for local, array in arrays.items()]
        return Stored(result, Edit(home, [], nodes, tensors), rows)


def _dequantised(
    rows: QuantisedRows, inputs: list[str], result: str, names: Names
) -> tuple[list[NodeProto], dict[str, Array]]:
    arrays = [rows.values, rows.scale, rows.zero_point]
    stored = {name: array for name, array in zip(inputs, arrays, strict=True) if array is not None}
    node = helper.make_node("DequantizeLinear", list(stored), [result], names.node(result), axis=ROWS)
    return [node], stored


def _cast_and_multiplied(
    rows: QuantisedRows, inputs: list[str], result: str, names: Names
) -> tuple[list[NodeProto], dict[str, Array]]:
    """Spell ``(values - zero_point) * scale`` with operators that every runtime computes when it loads constants."""
    values, scale, zero_point = inputs
    by_row = (1, -1, 1)
    stored: dict[str, Array] = {values: rows.values, scale: rows.scale.reshape(by_row)}
    elem_type = helper.np_dtype_to_tensor_dtype(rows.scale.dtype)
    whole = names.value(f"{result}/whole")
    nodes = [helper.make_node("Cast", [values], [whole], names.node(whole), to=elem_type)]
    if rows.zero_point is not None:
        stored[zero_point] = rows.zero_point.astype(rows.scale.dtype).reshape(by_row)
        shifted = names.value(f"{result}/shifted")
        nodes.append(helper.make_node("Sub", [whole, zero_point], [shifted], names.node(shifted)))
        whole = shifted
    nodes.append(helper.make_node("Mul", [whole, scale], [result], names.node(result)))
    return nodes, stored
