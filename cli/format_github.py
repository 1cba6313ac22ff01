"""Reports as GitHub's workflow commands, which it shows as annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.cli.run import is_mended, sentence_with_fix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.cli.run import Run

KINDS = {"error": "error", "warning": "warning", "note": "notice"}


def as_github(runs: Sequence[Run]) -> str:
    """Return a command for every finding."""
    lines = []
    for run in runs:
        if run.error is not None:
            lines.append(_command("error", run.path, run.error.code or "", run.error.message))
        for each in run.diagnostics:
            kind = "notice" if is_mended(each) else KINDS[each.severity]
            lines.append(_command(kind, run.path, f"{each.code} {each.node}".strip(), sentence_with_fix(each)))
        lines += [_command("error", run.path, name, text) for name, kind, text in run.failures if kind == "different"]
    return "".join(line + "\n" for line in lines)


def _command(kind: str, path: str, title: str, text: str) -> str:
    properties = f"file={_property(path)},title={_property(f'gru-lower {title}'.strip())}"
    return f"::{kind} {properties}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
