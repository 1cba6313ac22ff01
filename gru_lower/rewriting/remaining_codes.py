"""The codes of what is left in a rewritten model that the target does not take."""

from __future__ import annotations

GRU, OPERATOR = "GL452", "GL453"
"""The codes of a GRU, and of another node, that the target does not take."""
