"""Packages of the extra ``gru-lower[cluster]``, whose own types are wrong for a client that is used without async."""

from __future__ import annotations

import importlib
from typing import Any


def optional(module: str) -> Any:  # noqa: ANN401 - a module that may not be installed
    """Import a module of dask's distributed or of fsspec.

    Raises:
        ImportError: It is not installed.

    """
    return importlib.import_module(module)
