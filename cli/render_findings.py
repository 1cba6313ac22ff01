"""Findings as a person reads them: each with its code, the hint and the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from gru_lower.rewriting.remaining_codes import GRU, OPERATOR

if TYPE_CHECKING:
    from rich.console import Console

    from gru_lower.cli.terminal import Terminal
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.errors import GruLowerError
    from gru_lower.report.run_report import Report

STYLES = {"error": "red", "warning": "yellow", "note": "cyan"}


def show_diagnostics(terminal: Terminal, report: Report) -> None:
    """Print what a report says on stderr; with --quiet, of the notes only those on what had to stay."""
    kept = {GRU, OPERATOR, *(site.code for site in report.sites if site.action == "kept")}
    for found in report.diagnostics:
        if found.severity != "note" or not terminal.quiet or found.code in kept:
            show_finding(found, terminal.err)


def show_finding(found: Diagnostic, to: Console, *, tried: tuple[str, ...] = ()) -> None:
    """Print one finding.

    Args:
        found: The finding.
        to: Where to.
        tried: The flags that are in use already.

    """
    text = Text(f"{found.severity} {found.code}: ", style=STYLES[found.severity])
    text.append(f"{found.node}: " if found.node else "", style="default")
    text.append(found.message, style="default")
    to.print(text, soft_wrap=True)
    if found.hint:
        to.print(Text(f"  hint: {found.hint}"), soft_wrap=True)
    if found.fix:
        wanted = ("--fix",) if found.fix.safe else ("--fix", "--unsafe-fixes")
        flags = " ".join(flag for flag in wanted if flag not in tried)
        to.print(Text(f"  fix: {found.fix.message} ({flags or 'could not be made'})"), soft_wrap=True)


def show_error(error: GruLowerError, to: Console) -> None:
    """Print why one of several models could not be read."""
    text = Text(f"error {error.code}: ", style="red")
    text.append(error.message, style="default")
    to.print(text, soft_wrap=True)
    to.print(Text(f"  hint: {error.hint}"), soft_wrap=True)
