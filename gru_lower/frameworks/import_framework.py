"""Importing a framework only where one of its layers is made, and the error where it is not installed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from types import ModuleType

    from gru_lower.frameworks.descriptions.framework import Framework


def import_framework(framework: Framework, module: str | None = None) -> Any:  # noqa: ANN401 - a module
    """Import a framework.

    Args:
        framework: Which.
        module: The module to import, by default its package.

    Raises:
        Unsupported: It is not installed.

    """
    try:
        found: ModuleType = importlib.import_module(module or framework.package)
    except ImportError as error:
        what = f"{framework.title} cannot be imported ({error})"
        hint = f'pip install "gru-lower[{framework.extra}]"'
        raise Unsupported(what, code="GL607", hint=hint) from error
    return found
