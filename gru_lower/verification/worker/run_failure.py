"""The error with which a model fails to load or to run in the worker."""

from __future__ import annotations

from typing import Literal

from gru_lower.errors import GruLowerError

FailureKind = Literal["error", "crash", "timeout", "memory"]

_LONGEST_MESSAGE = 300
_NO_KERNEL = ("GRU operator does not support", "Could not find an implementation for GRU")


class RunFailure(GruLowerError):  # noqa: N818 - reads as a finding, like the other public names
    """A model could not be loaded or run.

    Attributes:
        kind: "error" if the runtime said no, "crash" if the process died, "timeout", or "memory".

    """

    def __init__(self, kind: FailureKind, message: str) -> None:
        """Keep one line of the message, cut off at 300 characters."""
        line = " ".join(message.split())
        super().__init__(line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 1] + "…")
        self.kind: FailureKind = kind

    @property
    def lacks_kernel(self) -> bool:
        """Whether the runtime knows the operator and has no kernel for the type, as onnxruntime for a float64 GRU."""
        return any(words in self.message for words in _NO_KERNEL)
