"""Which steps of which sequences are valid, as values of a template."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Value


@dataclass(frozen=True)
class Mask:
    """Which steps of which sequences are valid.

    Attributes:
        valid: [T, B] bool.
        nonempty: Which sequences have any step, [B, 1] bool, or [B] below opset 9; ``None`` where no output depends
            on it.
        steps: The numbers of the steps, [T] int64, where an index is made of them: below opset 9.
        sequences: The numbers of the sequences, [B] int64, likewise.

    """

    valid: Value
    nonempty: Value | None
    steps: Value | None = None
    sequences: Value | None = None
