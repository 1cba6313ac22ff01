"""The version of gru-lower."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def tool_version() -> str:
    """Return the installed version of gru-lower."""
    try:
        return version("gru-lower")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0+unknown"
