"""Reports as other programs read them: JSON, JUnit's XML, SARIF, GitHub's workflow commands.

Every function takes what was run, one :class:`Run` for each model, and returns the whole document.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gru_lower.report.run_report import SCHEMA_VERSION
from gru_lower.version import tool_version

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.errors import GruLowerError
    from gru_lower.report.run_report import Report


@dataclass(frozen=True)
class Run:
    """What came of one model.

    Attributes:
        path: As it was named, ``-`` for stdin.
        report: The report, ``None`` where the model could not be read.
        error: Why it could not.

    """

    path: str
    report: Report | None
    error: GruLowerError | None = None

    @property
    def failures(self) -> list[tuple[str, str, str]]:
        """What makes it fail: a name, a kind and a sentence each."""
        if self.report is None:
            return []
        found = [
            (f"{each.code} {each.node}".strip(), each.code, sentence(each))
            for each in self.report.diagnostics
            if each.severity != "note" and not is_mended(each)
        ]
        verdict = self.report.verification
        if verdict.status == "different":
            found.append(("verification", "different", f"the models differ: {verdict.message or worst(self.report)}"))
        return found


def is_mended(found: Diagnostic) -> bool:
    """Whether a finding was mended."""
    return found.fix is not None and found.fix.applied


def sentence(found: Diagnostic) -> str:
    """Return a finding in one line, with what to do about it."""
    return f"{found.message} ({found.hint})" if found.hint else found.message


def worst(report: Report) -> str:
    """Return how far two models are apart."""
    verdict = report.verification
    where = f" at {verdict.worst.output}{list(verdict.worst.index)}" if verdict.worst else ""
    return "no figures" if verdict.max_abs_error is None else f"largest error {verdict.max_abs_error:.2g}{where}"


def as_json(runs: Sequence[Run]) -> str:
    """Return the report of one model, schema/report-1.json; of several, schema/reports-1.json."""
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


def as_github(runs: Sequence[Run]) -> str:
    """Return a workflow command for every finding, which GitHub shows as an annotation."""
    kinds = {"error": "error", "warning": "warning", "note": "notice"}
    lines = []
    for run in runs:
        if run.error is not None:
            lines.append(_command("error", run.path, run.error.code or "", run.error.message))
        for each in [] if run.report is None else run.report.diagnostics:
            title = f"{each.code} {each.node}".strip()
            text = f"{sentence(each)} - mended: {each.fix.message}" if each.fix and each.fix.applied else sentence(each)
            lines.append(_command("notice" if is_mended(each) else kinds[each.severity], run.path, title, text))
        lines += [_command("error", run.path, name, text) for name, kind, text in run.failures if kind == "different"]
    return "".join(line + "\n" for line in lines)


def _command(kind: str, path: str, title: str, text: str) -> str:
    properties = f"file={_property(path)},title={_property(f'gru-lower {title}'.strip())}"
    return f"::{kind} {properties}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def uri(path: str) -> str:
    """Return a path as SARIF wants it: relative to here where it can be, with forward slashes."""
    from urllib.parse import quote

    if path == "-":
        return "stdin"
    here, there = Path.cwd(), Path(path).resolve()
    return quote(there.relative_to(here).as_posix()) if there.is_relative_to(here) else there.as_uri()


def writers() -> dict[str, Callable[[Sequence[Run]], str]]:
    """Return what writes each format but text."""
    from gru_lower.cli.format_junit import as_junit
    from gru_lower.cli.format_sarif import as_sarif

    return {"json": as_json, "junit": as_junit, "sarif": as_sarif, "github": as_github}
