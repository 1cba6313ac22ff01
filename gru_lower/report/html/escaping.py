"""Text on its way into HTML and SVG: whatever a model's names hold, they stay text."""

from __future__ import annotations

from html import escape


def text(value: str) -> str:
    """Return a text as HTML, in one line, without characters that no browser shows."""
    return escape("".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in value), quote=True)
