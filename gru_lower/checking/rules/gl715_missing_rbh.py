"""GL715: a GRU lowered by a tool that leaves out Rbh, the recurrent bias of the candidate.

    ht = g(Xt Whᵀ + (rt ∘ Ht_1) Rhᵀ + Rbh + Wbh)

Three lowerings in circulation drop Rbh where linear_before_reset is 0, the operator's default. What the step computes
is read by :mod:`gru_lower.passes.fuse_gru`; that a summand is missing is inferred from the other constants:

1. A constant B of 6H numbers fits the gates, Wbz + Rbz and Wbr + Rbr, and the candidate but for Rbh.
2. Both gates add two constants of the model, and the candidate one.
3. onnxruntime's retired Scan editor names its values; what it writes cannot tell whether Rbh was 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import diagnostic
from gru_lower.graph import tensor_values
from gru_lower.graph.constant_nodes import constant_of
from gru_lower.graph.scopes import is_onnx
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.recognition.recurrence import Recurrence

    Array = np.ndarray[Any, np.dtype[Any]]

SCAN_EDITOR = "split_Xzr"
MOST_PIECES = 64
"""At most so many vectors are searched for pairs."""
FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE)


@dataclass(frozen=True)
class Biases:
    """What a step adds, of shape (H,) each: to both gates, to the candidate, and to what the reset gate multiplies."""

    z: Array
    r: Array
    h: Array
    inner: Array


def missing_rbh(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find decomposed GRUs that add no Rbh although their other biases say that there was one."""
    constants: list[Array] | None = None
    for found in checked.recurrences:
        scope = found.interpreter.scope
        for recurrence in found.grus:
            biases = _biases(found.interpreter.algebra.width_of(recurrence.last_cell.state), recurrence)
            if biases is None or biases.inner.any() or not biases.z.any():
                continue
            constants = _constants(checked) if constants is None else constants
            why = _evidence(biases, constants, recurrence)
            if why:
                yield diagnostic("GL715", why, scope=scope.path, node=scope.site(scope.producers[recurrence.name]))


def _evidence(biases: Biases, constants: list[Array], recurrence: Recurrence) -> str:
    hidden = biases.z.size
    for values in constants:
        if values.size % (6 * hidden) == 0 and values.shape[-1] == 6 * hidden:
            for whole in values.reshape(-1, 6, hidden):
                wz, wr, wh, rz, rr, rh = whole
                gates = _close(biases.z, wz + rz) and _close(biases.r, wr + rr)
                if gates and _close(biases.h, wh) and not _close(biases.h, wh + rh):
                    return "the gates add all their biases of B, the candidate leaves out Rbh"
    pieces = _pieces(constants, hidden)
    if _is_sum(biases.z, pieces) and _is_sum(biases.r, pieces) and any(_close(biases.h, piece) for piece in pieces):
        return "both gates add two bias vectors, and the candidate one: Rbh is missing"
    written = recurrence.loop is not None and any(
        SCAN_EDITOR in name for node in recurrence.loop.body.scope.nodes for name in node.output
    )
    if written and recurrence.last_cell.linear_before_reset is False:
        return "onnxruntime's retired Scan editor wrote this, which leaves out Rbh where linear_before_reset is 0"
    return ""


def _biases(hidden: int, recurrence: Recurrence) -> Biases | None:
    cell = recurrence.last_cell
    gates = (cell.z, cell.r, cell.h, cell.recurrent_candidate)
    read = [np.zeros(hidden) if gate is None else _constant_numbers(gate.bias, hidden) for gate in gates]
    z, r, h, inner = read
    return None if z is None or r is None or h is None or inner is None else Biases(z, r, h, inner)


def _constant_numbers(poly: Poly, hidden: int) -> Array | None:
    """Return a constant polynomial's numbers, ``None`` where it is not constant."""
    from gru_lower.passes.fuse_gru.algebra.polynomials import ONE, Vector  # only where a model has recurrences

    total = np.zeros(hidden)
    for mono, factor in poly.terms:
        if any(atom != ONE for atom in mono):
            return None
        total = total + (factor.data if isinstance(factor, Vector) else factor)
    return total


def _constants(checked: CheckedModel) -> list[Array]:
    """Return the float vectors among the model's constants, used or not."""
    found = []
    for scope in checked.scopes:
        tensors = [*scope.initializers.values()]
        tensors += [t for node in scope.nodes if is_onnx(node, "Constant") and (t := constant_of(node)) is not None]
        for tensor in tensors:
            dims = [dim for dim in tensor.dims if dim != 1]
            if tensor.data_type in FLOATS and len(dims) in (1, 2) and int(np.prod(dims)) % dims[-1] == 0:
                rows = int(np.prod(dims[:-1]))
                if rows <= 2:  # biases of two directions, or Wb and Rb
                    values = tensor_values.to_array(tensor, checked.model.base_dir)
                    found.append(np.asarray(values, np.float64).reshape(rows, dims[-1]))
    return found


def _pieces(constants: list[Array], hidden: int) -> list[Array]:
    """Return the vectors of H numbers that the constants are made of, but for zeros and repetitions."""
    found: dict[bytes, Array] = {}
    for values in constants:
        if values.shape[-1] % hidden == 0 and values.shape[-1] <= 6 * hidden:
            for piece in values.reshape(-1, hidden):
                if piece.any():
                    found.setdefault(piece.tobytes(), piece)
    return list(found.values())[:MOST_PIECES]


def _is_sum(bias: Array, pieces: list[Array]) -> bool:
    return any(_close(bias, one + other) for i, one in enumerate(pieces) for other in pieces[i + 1 :])


def _close(one: Array, other: Array) -> bool:
    return bool(np.allclose(one, other, rtol=1e-5, atol=1e-7))


RULES = (Rule(("GL715",), missing_rbh),)
