"""Weights as whole numbers of four bits, in blocks of 32 rows with a scale for each block and column.

Behind DequantizeLinear, from opset 21 on, a matrix [K, N] is int4 with scales [K / 32, N]. onnxruntime's own
MatMulNBits takes the transpose in blocks, [N, K / 32, 16] bytes, two whole numbers around 8 a byte.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray[Any, np.dtype[Any]]
BLOCK = 32
"""How many rows share a scale."""
LEAST, MOST = -8, 7
"""The whole numbers of four bits."""


def in_blocks(matrix: Array) -> tuple[Array, Array]:
    """Round a matrix [K, N].

    Args:
        matrix: Finite floats.

    Returns:
        The whole numbers, [blocks, 32, N], with zeros behind the last row; and their scales, [blocks, N] float32.

    """
    rows, columns = matrix.shape
    blocks = -(-rows // BLOCK)
    padded = np.zeros((blocks * BLOCK, columns), np.float64)
    padded[:rows] = matrix
    cut = padded.reshape(blocks, BLOCK, columns)
    # The end that is further from 0 is -8, so that all sixteen whole numbers are of use.
    high, low = cut.max(axis=1), cut.min(axis=1)
    scale = (np.where(high > -low, high, low) / LEAST).astype(np.float32)
    scale[scale == 0] = 1.0
    return np.clip(np.rint(cut / scale[:, None]), LEAST, MOST).astype(np.int8), scale


def behind_dequantize_linear(matrix: Array) -> tuple[TensorProto, TensorProto]:
    """Return the int4 tensor [K, N] and its scales [blocks, N] for ``DequantizeLinear(axis=0, block_size=32)``."""
    rows, columns = matrix.shape
    whole, scale = in_blocks(matrix)
    flat = whole.reshape(-1, columns)[:rows].ravel()
    return helper.make_tensor("", TensorProto.INT4, [rows, columns], _pairs(flat).tobytes(), raw=True), _floats(scale)


def for_mat_mul_n_bits(matrix: Array) -> tuple[TensorProto, TensorProto]:
    """Return what onnxruntime's MatMulNBits takes: [N, blocks, 16] uint8, and scales [N, blocks]."""
    whole, scale = in_blocks(matrix)
    by_column = (whole - LEAST).transpose(2, 0, 1)
    pairs = _pairs(by_column.reshape(-1)).reshape(*by_column.shape[:2], BLOCK // 2)
    return numpy_helper.from_array(pairs), _floats(np.ascontiguousarray(scale.T))


def _pairs(whole: Array) -> Array:
    """Return two whole numbers a byte, the first one in the lower half."""
    bits = np.resize(whole.astype(np.uint8) & 15, whole.size + whole.size % 2)
    if whole.size % 2:
        bits[-1] = 0
    pairs: Array = bits[::2] | bits[1::2] << 4
    return pairs


def _floats(array: Array) -> TensorProto:
    return numpy_helper.from_array(array.astype(np.float32))
