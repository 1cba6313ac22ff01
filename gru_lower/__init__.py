"""gru-lower: lower, fuse, legalise and verify GRU in ONNX models.

The public calls are loaded from :mod:`gru_lower.api` when they are first used, so that importing the package costs
nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gru_lower import frameworks, streaming
    from gru_lower.api.batch import batch
    from gru_lower.api.bench import bench
    from gru_lower.api.check import check
    from gru_lower.api.fix import fix
    from gru_lower.api.fuse import fuse
    from gru_lower.api.inspect import inspect
    from gru_lower.api.legalize import legalize
    from gru_lower.api.lower import lower
    from gru_lower.api.quantize import quantize
    from gru_lower.api.stream import stream
    from gru_lower.api.verify import verify
    from gru_lower.errors import GruLowerError, InternalError, InvalidModel, NotEquivalent, Remaining, Unsupported
    from gru_lower.gru import reference
    from gru_lower.rewriting.result import Result

    __version__: str

_MODULES = {
    "frameworks": "gru_lower.frameworks",
    "streaming": "gru_lower.streaming",
    "reference": "gru_lower.gru.reference",
}
"""Public names of modules."""
_DEFINED_IN = {
    **{
        name: f"gru_lower.api.{name}"
        for name in (
            "batch",
            "bench",
            "check",
            "fix",
            "fuse",
            "inspect",
            "legalize",
            "lower",
            "quantize",
            "stream",
            "verify",
        )
    },
    **dict.fromkeys(
        ("GruLowerError", "InternalError", "InvalidModel", "NotEquivalent", "Remaining", "Unsupported"),
        "gru_lower.errors",
    ),
    "Result": "gru_lower.rewriting.result",
}
"""The module that each other public name is loaded from."""

__all__ = [
    "GruLowerError",
    "InternalError",
    "InvalidModel",
    "NotEquivalent",
    "Remaining",
    "Result",
    "Unsupported",
    "__version__",
    "batch",
    "bench",
    "check",
    "fix",
    "frameworks",
    "fuse",
    "inspect",
    "legalize",
    "lower",
    "quantize",
    "reference",
    "stream",
    "streaming",
    "verify",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """Load a public name when it is first used."""
    if name == "__version__":
        return importlib.import_module("gru_lower.version").tool_version()
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name in _DEFINED_IN:
        return getattr(importlib.import_module(_DEFINED_IN[name]), name)
    raise AttributeError(f"module 'gru_lower' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
