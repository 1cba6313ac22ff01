"""Products: how the matrix products of a lowered GRU are computed, in floats or in whole numbers."""

from __future__ import annotations

from typing import Literal

from gru_lower.light_dataclass import dataclass

Kind = Literal["float", "dynamic"]
WeightType = Literal["int8", "int8 in seven bits", "uint8", "int4"]
Dialect = Literal["onnx", "ort"]


@dataclass(frozen=True)
class Products:
    """How products are computed. Hashable: it is a part of a variant.

    Two products of an unsigned and a signed byte, added up in 16 bits with a sign, are cut off where the signed one has
    eight bits; where a CPU adds up so, weights keep to seven bits, or are unsigned around a zero point of 128. With
    weights of four bits products are of floats, or whatever a runtime makes of that.

    Attributes:
        kind: ``float`` as the GRU does; ``dynamic`` in whole numbers, the left side quantised when the model runs.
        input_weights: What the whole numbers of W are.
        recurrent_weights: What those of R are.
        dialect: ``onnx`` for standard operators, ``ort`` for onnxruntime's own.
        input_terms: 2 to take X in two parts of seven bits each, 1 to take it in eight bits.

    """

    kind: Kind = "float"
    input_weights: WeightType = "int8 in seven bits"
    recurrent_weights: WeightType = "int8 in seven bits"
    input_terms: int = 1
    dialect: Dialect = "onnx"

    @property
    def joins_gates(self) -> bool:
        """Whether the update and the reset gate are computed together, as one value [B, 2H]."""
        return self.kind != "float"


FLOAT = Products()
"""What ``lower`` writes."""
