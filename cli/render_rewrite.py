"""What ``gru-lower lower``, ``fuse`` and ``legalize`` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.cli.render_findings import show_diagnostics
from gru_lower.cli.render_grus import operator_counts, show_grus
from gru_lower.cli.render_stream import show_stream
from gru_lower.cli.render_verdict import show_verdict
from gru_lower.rewriting.remaining_nodes import remaining_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.cli.terminal import Terminal
    from gru_lower.report.run_report import Report
    from gru_lower.verification.sites.site import Site


def show_rewritten(terminal: Terminal, report: Report, *, changed: bool) -> None:
    """Print what became of a model, which was changed or not."""
    if report.stream is not None:
        if report.sites and not terminal.quiet:
            show_grus(terminal, report)
        show_stream(terminal, report.stream)
    elif not report.sites:
        what = "decomposed GRU" if report.command == "fuse" else "GRU"
        terminal.line(f"There is no {what} in this model{'.' if changed else ': it stays as it is, byte for byte.'}")
    elif not terminal.quiet:
        show_grus(terminal, report)
    if report.op_counts["before"] != report.op_counts["after"] and not terminal.quiet:
        terminal.out.print(operator_counts(report))
    show_verdict(terminal, report.verification)
    if not terminal.quiet:
        show_quantised(terminal, report)
    show_diagnostics(terminal, report)
    scans = any(site.action == "lowered" and "T >= 1" in site.preconditions for site in report.sites)
    if scans and report.command == "lower":  # the other commands have no --form
        terminal.line("A Scan needs one step at least (T >= 1); where sequences may be empty: --form loop.", "dim")
    if report.command not in ("stream", "quantize") and any(
        site.form for site in report.sites if site.action not in ("kept", "seen")
    ):
        terminal.line(
            "onnxruntime's own GRU kernel is faster than any lowered form: lower for runtimes without one.", "dim"
        )
    _show_output(terminal, report)


def show_quantised(terminal: Terminal, report: Report) -> None:
    """Print what was done to each GRU that was quantised, the error it brings over the steps, and both sizes."""
    for site in report.sites:
        if site.quantisation is not None:
            terminal.show(f"{site.site}: {site.quantisation.describe()}")
    if report.sizes is not None and report.sizes["before"]:
        before, after = report.sizes["before"], report.sizes["after"]
        terminal.line(f"Size: {before} to {after} bytes, {after / before:.2f} of it")


def _show_output(terminal: Terminal, report: Report) -> None:
    if report.output is not None:
        if report.output.path != "-":
            terminal.line(f"Wrote {report.output.path}")
    elif remaining_in(report):
        terminal.line("Nothing written: something is left that the target does not take.")
    elif report.verification.status == "different":
        terminal.line("Nothing written: the result differs; see --keep-different.")
    else:
        terminal.line("Nothing written (dry run).")


def suggest_fusing(terminal: Terminal, path: str, sites: Sequence[Site]) -> None:
    """Say how many GRUs fusing would find in a model that has none to lower."""
    count = sum(site.action == "fused" for site in sites)
    if count and terminal.for_person:
        terminal.line(f"Found {count} decomposed GRU{'' if count == 1 else 's'}; try: gru-lower fuse {path}")
