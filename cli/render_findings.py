"""Findings as a person reads them: each with its code, the hint and the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.cli.styled_text import Styled
from gru_lower.rewriting.remaining_codes import GRU, OPERATOR

if TYPE_CHECKING:
    from gru_lower.cli.printer import Printer
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


def show_finding(found: Diagnostic, to: Printer, *, tried: tuple[str, ...] = ()) -> None:
    """Print one finding.

    Args:
        found: The finding.
        to: Where to.
        tried: The flags that are in use already.

    """
    text = Styled(f"{found.severity} {found.code}: ", STYLES[found.severity])
    text.append(f"{found.node}: " if found.node else "")
    text.append(found.message)
    to.print(text)
    if found.hint:
        to.print(f"  hint: {found.hint}")
    if found.fix:
        wanted = ("--fix",) if found.fix.safe else ("--fix", "--unsafe-fixes")
        flags = " ".join(flag for flag in wanted if flag not in tried)
        to.print(f"  fix: {found.fix.message} ({flags or 'could not be made'})")


def show_error(error: GruLowerError, to: Printer) -> None:
    """Print why one of several models could not be read."""
    text = Styled(f"error {error.code}: ", "red")
    text.append(error.message)
    to.print(text)
    to.print(f"  hint: {error.hint}")
