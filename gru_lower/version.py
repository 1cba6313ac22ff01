"""The version of gru-lower."""

from __future__ import annotations

import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BEHIND = (
    ("onnx",),
    ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml", "onnxruntime-qnn"),
    ("numpy",),
)
"""What a result depends on besides Python: each under the names that it is published by."""


def tool_version() -> str:
    """Return the installed version of gru-lower."""
    try:
        return version("gru-lower")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0+unknown"


def versions() -> str:
    """Return, a line each, the versions of what a result depends on; nothing is imported for it."""
    lines = [f"gru-lower, version {tool_version()}", f"Python {platform.python_version()}"]
    lines += [_first_installed(names) for names in BEHIND]
    return "\n".join(lines)


def _first_installed(names: Sequence[str]) -> str:
    for name in names:
        with suppress(PackageNotFoundError):
            return f"{name} {version(name)}"
    return f"{names[0]} is not installed as a package"
