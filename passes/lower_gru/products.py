"""Products: how the matrix products of a lowered GRU are computed, in floats or in whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["float", "dynamic"]
WeightType = Literal["int8", "uint8"]


@dataclass(frozen=True)
class Products:
    """How products are computed. Hashable: it is a part of a variant.

    Attributes:
        kind: ``float`` as the GRU does; ``dynamic`` in whole numbers, the left side quantised when the model runs.
        weights: The type that weights are stored in, where they are whole numbers.
        reduce_range: Whether they keep to seven bits, so that no pair of products leaves 16 bits, where CPUs without a
            dot product of bytes add it up.

    """

    kind: Kind = "float"
    weights: WeightType = "int8"
    reduce_range: bool = True

    @property
    def joins_gates(self) -> bool:
        """Whether the update and the reset gate are computed together, as one value [B, 2H]."""
        return self.kind != "float"


FLOAT = Products()
"""What ``lower`` writes."""
