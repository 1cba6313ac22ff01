"""Casts of whole numbers that keep them: no wrapping to a type of fewer bits, no rounding to a float of fewer.

What counts, such as lengths, fits into 32 bits; int64 to int32 is what every exporter writes for sequence_lens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.passes.fuse_gru.algebra.symbolic_integers import is_negative

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count

# fmt: off
RANGES: dict[int, tuple[int, int]] = {
    TensorProto.INT8: (-(2**7), 2**7 - 1), TensorProto.UINT8: (0, 2**8 - 1),
    TensorProto.INT16: (-(2**15), 2**15 - 1), TensorProto.UINT16: (0, 2**16 - 1),
    TensorProto.FLOAT16: (-(2**11), 2**11), TensorProto.BFLOAT16: (-(2**8), 2**8),
}
"""The whole numbers that narrow types hold exactly, from the least to the greatest."""
WIDE = {TensorProto.INT32, TensorProto.INT64, TensorProto.FLOAT, TensorProto.DOUBLE}
WIDE_UNSIGNED = {TensorProto.UINT32, TensorProto.UINT64}
# fmt: on


def keeps_count(count: Count, to: int) -> bool:
    """Whether a whole number that need not be known is the same in another type."""
    if to in WIDE:
        return True
    if to in WIDE_UNSIGNED:
        return is_negative(count) is False
    least, most = RANGES.get(to, (1, 0))
    return is_negative(count - least) is False and is_negative(most - count) is False


def keeps_lengths(kind: int, to: int) -> bool:
    """Whether lengths, whatever they are, are the same in another type.

    Args:
        kind: The type they have.
        to: The other.

    """
    if kind == to or to in WIDE:
        return True
    if kind not in RANGES:
        return to in WIDE_UNSIGNED and kind in WIDE_UNSIGNED
    least, most = RANGES[kind]
    return keeps_count(least, to) and keeps_count(most, to)


def is_wide(kind: int) -> bool:
    """Whether lengths and what is added to them never leave the range of a type."""
    return kind in WIDE or kind in WIDE_UNSIGNED
