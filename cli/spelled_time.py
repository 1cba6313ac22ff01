"""How long something takes, as a person reads it."""

from __future__ import annotations


def spelled(seconds: float) -> str:
    """Return a time as a person reads it."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60:02} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60:02} min"
