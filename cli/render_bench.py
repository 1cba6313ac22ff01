"""What ``gru-lower bench`` prints."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gru_lower.cli.render_findings import show_finding
from gru_lower.cli.tables import show_table

if TYPE_CHECKING:
    from gru_lower.cli.terminal import Terminal
    from gru_lower.report.bench_report import BenchReport, Entry
    from gru_lower.verification.worker.timing import Spread

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
DIGITS = 999.5
"""From here on a number has more than three digits before the point."""
CLOCKS = {"cpu": "CPU time", "wall": "wall-clock time"}


def show_timed(terminal: Terminal, report: BenchReport, *, chosen_sizes: bool) -> None:
    """Print a comparison.

    Args:
        terminal: Where to.
        report: What was measured.
        chosen_sizes: Whether sizes of the inputs were made up.

    """
    show_table(terminal, ("", "model", "median", "quartiles"), _rows(report), right=("median",))
    if report.ratio is not None:
        terminal.show(_compared(report.ratio))
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


def _rows(report: BenchReport) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for letter, entry in (("A", report.a), ("B", report.b)):
        if entry is not None:
            name = f"A lowered: {entry.passes}" if entry.passes else entry.file.path or "(stdin)"
            rows.append((letter, name, *_latency(entry)))
    return rows


def _latency(entry: Entry) -> tuple[str, str]:
    size, unit = next((each for each in UNITS if entry.latency.median >= each[0]), UNITS[-1])
    figures = (entry.latency.median, entry.latency.q1, entry.latency.q3)
    median, q1, q3 = (in_digits(value / size) for value in figures)
    return f"{median} {unit}", f"{q1} to {q3} {unit}"


def _compared(ratio: Spread) -> str:
    """Say how B compares with A: ``B is 15 times slower than A (quartiles: 14 to 16)``."""
    slower = ratio.median >= 1
    quartiles = (ratio.q1, ratio.q3) if slower else (1 / ratio.q3, 1 / ratio.q1)
    median = in_digits(ratio.median if slower else 1 / ratio.median)
    if median == "1":
        return f"B takes as long as A (quartiles of the ratio: {in_digits(ratio.q1)} to {in_digits(ratio.q3)})"
    low, high = map(in_digits, quartiles)
    return f"B is {median} times {'slower' if slower else 'faster'} than A (quartiles: {low} to {high})"


def in_digits(value: float) -> str:
    """Return a number above 0 with three digits that count, as people write it: 1050, 15.2, 0.0678."""
    return f"{value:.0f}" if value >= DIGITS else f"{value:.3g}"
