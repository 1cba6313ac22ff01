"""The formats a report may have on stdout, by the names that --output-format takes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gru_lower.cli.run import Run

TEXT = "text"
FORMATS = (TEXT, "json", "junit", "sarif", "github")
"""All but ``text`` are for programs: ``as_json`` in format_json.py writes ``json``, and so on."""
FORMATS_WITHOUT_MODELS = (TEXT, "json")
"""The formats of what is no report on models."""


def report_in(name: str, runs: Sequence[Run]) -> str:
    """Return a report in a format for programs.

    Args:
        name: The format.
        runs: What was run, one entry for each model.

    """
    write: Callable[[Sequence[Run]], str] = getattr(
        importlib.import_module(f"gru_lower.cli.format_{name}"), f"as_{name}"
    )
    return write(runs)
