"""gru-lower: lower, fuse, legalise and verify GRU in ONNX models.

The public calls are handed on from :mod:`gru_lower.api.calls` when they are first used, so that
importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gru_lower import frameworks
    from gru_lower.api.calls import Result, bench, check, fix, fuse, inspect, legalize, lower, verify
    from gru_lower.errors import GruLowerError, InternalError, InvalidModel, NotEquivalent, Remaining, Unsupported
    from gru_lower.gru import reference

_HOMES = {
    **dict.fromkeys(
        ("Result", "bench", "check", "fix", "fuse", "inspect", "legalize", "lower", "verify"), "gru_lower.api.calls"
    ),
    **dict.fromkeys(
        ("GruLowerError", "InternalError", "InvalidModel", "NotEquivalent", "Remaining", "Unsupported"),
        "gru_lower.errors",
    ),
}

__all__ = [
    "GruLowerError",
    "InternalError",
    "InvalidModel",
    "NotEquivalent",
    "Remaining",
    "Result",
    "Unsupported",
    "__version__",
    "bench",
    "check",
    "fix",
    "frameworks",
    "fuse",
    "inspect",
    "legalize",
    "lower",
    "reference",
    "verify",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """Load a public name when it is first used."""
    if name == "reference":
        return importlib.import_module("gru_lower.gru.reference")
    if name == "__version__":
        return importlib.import_module("gru_lower.version").tool_version()
    if name == "frameworks":
        return importlib.import_module("gru_lower.frameworks")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'gru_lower' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
