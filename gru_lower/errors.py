"""The errors gru-lower raises, and the exit code each one means on the command line.

Every error a user can cause derives from :class:`GruLowerError` and carries a code, the place
it concerns and a hint that says what to do about it. This module imports nothing.
"""

from __future__ import annotations

FOREIGN_FAILURES = (
    *(ArithmeticError, AssertionError, AttributeError, BufferError, EOFError, LookupError, MemoryError),
    *(OSError, RuntimeError, SyntaxError, TypeError, ValueError),
)
"""What other packages raise when data makes no sense to them: theirs says nothing a user could act on."""


class GruLowerError(Exception):
    """Base of every error raised on purpose.

    Args:
        message: One line saying what is wrong.
        code: The diagnostic code (``"GL101"``), see ``docs/diagnostics``.
        node: The site or node the error concerns (``"main#12:Y"``), if any.
        hint: One line saying what to do about it.

    """

    exit_code = 2

    def __init__(
        self, message: str, *, code: str | None = None, node: str | None = None, hint: str | None = None
    ) -> None:
        """Keep the parts: the renderers lay them out."""
        super().__init__(message)
        self.message = message
        self.code = code
        self.node = node
        self.hint = hint

    def __str__(self) -> str:
        """Say what is wrong, and in a line below what to do about it."""
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class InvalidModel(GruLowerError):  # noqa: N818 - the public names read as findings, not as "...Error"
    """The input cannot be read as an ONNX model, or breaks the operator's rules. Exit code 2."""


class Unsupported(GruLowerError):  # noqa: N818
    """The input is legal, but what was asked of it cannot be done. Exit code 2."""


class NotEquivalent(GruLowerError):  # noqa: N818
    """The rewritten model computes something else. Exit code 1."""

    exit_code = 1


class Remaining(GruLowerError):  # noqa: N818
    """A GRU that had to go is left. Exit code 1."""

    exit_code = 1


class InternalError(GruLowerError):
    """A bug in gru-lower itself. Exit code 3."""

    exit_code = 3
