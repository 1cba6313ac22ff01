"""A GRU's constant weights as whole numbers: symmetric per output channel, all gates of a side in one matrix.

    W ≈ Wq · W_scale        Wq [I, 3H] whole numbers, W_scale [3H]

MatMulInteger multiplies by a matrix from the right, so what is stored is the transpose of the operator's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gru_lower.graph import tensor_values
from gru_lower.passes.lower_gru.four_bit_weights import behind_dequantize_linear, for_mat_mul_n_bits
from gru_lower.passes.lower_gru.local_names import prefix_of

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import TensorProto

    from gru_lower.emission.template import Binding
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.lower_gru.products import Products

Array = np.ndarray[Any, np.dtype[Any]]
LARGEST = {"int8 in seven bits": 64, "int8": 127, "uint8": 127}
"""The largest whole number of a weight: 2 · 255 · 64 is no more than 32,767, and 2 · 255 · 127 is more."""
MIDDLE = 128
"""What stands for 0 in unsigned weights."""


class Rounded(NamedTuple):
    """A matrix [K, N] in whole numbers.

    Attributes:
        values: The whole numbers, [K, N].
        scale: What each column is multiplied by, [N] float32.

    """

    values: Array
    scale: Array


def rounded(matrix: Array, kind: str) -> Rounded:
    """Round a matrix [K, N], each column by a scale of its own.

    Args:
        matrix: Finite floats.
        kind: What to round to.

    """
    most = LARGEST[kind]
    scale = (np.abs(matrix).max(axis=0, initial=0.0) / most).astype(np.float32)
    scale[scale == 0] = 1.0
    values = np.clip(np.rint(matrix / scale), -most, most)
    whole = (values + MIDDLE).astype(np.uint8) if kind == "uint8" else values.astype(np.int8)
    return Rounded(np.ascontiguousarray(whole), scale)


def integer_tensors(
    spec: GruSpec, constants: dict[str, TensorProto], base_dir: Path | None, products: Products
) -> dict[str, Binding]:
    """Return the tensors that templates with products in whole numbers name.

    Args:
        spec: The site.
        constants: W, R and, if there is one, B.
        base_dir: Where external data lies.
        products: What types to round to.

    Returns:
        By local name: ``Wq`` [I, 3H], ``Ws`` [3H], ``b`` [3H]; for linear_before_reset ≠ 0 ``Rq`` [H, 3H], ``Rs``,
        ``Rb`` [3H] and ``Rbh`` [H]; for 0 ``Rzrq`` [H, 2H], ``Rhq`` [H, H] and their scales. Those of four bits are
        as :mod:`gru_lower.passes.lower_gru.four_bit_weights` has them.

    Raises:
        InvalidModel: A tensor's data is missing or does not fit its shape.

    """
    h = spec.hidden_size
    arrays = {key: tensor_values.to_array(tensor, base_dir) for key, tensor in constants.items()}
    found: dict[str, Array] = {}
    four_bits: dict[str, Binding] = {}
    for direction in spec.directions:
        p, d = prefix_of(direction), direction.index
        matrices = {"W": arrays["W"][d].T, "R": arrays["R"][d].T}
        if not spec.linear_before_reset:
            recurrent = matrices.pop("R")
            matrices |= {"Rzr": recurrent[:, : 2 * h], "Rh": recurrent[:, 2 * h :]}
        for name, matrix in matrices.items():
            kind = products.input_weights if name == "W" else products.recurrent_weights
            if kind == "int4":
                cut = for_mat_mul_n_bits if products.dialect == "ort" else behind_dequantize_linear
                four_bits[f"{p}{name}q"], four_bits[f"{p}{name}s"] = cut(matrix)
            else:
                found[f"{p}{name}q"], found[f"{p}{name}s"] = rounded(matrix, kind)
        if "B" in arrays:
            of_input, recurrent = arrays["B"][d][: 3 * h], arrays["B"][d][3 * h :].copy()
            joined = of_input + recurrent
            if spec.linear_before_reset:
                joined[2 * h :] = of_input[2 * h :]
                found[f"{p}Rbh"] = recurrent[2 * h :].copy()
                recurrent[: 2 * h] = 0.0
                found[f"{p}Rb"] = recurrent
            found[f"{p}b"] = joined
    return {name: tensor_values.from_array(array) for name, array in found.items()} | four_bits
