"""The table of GRUs, and how many operators there are of each kind, before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from gru_lower.cli.render_findings import show_diagnostics
from gru_lower.cli.render_stream import show_streaming
from gru_lower.cli.run import Run

if TYPE_CHECKING:
    from gru_lower.cli.terminal import Terminal
    from gru_lower.report.run_report import Report


def show_inspected(terminal: Terminal, path: str, report: Report) -> None:
    """Print the GRUs of a model, and what was found."""
    if terminal.write_report([Run(path, report)]):
        return
    if report.sites:
        terminal.out.print(gru_table(report))
    else:
        terminal.line("There is no GRU in this model.")
    if report.streaming is not None:
        show_streaming(terminal, report.streaming)
    show_diagnostics(terminal, report)


def gru_table(report: Report) -> Table:
    """Return a row for each GRU; of a rewrite, what became of it too."""
    table = Table(title=None, show_edge=False, pad_edge=False, box=None, header_style="bold")
    rewritten = report.command in ("lower", "fuse", "legalize", "quantize", "stream")
    for name in ("site", "variant", *(("became", "nodes") if rewritten else ()), "remark"):
        table.add_column(name, overflow="fold", justify="right" if name == "nodes" else "left")
    for site in report.sites:
        variant = site.spec.describe() if site.spec is not None else "?"
        remark = f"{site.code}: {site.message}" if site.code else site.message
        became = site.form or site.action
        middle = (became, f"{site.nodes_before} → {site.nodes_after}") if rewritten else ()
        table.add_row(site.site, variant, *middle, remark)
    return table


def operator_counts(report: Report) -> Text:
    """Return the operators whose number changed, those that changed most first."""
    before, after = report.op_counts["before"], report.op_counts["after"]
    names = sorted(
        before.keys() | after.keys(), key=lambda name: (-abs(after.get(name, 0) - before.get(name, 0)), name)
    )
    parts = [
        f"{name} {before.get(name, 0)} → {after.get(name, 0)}" for name in names if before.get(name) != after.get(name)
    ]
    return Text("Operators: " + ", ".join(parts))
