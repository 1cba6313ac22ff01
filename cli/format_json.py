"""Reports as JSON: of one model schema/report-1.json, of several schema/reports-1.json."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from gru_lower.report.run_report import SCHEMA_VERSION
from gru_lower.version import tool_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.cli.run import Run


def as_json(runs: Sequence[Run]) -> str:
    """Return the document."""
    if len(runs) == 1 and runs[0].report is not None:
        return json.dumps(runs[0].report.to_json(), indent=2, allow_nan=False) + "\n"
    document = {
        "schema_version": SCHEMA_VERSION,
        "tool": "gru-lower",
        "version": tool_version(),
        "reports": [run.report.to_json() for run in runs if run.report],
        "errors": [
            {"path": run.path, "code": run.error.code, "message": run.error.message, "hint": run.error.hint}
            for run in runs
            if run.error
        ],
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"
