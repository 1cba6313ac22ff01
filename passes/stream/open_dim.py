"""A dim that is known at run time only."""

from __future__ import annotations

from gru_lower.light_dataclass import dataclass


@dataclass(frozen=True)
class Open:
    """A dim that is known at run time only: so many times the named dims of the inputs.

    Attributes:
        times: The factor.
        symbols: The dims, as :mod:`input_dims` names them.

    """

    times: int
    symbols: tuple[str, ...]

    def __str__(self) -> str:
        """Return it as it stands in shapes: ``"17*batch"``."""
        return "*".join([str(self.times)] * (self.times != 1) + list(self.symbols))
