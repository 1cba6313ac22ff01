"""Which values of a statically quantised GRU are rounded to whole numbers, and to which type."""

from __future__ import annotations

from gru_lower.gru.spec import GATES
from gru_lower.light_dataclass import dataclass

ALWAYS = frozenset({"pre_z", "pre_r", "pre_h", "recurrent_h", "Zt", "Rt", "ht"})
"""Values that are rounded whatever the state is carried in, by local name."""
PROJECTIONS = frozenset(f"X{gate}" for gate in GATES)
WITH_THE_STATE = frozenset(
    {
        *PROJECTIONS,
        *(f"pre_{gate}_product" for gate in GATES),
        *("change", "update", "Ht"),
    }
)
"""Those that are rounded, too, where the state is: every value of a step then is a whole number."""
OF_THE_STATE = frozenset({"change", "update", "Ht", "initial_h"})
"""Those that are rounded to the state's type."""


@dataclass(frozen=True)
class StaticScheme:
    """How one GRU is quantised.

    Attributes:
        activations: The type that values are rounded to: ``int8``, ``uint8`` or ``int16``.
        state: The type that the state is carried in: ``float``, ``int8``, ``uint8`` or ``int16``.
        domain: The domain of QuantizeLinear and DequantizeLinear: ``""``, or ``com.microsoft`` where ONNX's own do not
            take the type yet.
        projections: Whether projections are rounded where the state is. Those that a Loop's body captures are not:
            onnxruntime 1.32 does not load every model where they are.
        zero_points: Whether weights have a zero point, and are not symmetric.

    """

    activations: str
    state: str = "float"
    domain: str = ""
    zero_points: bool = False
    projections: bool = True

    def kind(self, name: str, *, linear_before_reset: bool) -> str | None:
        """Return the type that a value is rounded to, ``None`` where it stays a float.

        Args:
            name: Its local name, without the direction's prefix.
            linear_before_reset: Where the reset gate acts: before the product, what it leaves is rounded on its way in.

        """
        if name in ALWAYS:
            return self.activations
        if self.state == "float" or (name in PROJECTIONS and not self.projections):
            return None
        if name in OF_THE_STATE:
            return self.state
        rounded = name in WITH_THE_STATE or (name == "reset_h" and linear_before_reset)
        return self.activations if rounded else None
