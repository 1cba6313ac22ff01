"""What a proof ends with that does not come to its end."""

from __future__ import annotations


class NotShownError(Exception):
    """A step of a proof does not hold, or is beyond the algebra."""
