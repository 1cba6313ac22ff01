"""What a rewrite may write where a GRU stands, and what the user asked of it."""

from __future__ import annotations

from gru_lower.light_dataclass import dataclass


@dataclass(frozen=True)
class RewriteSettings:
    """What a rewrite may write, and how.

    Attributes:
        opset: The opset of the scope.
        forbidden: Operators that may not be written.
        only: The only operators that may be written, if any are named.
        cast_to: The type to compute in where the GRU's own is not taken, ``""`` where that was not asked for.
        casts_from: The types that may be cast from, all if empty.
        zero_length_state: What Y_h is for a sequence of length 0: ``"zero"`` or ``"initial"``.
        leaves_out_forward: Whether a GRU does not say that its direction is forward, which is the default.

    """

    opset: int
    forbidden: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()
    cast_to: str = ""
    casts_from: frozenset[str] = frozenset()
    zero_length_state: str = "zero"
    leaves_out_forward: bool = False

    def may_write(self, *operators: str) -> bool:
        """Whether all of these may be written."""
        return not self.forbidden.intersection(operators) and (not self.only or self.only.issuperset(operators))
