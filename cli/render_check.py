"""What ``gru-lower check`` prints: what was found, what was mended, and how much of it could be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.cli.render_findings import show_finding
from gru_lower.cli.render_grus import show_grus
from gru_lower.cli.render_verdict import show_verdict
from gru_lower.cli.styled_text import Styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.cli.run import Run
    from gru_lower.cli.terminal import Terminal
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.report.run_report import Report


def show_checked(terminal: Terminal, runs: Sequence[Run], *, unsafe: bool, fixed: bool, tried: bool) -> None:
    """Print what was found in models.

    Args:
        terminal: Where to.
        runs: What came of the models.
        unsafe: Whether unsafe fixes are asked for.
        fixed: Whether fixes were asked for.
        tried: Whether they were to be written, too, so that what is left could not be.

    """
    flags = ("--fix",) * tried + ("--unsafe-fixes",) * (tried and unsafe)
    for run in runs:
        if terminal.output.many:
            terminal.line(run.path, "bold")
        if run.report is not None:
            _show_model(terminal, run.report, fixed=fixed, flags=flags)
    terminal.line(_count([found for run in runs for found in run.diagnostics], tried=tried, unsafe=unsafe))


def _show_model(terminal: Terminal, report: Report, *, fixed: bool, flags: tuple[str, ...]) -> None:
    if report.sites and not terminal.quiet:
        show_grus(terminal, report)
    if fixed and any(site.action == "fixed" for site in report.sites):
        show_verdict(terminal, report.verification)
    for found in (each for each in report.diagnostics if not each.known):
        if found.fix is not None and found.is_mended:
            text = Styled("fixed ", "green")
            text.append(f"{found.code}: {found.node}: {found.fix.message}")
            terminal.show(text)
        elif found.severity != "note" or not terminal.quiet:
            show_finding(found, terminal.out, tried=flags)
    if report.output is not None and report.output.path != "-":
        terminal.line(f"Wrote {report.output.path}")
    elif report.output is None and fixed:
        differs = report.verification.status == "different"
        terminal.line("Nothing written" + (": the result differs; see --keep-different." if differs else "."))


def _count(found: Sequence[Diagnostic], *, tried: bool, unsafe: bool) -> str:
    """Return how many findings there are, and how many of them can be mended."""
    known = sum(bool(each.known) for each in found)
    if known:
        return f"{_count([each for each in found if not each.known], tried=tried, unsafe=unsafe)} {known} known."
    left = [each for each in found if not each.is_mended]
    if not left:
        return f"{len(found)} fixed, nothing left." if found else "Nothing found."
    safe = sum(each.fix is not None and each.fix.safe for each in left)
    risky = sum(each.fix is not None and not each.fix.safe for each in left)
    done = f"{len(found) - len(left)} fixed, " if len(left) < len(found) else ""
    text = f"{done}{len(left)} finding{'' if len(left) == 1 else 's'}{' left' if done else ''}"
    if tried:  # what is left of them could not be mended
        text += f", {risky} fixable with --unsafe-fixes" if risky and not unsafe else ""
    elif unsafe and safe + risky:
        text += f", {safe + risky} fixable with --fix"
    elif safe:
        text += f", {safe} fixable with --fix" + (f" ({risky} more with --unsafe-fixes)" if risky else "")
    elif risky:
        text += f", {risky} fixable with --fix --unsafe-fixes"
    return f"{text}."
