"""The error that ends a proof which cannot be completed."""

from __future__ import annotations


class NotShownError(Exception):
    """A step of a proof does not hold, or is beyond the algebra."""
