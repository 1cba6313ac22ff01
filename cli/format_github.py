"""Reports as GitHub's workflow commands, which it shows as annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.cli.run import sentence_of, sentence_with_fix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.cli.run import Runs

KINDS = {"error": "error", "warning": "warning", "note": "notice"}


def as_github(runs: Runs) -> Iterator[str]:
    """Yield a command for every finding."""
    for run in runs():
        for each in (each for each in run.diagnostics if not each.known):
            kind = "notice" if each.is_mended else KINDS[run.severity_of(each)]
            yield _command(kind, run.path, f"{each.code} {each.node}".strip(), sentence_with_fix(each))
        for name, _, text in run.beyond_findings:
            yield _command("error", run.path, name, text)
        if run.error is not None:
            yield _command("error", run.path, run.error.code or "", sentence_of(run.error))


def _command(kind: str, path: str, title: str, text: str) -> str:
    file = f"file={_property(path)}," if path else ""
    return f"::{kind} {file}title={_property(f'gru-lower {title}'.strip())}::{_data(text)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
