"""Errors about inputs: none can be generated, or those that were given do not fit the model."""

from __future__ import annotations

from gru_lower.errors import GruLowerError, Unsupported


class Unfeedable(GruLowerError):  # noqa: N818 - reads as a finding, like the other public names
    """No inputs can be generated for a model; the message says why."""


class BadInputs(Unsupported):
    """The shapes, inputs or expected outputs that were given cannot be read, or do not fit the model: GL009."""

    def __init__(self, message: str, *, hint: str) -> None:
        """Keep the parts; there is always something to do about it."""
        super().__init__(message, code="GL009", hint=hint)
