"""What a stream that has only ASCII, or another small character set, shows in place of signs it lacks."""

from __future__ import annotations

import codecs

HANDLER = "gru-lower-spelling"
"""The name of the error handler for streams, once :func:`register` has run."""

SPELLINGS = {
    "✓": "+",
    "✗": "x",
    "✅": "+",
    "❌": "x",
    "⚠": "!",
    "\ufe0f": "",
    "–": "-",
    "→": "->",
    "…": "...",
    "·": "*",
    "∘": "*",
    "×": "x",
    "±": "+-",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "∞": "inf",
    "½": "1/2",
    "√": "sqrt ",
    "Σ": "sum ",
    "ᵀ": "^T",
    "ₜ": "t",
    "⁻": "^-",
    "µ": "u",
    "α": "alpha",
    "β": "beta",
    "ε": "eps",
    "σ": "sigma",
}
"""Signs of ours by what stands for them; those of one width, which stand in tables, for signs of one width."""


def register() -> None:
    """Make the handler known by its name; what has no spelling here becomes ``?``."""
    codecs.register_error(HANDLER, _spell)


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(SPELLINGS.get(sign, "?") for sign in error.object[error.start : error.end]), error.end
