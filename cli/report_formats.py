"""The formats a report may have on stdout, by the names that --output-format takes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.cli.run import Runs

TEXT = "text"
FORMATS = (TEXT, "json", "junit", "sarif", "github")
"""All but ``text`` are for programs: ``as_json`` in format_json.py writes ``json``, and so on."""


def report_in(name: str, runs: Runs, *, many: bool = True) -> Iterator[str]:
    """Yield a report in a format for programs, part by part.

    Args:
        name: The format.
        runs: What was run, one entry for each model.
        many: Whether there may be several, as in a folder; else JSON is the report of the one.

    """
    module = importlib.import_module(f"gru_lower.cli.format_{name}")
    if name == "json" and not many:
        (run,) = runs()
        yield from module.as_json_of_one(run)
    else:
        yield from getattr(module, f"as_{name}")(runs)
