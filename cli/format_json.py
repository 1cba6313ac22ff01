"""Reports as JSON: of one model schema/report-1.json, of several schema/reports-1.json."""

from __future__ import annotations

import json
from textwrap import indent
from typing import TYPE_CHECKING, Any

from gru_lower.cli.run import sentence_of
from gru_lower.report.run_report import SCHEMA_VERSION
from gru_lower.version import tool_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gru_lower.cli.run import Run, Runs
    from gru_lower.errors import GruLowerError


def as_json(runs: Runs) -> Iterator[str]:
    """Yield the document on several models: a report for each that could be read, an error for each that could not."""
    head = {"schema_version": SCHEMA_VERSION, "tool": "gru-lower", "version": tool_version()}
    yield f'{_spelled(head).removesuffix("}").rstrip()},\n  "reports": '
    yield from array((run.document for run in runs() if run.document is not None), 1)
    yield ',\n  "errors": '
    yield from array((_error(run, run.error) for run in runs() if run.error), 1)
    yield "\n}\n"


def as_json_of_one(run: Run) -> Iterator[str]:
    """Yield the report on one model."""
    yield json.dumps(run.document, indent=2, ensure_ascii=run.report is not None, allow_nan=False) + "\n"


def array(entries: Iterable[Any], level: int, *, ensure_ascii: bool = True) -> Iterator[str]:
    """Yield an array, entry by entry, as ``json.dumps(indent=2)`` spells it so many levels deep."""
    empty = True
    for entry in entries:
        yield "[\n" if empty else ",\n"
        yield indent(json.dumps(entry, indent=2, ensure_ascii=ensure_ascii, allow_nan=False), "  " * (level + 1))
        empty = False
    yield "[]" if empty else f"\n{'  ' * level}]"


def _spelled(value: Any) -> str:  # noqa: ANN401 - any JSON
    return json.dumps(value, indent=2, allow_nan=False)


def _error(run: Run, error: GruLowerError) -> dict[str, Any]:
    return {"path": run.path or None, "code": error.code, "message": sentence_of(error), "hint": error.hint}
