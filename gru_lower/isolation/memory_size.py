"""Numbers of bytes as people write them: 8GB, 512MB; 61.1 kB."""

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


def spelled_size(count: int) -> str:
    """Return a number of bytes as a person reads it: with three digits, and a unit of thousands."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size * 0.9995:  # 999,500 bytes are 1 MB, not 1000 kB
            value = count / size
            decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:,.{decimals}f} {unit}"
    return f"{count} bytes"
