"""The table of GRUs, and how many operators there are of each kind, before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.cli.render_findings import show_diagnostics
from gru_lower.cli.render_stream import show_streaming
from gru_lower.cli.tables import show_items, show_table

if TYPE_CHECKING:
    from gru_lower.cli.terminal import Terminal
    from gru_lower.report.run_report import Report


def show_inspected(terminal: Terminal, report: Report) -> None:
    """Print the GRUs of a model, and what was found."""
    if report.sites:
        show_grus(terminal, report)
    else:
        terminal.line("There is no GRU in this model.")
    if report.streaming is not None:
        show_streaming(terminal, report.streaming)
    show_diagnostics(terminal, report)


def show_grus(terminal: Terminal, report: Report) -> None:
    """Print a row for each GRU; of a rewrite, what became of it too."""
    rewritten = report.command in ("lower", "fuse", "legalize", "stream", "quantize")
    names = ("site", "variant", *(("became", "nodes") if rewritten else ()), "remark")
    rows = []
    for site in report.sites:
        variant = site.spec.describe() if site.spec is not None else "?"
        remark = f"{site.code}: {site.message}" if site.code else site.message
        became = site.form or site.action
        middle = (became, f"{site.nodes_before} → {site.nodes_after}") if rewritten else ()
        rows.append((site.site, variant, *middle, remark))
    show_table(terminal, names, rows, right=("nodes",))


def show_operators(terminal: Terminal, report: Report) -> None:
    """Print the operators whose number changed, those that changed most first."""
    before, after = report.op_counts["before"], report.op_counts["after"]
    names = sorted(
        before.keys() | after.keys(), key=lambda name: (-abs(after.get(name, 0) - before.get(name, 0)), name)
    )
    counts = [
        f"{name} {before.get(name, 0)} → {after.get(name, 0)}" for name in names if before.get(name) != after.get(name)
    ]
    show_items(terminal, counts, ", ", "Operators: ")
