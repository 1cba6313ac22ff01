"""Reports as SARIF 2.1.0: the log that code scanning takes."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gru_lower.checking.finding_identity import name_of, without_numbers
from gru_lower.cli.format_json import array
from gru_lower.cli.run import sentence_of, sentence_with_fix
from gru_lower.diagnostic_codes import CODES
from gru_lower.version import tool_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.cli.run import Run, Runs
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.errors import GruLowerError

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def as_sarif(runs: Runs) -> Iterator[str]:
    """Yield the log: one run, the models as artifacts, each finding as a result; a mended one is informational."""
    codes = sorted({each.code for run in runs() for each in run.diagnostics})
    broken = any(run.error for run in runs())
    driver = {"name": "gru-lower", "version": tool_version(), "rules": [_rule(code) for code in codes]}
    yield f'{{\n  "$schema": "{SCHEMA}",\n  "version": "2.1.0",\n  "runs": [\n    {{\n      "tool": '
    yield indent(_spelled({"driver": driver}), " " * 6).lstrip()
    yield f',\n      "invocations": [\n        {{\n          "executionSuccessful": {_spelled(not broken)}'
    if broken:
        yield ',\n          "toolExecutionNotifications": '
        said = (_notification(run, place, run.error) for place, run in _placed(runs) if run.error)
        yield from array(said, 5, ensure_ascii=False)
    yield '\n        }\n      ],\n      "artifacts": '
    yield from array(_artifacts(runs), 3, ensure_ascii=False)
    yield ',\n      "results": '
    results = (each for place, run in _placed(runs) if place is not None for each in _results(run, place, codes))
    yield from array(results, 3, ensure_ascii=False)
    yield "\n    }\n  ]\n}\n"


def _placed(runs: Runs) -> Iterator[tuple[int | None, Run]]:
    """Yield each run with its model's place among the artifacts, ``None`` for one that is about no model."""
    places: dict[str, int] = {}
    for run in runs():
        yield (places.setdefault(_uri(run.path), len(places)) if run.path else None), run


def _artifacts(runs: Runs) -> Iterator[dict[str, Any]]:
    """Yield each model once, however often and by whatever names it was looked at."""
    said = 0
    for place, run in _placed(runs):
        if place == said:
            said += 1
            yield _artifact(run)


def _results(run: Run, place: int, codes: list[str]) -> Iterator[dict[str, Any]]:
    counts: Counter[str] = Counter()
    for each in run.diagnostics:
        yield _result(run, place, each, codes) | {"partialFingerprints": _fingerprints(each, counts)}
    for name, _, text in run.beyond_findings:
        yield {"level": "error", "message": {"text": text}, "locations": [_location(run, place, name)]}


def _spelled(value: Any) -> str:  # noqa: ANN401 - any JSON
    return json.dumps(value, indent=2, ensure_ascii=False)


def _rule(code: str) -> dict[str, Any]:
    entry = CODES[code]
    return {
        "id": code,
        "shortDescription": {"text": entry.title},
        "help": {"text": f"{entry.hint}. gru-lower check --explain {code} says more."},
        "defaultConfiguration": {"level": entry.severity},
    }


def _notification(run: Run, place: int | None, error: GruLowerError) -> dict[str, Any]:
    said = {"level": "error", "message": {"text": sentence_of(error)}}
    return said if place is None else {**said, "locations": [_location(run, place, error.node or "")]}


def _artifact(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = {"location": {"uri": _uri(run.path)}}
    if run.report is not None:
        found["hashes"] = {"sha-256": run.report.input.sha256}
    return found


def _result(run: Run, place: int, found: Diagnostic, codes: list[str]) -> dict[str, Any]:
    state: dict[str, Any] = {}
    if found.known is not None:
        state["baselineState"] = "unchanged" if found.known else "new"
    if found.known:
        state["suppressions"] = [{"kind": "external", "justification": "it is in the baseline"}]
    return {
        "ruleId": found.code,
        "ruleIndex": codes.index(found.code),
        "kind": "informational" if found.is_mended else "fail",
        "level": "none" if found.is_mended else run.severity_of(found),
        "message": {"text": sentence_with_fix(found)},
        "locations": [_location(run, place, found.node)],
        **state,
    }


def _fingerprints(found: Diagnostic, counts: Counter[str]) -> dict[str, str]:
    """Return what a finding is known by later: the node's name, and what it is made of; never its place."""
    what = name_of(found.node) or without_numbers(found.message)
    named = {"name/v2": f"{found.code} {without_numbers(found.scope)} {what}"}
    made = {"content/v2": f"{found.code} {found.content}"} if found.content else {}
    known = {}
    for key, text in (named | made).items():
        counts[text] += 1
        known[key] = text if counts[text] == 1 else f"{text} ({counts[text]})"
    return known


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
