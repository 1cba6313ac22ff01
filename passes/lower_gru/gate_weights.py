"""A GRU's constant weights cut into gates: slices of W and R as they are, bytes untouched; sums only for biases.

Rows of W [D, 3H, I] and R [D, 3H, H] that belong to one gate of one direction lie together, so each
gate's tensor is a range of bytes; with external data it is a view and nothing is read. B [D, 6H] holds
Wbz Wbr Wbh Rbz Rbr Rbh; both biases of a gate are added, in the model's own type, except Rbh with
linear_before_reset ≠ 0, which the reset gate scales.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from gru_lower.graph import tensor_values
from gru_lower.graph.external_data import is_external, transposed_view
from gru_lower.graph.tensor_size import byte_size
from gru_lower.gru.spec import GATES, GruSpec
from gru_lower.passes.lower_gru.local_names import prefix_of

if TYPE_CHECKING:
    from pathlib import Path

    from gru_lower.emission.template import Binding
    from gru_lower.passes.lower_gru.variant import Variant

Array = np.ndarray[Any, np.dtype[Any]]

LARGE = 1 << 20
"""Bytes of an external matrix from which on it is not read to be transposed."""


def gate_tensors(spec: GruSpec, constants: dict[str, TensorProto], base_dir: Path | None) -> dict[str, TensorProto]:
    """Cut constant weights into the tensors the templates name.

    Args:
        spec: The site.
        constants: Those of ``W``, ``R`` and ``B`` that are constant.
        base_dir: Where external data lies; only biases are read.

    Returns:
        Tensors by local name: ``Wz`` [H, I], ``Rz`` [H, H], ``bz`` [H], ``Rbh`` [H] and so on.

    Raises:
        InvalidModel: A tensor's data is missing or does not fit its shape.

    """
    d, h = spec.num_directions, spec.hidden_size
    names = [(prefix_of(direction), gate) for direction in spec.directions for gate in GATES]
    result: dict[str, TensorProto] = {}
    for key in ("W", "R"):
        if key in constants:
            pieces = tensor_values.cut(constants[key], 3 * d, (h, constants[key].dims[2]))
            result |= {f"{p}{key}{gate}": piece for (p, gate), piece in zip(names, pieces, strict=True)}
    if "B" in constants:
        biases = tensor_values.to_array(constants["B"], base_dir).reshape(d, 2, len(GATES), h)
        for direction, (of_x, of_state) in zip(spec.directions, biases, strict=True):
            result |= _biases(spec, of_x, of_state, prefix_of(direction))
    return result


def with_negative_biases(gates: dict[str, TensorProto]) -> dict[str, TensorProto]:
    """Put ``Rbh_negative``, which is subtracted, in the place of each ``Rbh``."""
    biases = {name: tensor for name, tensor in gates.items() if name.endswith("Rbh")}
    negative = {f"{name}_negative": -tensor_values.to_array(tensor, None) for name, tensor in biases.items()}
    kept = {name: tensor for name, tensor in gates.items() if name not in biases}
    return kept | {name: tensor_values.from_array(each) for name, each in negative.items()}


def gate_arrays(spec: GruSpec, matrices: TensorProto, base_dir: Path | None) -> dict[str, Array]:
    """Read R for what is computed of it: ``Rz`` [H, H] and so on, by local name.

    Args:
        spec: The site.
        matrices: A constant R.
        base_dir: Where external data lies.

    """
    gates = tensor_values.to_array(matrices, base_dir).reshape(-1, len(GATES), spec.hidden_size, spec.hidden_size)
    return {
        f"{prefix_of(direction)}R{gate}": matrix
        for direction, each in zip(spec.directions, gates, strict=True)
        for gate, matrix in zip(GATES, each, strict=True)
    }


def joined_tensors(
    spec: GruSpec,
    constants: dict[str, TensorProto],
    base_dir: Path | None,
    v: Variant,
) -> dict[str, Binding]:
    """Cut constant weights for gates that are computed together.

    Args:
        spec: The site.
        constants: W, R and, if there is one, B.
        base_dir: Where external data lies; only biases are read.
        v: How many products they are, and whether the reset gate is among them.

    Returns:
        Tensors by local name. Of a projection that is one product ``W`` [3H, I] and ``b`` [3H], else ``Wzr`` [2H, I]
        and ``bzr``, or ``Wz`` and ``Wr``, and ``Wh`` and ``bh``; ``R`` [3H, H] and ``Rb`` [3H] of gates that are one
        product, else ``Rzr`` [2H, H], or ``Rz`` and ``Rr``, ``Rh`` and ``Rbh``. Of products of X and state joined
        ``WRzr`` [2H, I + H] and, with linear_before_reset = 0, ``WRh`` in their place. Without a reset gate ``W`` is
        [2H, I], ``b`` [2H], and there is no R.

    """
    h, single, every = spec.hidden_size, gate_tensors(spec, constants, base_dir), "".join(v.parts)
    whole = v.gates == "whole" and spec.linear_before_reset
    inputs = ("",) if v.projection == "whole" else v.parts
    result: dict[str, TensorProto] = {}
    for key, parts in (("W", inputs), ("R", () if not v.resets else ("",) if whole else v.parts)):
        matrices = tensor_values.cut(constants[key], spec.num_directions, (len(GATES) * h, constants[key].dims[2]))
        for direction, matrix in zip(spec.directions, matrices, strict=True):
            for part in parts:
                result[f"{prefix_of(direction)}{key}{part}"] = _rows(matrix, h, part or every, base_dir)
    with_x = () if v.projection != "with-state" else ("zr",) if spec.linear_before_reset else ("zr", "h")
    for p, part in product(map(prefix_of, spec.directions), with_x):
        pieces = [tensor_values.to_array(result.pop(f"{p}{key}{part}"), base_dir) for key in "WR"]
        result[f"{p}WR{part}"] = tensor_values.from_array(np.concatenate(pieces, axis=1))
    for p in map(prefix_of, spec.directions) if "B" in constants else ():
        each = {gate: tensor_values.to_array(single[f"{p}b{gate}"], base_dir) for gate in GATES}
        for part in inputs:
            joined = np.concatenate([each[gate] for gate in part or every])
            result[f"{p}b{part}"] = tensor_values.from_array(joined)
        if whole:
            last = tensor_values.to_array(single[f"{p}Rbh"], base_dir)
            result[f"{p}Rb"] = tensor_values.from_array(np.concatenate([np.zeros(2 * h, last.dtype), last]))
        if spec.linear_before_reset:
            result[f"{p}Rbh"] = single[f"{p}Rbh"]
    return dict(result)


def _rows(matrix: TensorProto, h: int, gates: str, base_dir: Path | None) -> TensorProto:
    """Return the rows of some gates: where they lie together, the range of bytes."""
    start = h * GATES.index(gates[0])
    if gates in "".join(GATES):
        return tensor_values.take_rows(matrix, start, start + h * len(gates))
    pieces = [tensor_values.to_array(_rows(matrix, h, gate, base_dir), base_dir) for gate in gates]
    return tensor_values.from_array(np.concatenate(pieces))


def transposed(gates: dict[str, Binding], base_dir: Path | None, *, read: bool) -> dict[str, Binding]:
    """Transpose the matrices among the gates' tensors: ``WzT`` [I, H], ``RzT`` [H, H] and so on.

    Args:
        gates: What :func:`gate_tensors` gave.
        base_dir: Where external data lies.
        read: Whether large external ones are read, too; else they are transposed when the model is written.

    """
    return {
        f"{name}T": _transposed(tensor, base_dir, read=read)
        for name, tensor in gates.items()
        if isinstance(tensor, TensorProto) and len(tensor.dims) == 2
    }


def _transposed(matrix: TensorProto, base_dir: Path | None, *, read: bool) -> TensorProto:
    if not read and is_external(matrix) and byte_size(matrix) >= LARGE:
        return transposed_view(matrix)
    return tensor_values.from_array(np.ascontiguousarray(tensor_values.to_array(matrix, base_dir).T))


def _biases(spec: GruSpec, of_x: Array, of_state: Array, p: str) -> dict[str, TensorProto]:
    summed = GATES[:-1] if spec.linear_before_reset else GATES
    both = of_x[: len(summed)] + of_state[: len(summed)]
    result = {f"{p}b{gate}": tensor_values.from_array(each) for gate, each in zip(summed, both, strict=True)}
    if spec.linear_before_reset:
        result[f"{p}bh"] = tensor_values.from_array(of_x[-1])
        result[f"{p}Rbh"] = tensor_values.from_array(of_state[-1])
    return result
