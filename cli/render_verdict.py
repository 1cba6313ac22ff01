"""What a verification found, as a person reads it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gru_lower.cli.render_findings import show_diagnostics
from gru_lower.cli.styled_text import Styled

if TYPE_CHECKING:
    from gru_lower.cli.terminal import Terminal
    from gru_lower.report.run_report import Report
    from gru_lower.verification.result import Verification

STYLES = {"equivalent": "bold green", "different": "bold red", "inconclusive": "bold yellow", "not_run": "dim"}


def show_verified(terminal: Terminal, report: Report) -> None:
    """Print the verdict on two models, and the proofs."""
    show_verdict(terminal, report.verification)
    _show_start(terminal, report.verification)
    for site in report.sites:
        if site.code is None:
            terminal.line(f"  {site.site}: {site.message}")
    show_diagnostics(terminal, report)


def show_verdict(terminal: Terminal, found: Verification) -> None:
    """Print a verdict, and the largest error."""
    if found.status == "not_run":
        terminal.line(f"Verification: not run ({found.message})")
        return
    if terminal.quiet and found.status == "equivalent":
        return
    text = Styled("Verification: ")
    text.append(found.status, STYLES[found.status])
    text.append(f" (scope: {found.scope}, {found.cases} case{'' if found.cases == 1 else 's'})")
    terminal.show(text)
    if found.max_abs_error is not None:
        where = "" if found.worst is None else f", at {found.worst.output}{list(found.worst.index)}"
        relative = "" if found.max_rel_error is None else f", {found.max_rel_error:.2g} relative"
        terminal.show(f"  largest error: {found.max_abs_error:.2g} absolute{relative}{where}")
    for output in found.fidelity:
        terminal.show(f"  {output.output}: {output.spelled}")
    for each in found.accuracy:
        before, after, count = each.before, each.after, each.count
        terminal.show(
            f"  accuracy of {each.output}: {before:.2%} before, {after:.2%} after "
            f"({round(before * count)} and {round(after * count)} of {count})"
        )
    if found.message:
        terminal.show(f"  {found.message}")
    for line in found.drawn.lines() if found.drawn is not None and not terminal.quiet else ():
        terminal.show(f"  {line}")


def _show_start(terminal: Terminal, found: Verification) -> None:
    """Print where two models start to differ, and which tolerance would pass."""
    if found.starts_in:
        grus = "GRU" if len(found.starts_at) == 1 else "GRUs"
        where = f"{grus} {', '.join(found.starts_at)}" if found.starts_at else "no GRU"
        terminal.show(f"  they start to differ at {where}, in value {found.starts_in!r}")
    if found.least_atol is None or (terminal.quiet and found.status == "equivalent"):
        return
    options = (("--atol", found.least_atol), ("--rtol", found.least_rtol))
    given = [f"{name} {value:g}" for name, value in options if value is not None and math.isfinite(value)]
    terminal.show(f"  least tolerance that passes on these inputs: {' or '.join(given) or 'none'}")
