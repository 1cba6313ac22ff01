"""What ``gru-lower lower``, ``fuse`` and ``legalize`` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.cli.render_findings import show_diagnostics
from gru_lower.cli.render_grus import show_grus, show_operators
from gru_lower.cli.render_stream import show_stream
from gru_lower.cli.render_verdict import show_verdict
from gru_lower.isolation.memory_size import spelled_size
from gru_lower.rewriting.remaining_nodes import remaining_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.cli.terminal import Terminal
    from gru_lower.report.run_report import Report
    from gru_lower.verification.sites.site import Site


def show_rewritten(
    terminal: Terminal, report: Report, *, changed: bool, passes: str | None = None, target: str | None = None
) -> None:
    """Print what became of a model.

    Args:
        terminal: Where to.
        report: What was done.
        changed: Whether it was changed.
        passes: The pipeline, where one was asked for.
        target: What the result is for, where a target was named.

    """
    if report.stream is not None:
        if report.sites and not terminal.quiet:
            show_grus(terminal, report)
        show_stream(terminal, report.stream)
    elif not report.sites:
        terminal.line(f"{_nothing_seen(report, passes)}{'.' if changed else ': it stays as it is, byte for byte.'}")
    elif not terminal.quiet:
        show_grus(terminal, report)
    if report.op_counts["before"] != report.op_counts["after"] and not terminal.quiet:
        show_operators(terminal, report)
    show_verdict(terminal, report.verification)
    if not terminal.quiet:
        show_quantised(terminal, report)
    show_diagnostics(terminal, report)
    scans = any(site.action == "lowered" and "T >= 1" in site.preconditions for site in report.sites)
    if scans and report.command == "lower":  # the other commands have no --form
        terminal.line("A Scan needs one step at least (T >= 1); where sequences may be empty: --form loop.", "dim")
    if _is_slower(report) and target is None and "target=" not in (passes or ""):
        terminal.line(
            "onnxruntime's own GRU kernel is faster than any lowered form: lower for runtimes without one.", "dim"
        )
    _show_output(terminal, report)


def _nothing_seen(report: Report, passes: str | None) -> str:
    """Return what to say where no pass has anything to say of a GRU, of the model as it was read."""
    grus = report.op_counts["before"].get("GRU", 0)
    if report.command == "fuse":
        looked = passes is None or "fuse-gru" in passes
        return "There is no decomposed GRU in this model" if looked else "These passes fuse nothing"
    if grus:
        return f"These passes do nothing to the {'GRU' if grus == 1 else f'{grus} GRUs'} in this model"
    return "There is no GRU in this model"


def _is_slower(report: Report) -> bool:
    """Whether lowered forms stand now where onnxruntime had a kernel, or would have one once they are fused."""
    before, after = (report.op_counts[when].get("GRU", 0) for when in ("before", "after"))
    lowered = any(site.form for site in report.sites if site.action not in ("kept", "seen"))
    return lowered and report.command not in ("stream", "quantize") and (after < before or not before)


def show_quantised(terminal: Terminal, report: Report) -> None:
    """Print what was done to each GRU that was quantised, the error it brings over the steps, and both sizes."""
    for site in report.sites:
        if site.quantisation is not None:
            terminal.show(f"{site.site}: {site.quantisation.describe()}")
    if report.sizes is not None and report.sizes["before"]:
        before, after = report.sizes["before"], report.sizes["after"]
        terminal.line(f"Size: {spelled_size(before)} to {spelled_size(after)}, {after / before:.2f} of it")


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
