"""Running a streamed model: what it says of itself, and sessions that keep its states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower.streaming.description import StreamDescription, describe

if TYPE_CHECKING:
    from gru_lower.streaming.session import Session

__all__ = ["Session", "StreamDescription", "describe"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """Load the session, which takes onnxruntime, when it is first asked for."""
    if name == "Session":
        from gru_lower.streaming.session import Session

        return Session
    raise AttributeError(f"module 'gru_lower.streaming' has no attribute {name!r}")
