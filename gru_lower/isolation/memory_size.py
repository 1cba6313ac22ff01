"""Sizes of memory as people write them: 8GB, 512MB."""

from __future__ import annotations

LARGEST = 2**63
"""What no number of bytes reaches."""
HOW_TO_WRITE = "write it like 8GB or 512MB"
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def bytes_of(size: str) -> int | None:
    """Return how many bytes a size is, ``None`` where it is none.

    Args:
        size: A number with a unit, or of bytes.

    """
    text = size.strip().upper().removesuffix("B")
    unit = text[-1:] if text[-1:] in UNITS else ""
    number = text.removesuffix(unit).strip()
    whole, _, rest = number.partition(".")
    plain = whole.isdecimal() and (rest or "0").isdecimal()
    found = float(number) * UNITS[unit] if plain else 0.0
    return int(found) if 0 < found < LARGEST else None
