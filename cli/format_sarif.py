"""Reports as SARIF 2.1.0: the log that code scanning takes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gru_lower.cli.run import is_mended, sentence_with_fix
from gru_lower.diagnostic_codes import CODES
from gru_lower.version import tool_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.cli.run import Run
    from gru_lower.diagnostics import Diagnostic

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def as_sarif(runs: Sequence[Run]) -> str:
    """Return the log: one run, the models as artifacts, each finding as a result; a mended one is informational."""
    codes = sorted({each.code for run in runs for each in run.diagnostics})
    results: list[dict[str, Any]] = []
    for place, run in enumerate(runs):
        results += [_result(run, place, each, codes) for each in run.diagnostics]
        for name, kind, text in run.failures:
            if kind == "different":
                results.append(
                    {"level": "error", "message": {"text": text}, "locations": [_location(run, place, name)]}
                )
    broken = [run for run in runs if run.error]
    invocation: dict[str, Any] = {"executionSuccessful": not broken}
    if broken:
        invocation["toolExecutionNotifications"] = [
            {
                "level": "error",
                "message": {"text": run.error.message},
                "locations": [_location(run, place, "")],
            }
            for place, run in enumerate(runs)
            if run.error
        ]
    driver = {"name": "gru-lower", "version": tool_version(), "rules": [_rule(code) for code in codes]}
    log = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "invocations": [invocation],
                "artifacts": [_artifact(run) for run in runs],
                "results": results,
            }
        ],
    }
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _rule(code: str) -> dict[str, Any]:
    entry = CODES[code]
    return {
        "id": code,
        "shortDescription": {"text": entry.title},
        "help": {"text": f"{entry.hint}. gru-lower check --explain {code} says more."},
        "defaultConfiguration": {"level": entry.severity},
    }


def _artifact(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = {"location": {"uri": _uri(run.path)}}
    if run.report is not None:
        found["hashes"] = {"sha-256": run.report.input.sha256}
    return found


def _result(run: Run, place: int, found: Diagnostic, codes: list[str]) -> dict[str, Any]:
    mended = is_mended(found)
    return {
        "ruleId": found.code,
        "ruleIndex": codes.index(found.code),
        "kind": "informational" if mended else "fail",
        "level": "none" if mended else found.severity,
        "message": {"text": sentence_with_fix(found)},
        "locations": [_location(run, place, found.node)],
        "partialFingerprints": {"finding/v1": f"{found.code} {found.node} {found.message}"},
    }


def _location(run: Run, place: int, site: str) -> dict[str, Any]:
    physical = {"artifactLocation": {"uri": _uri(run.path), "index": place}, "region": {"startLine": 1}}
    found: dict[str, Any] = {"physicalLocation": physical}
    if site:
        found["logicalLocations"] = [{"fullyQualifiedName": site}]
    return found


def _uri(path: str) -> str:
    """Return a path as SARIF wants it: relative to here where it can be, with forward slashes."""
    if path == "-":
        return "stdin"
    here, there = Path.cwd(), Path(path).resolve()
    return quote(os.fsencode(there.relative_to(here).as_posix())) if there.is_relative_to(here) else there.as_uri()
