"""Inputs that are drawn on purpose: of a size, around a number, empty, large. Each is made when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gru_lower.verification.arrays import Feeds

DrawKind = Literal[
    "plain", "wild", "size", "long", "wide", "empty", "ids", "number", "lengths", "flags", "trips", "zeros", "large",
    "tiny", "special", "texts",
]  # fmt: skip
"""What inputs are drawn for.

``size``: a dim around a constant of the graphs; ``number``: values around one; ``special``: NaN or an infinity.
"""


@dataclass(frozen=True)
class Draw:
    """Inputs to draw.

    Attributes:
        kind: What for.
        what: The same in words, with the dim, the input or the number: ``T = 51``.
        sizes: The unknown dims.
        make: Draws them.

    """

    kind: DrawKind
    what: str
    sizes: Mapping[str, int]
    make: Callable[[], Feeds]
