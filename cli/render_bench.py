"""What ``gru-lower bench`` prints."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from rich.table import Table

from gru_lower.cli.render_findings import show_finding

if TYPE_CHECKING:
    from gru_lower.cli.terminal import Terminal
    from gru_lower.report.bench_report import BenchReport, Entry

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
CLOCKS = {"cpu": "CPU time", "wall": "wall-clock time"}


def show_timed(terminal: Terminal, report: BenchReport, *, chosen_sizes: bool) -> None:
    """Print a comparison.

    Args:
        terminal: Where to.
        report: What was measured.
        chosen_sizes: Whether sizes of the inputs were made up.

    """
    if not terminal.for_person:
        terminal.write(json.dumps(report.to_json(), indent=2, allow_nan=False) + "\n")
        return
    terminal.out.print(_table(report))
    if report.ratio is not None:
        spread = f"{report.ratio.q1:.3g} to {report.ratio.q3:.3g}"
        terminal.show(f"B takes {report.ratio.median:.3g} times as long as A (quartiles: {spread})")
    else:
        terminal.show("There is no GRU to lower in this model, and no second one to compare with.")
    threads = {0: f"{os.cpu_count()} threads", 1: "1 thread"}.get(report.threads, f"{report.threads} threads")
    rounds = "1 round" if report.rounds == 1 else f"{report.rounds} rounds"
    where = f"onnxruntime {report.environment['onnxruntime']} on {report.environment['cpu']}"
    terminal.line(f"{CLOCKS[report.clock]}, {threads}, {rounds}; {where}", "dim")
    fed = ", ".join(f"{each['name']} {each['type']}{each['shape']}" for each in report.inputs)
    chosen = "; unknown sizes were chosen small, --shape sets them" if chosen_sizes else ""
    terminal.line(f"Inputs: {fed}{chosen}", "dim")
    for found in report.diagnostics:
        show_finding(found, terminal.err)


def _table(report: BenchReport) -> Table:
    table = Table(title=None, show_edge=False, pad_edge=False, box=None, header_style="bold")
    for name in ("", "model", "median", "quartiles"):
        table.add_column(name, overflow="fold", justify="right" if name == "median" else "left")
    for letter, entry in (("A", report.a), ("B", report.b)):
        if entry is not None:
            name = f"A lowered: {entry.passes}" if entry.passes else entry.file.path or "(stdin)"
            table.add_row(letter, name, *_latency(entry))
    return table


def _latency(entry: Entry) -> tuple[str, str]:
    size, unit = next((each for each in UNITS if entry.latency.median >= each[0]), UNITS[-1])
    median, q1, q3 = (f"{value / size:.3g}" for value in (entry.latency.median, entry.latency.q1, entry.latency.q3))
    return f"{median} {unit}", f"{q1} to {q3} {unit}"
