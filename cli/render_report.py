"""What a person or a program reads: tables and sentences, or the JSON report. Data to stdout, talk to stderr."""

from __future__ import annotations

import math
import os
import platform
import sys
import time
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from gru_lower.cli.report_formats import Run, writers
from gru_lower.version import tool_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.report.run_report import Report
    from gru_lower.verification.result import Verification
    from gru_lower.verification.sites.site import Site

MIN_WIDTH = 100
REMAINING = ("GL452", "GL453")
STYLES = {"equivalent": "bold green", "different": "bold red", "inconclusive": "bold yellow", "not_run": "dim"}
SEVERITY_STYLES = {"error": "red", "warning": "yellow", "note": "cyan"}


class Talk:
    """Prints for one run of one command.

    Args:
        o: The command's option values: output_format, quiet, verbose, no_color.
        to_stderr: Whether stdout is taken by a model.

    """

    def __init__(self, o: dict[str, Any], *, to_stderr: bool = False) -> None:
        """Set up the two consoles."""
        self._format = o["output_format"]
        self._json = self._format != "text"
        self._name = str(o.get("model") or o.get("a") or "-")
        self._quiet, self._verbose = o["quiet"], o["verbose"]
        self._plain = o["no_color"] or bool(os.environ.get("NO_COLOR"))
        self._out = _console(sys.stderr if to_stderr else sys.stdout, self._plain)
        self._err = _console(sys.stderr, self._plain)

    @contextmanager
    def progress(self) -> Iterator[Callable[[str, int, int], None]]:
        """Show a bar on stderr while it takes long, if a person is watching; with -v, say on what it runs and how long.

        With -vv each step is said as it begins, with the seconds since the start.
        """
        started = time.monotonic()
        self._detail(1, f"gru-lower {tool_version()}, {_versions()}")
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        hidden = self._quiet or self._json or self._plain or not sys.stderr.isatty()
        with Progress(*columns, console=self._err, transient=True, disable=hidden) as bar:
            task = bar.add_task("reading", total=1)

            def step(what: str, done: int, total: int) -> None:
                bar.update(task, description=what, completed=done, total=total)
                count = f" {done} of {total}" if done else ""
                self._detail(2, f"{time.monotonic() - started:8.2f} s  {what}{count}")

            yield step
        self._detail(1, f"took {time.monotonic() - started:.2f} s")

    def lowered(self, report: Report, *, changed: bool) -> None:
        """Print what became of a model, which was changed or not."""
        if self._as_json(report):
            return
        done = [site for site in report.sites if site.action not in ("kept", "seen")]
        if not report.sites:
            what = "decomposed GRU" if report.command == "fuse" else "GRU"
            self._line(
                f"There is no {what} in this model" + ("." if changed else ": it stays as it is, byte for byte.")
            )
        elif not self._quiet:
            self._out.print(_site_table(report))
        if report.op_counts["before"] != report.op_counts["after"] and not self._quiet:
            self._out.print(_op_table(report))
        self._verification(report.verification)
        self._diagnostics(report)
        if done and not self._quiet and any(site.form for site in done):
            self._line(
                "onnxruntime's own GRU kernel is faster than any lowered form: lower for runtimes without one.", "dim"
            )
        if report.output is not None and report.output.path != "-":
            self._line(f"Wrote {report.output.path}")
        elif report.output is None:
            why = " (dry run)."
            if any(found.code in REMAINING for found in report.diagnostics):
                why = ": something is left that the target does not take."
            elif report.verification.status == "different":
                why = ": the result differs; see --keep-different."
            self._line(f"Nothing written{why}")

    def may_fuse(self, path: str, sites: Sequence[Site]) -> None:
        """Say how many GRUs fusing would find in a model that has none to lower."""
        count = sum(site.action == "fused" for site in sites)
        if count and not self._json:
            self._line(f"Found {count} decomposed GRU{'' if count == 1 else 's'}; try: gru-lower fuse {path}")

    def inspected(self, report: Report) -> None:
        """Print the GRUs of a model, and what was found."""
        if self._as_json(report):
            return
        if report.sites:
            self._out.print(_site_table(report))
        else:
            self._line("There is no GRU in this model.")
        self._diagnostics(report)

    def verified(self, report: Report) -> None:
        """Print a verdict."""
        if self._as_json(report):
            return
        self._verification(report.verification)
        self._start(report.verification)
        for site in report.sites:
            if site.code is None:
                self._line(f"  {site.site}: {site.message}")
        self._diagnostics(report)

    def remark(self, text: str) -> None:
        """Say a line on stderr: stdout may hold the report."""
        if not self._quiet:
            self._err.print(Text(text), soft_wrap=True)

    def _start(self, found: Verification) -> None:
        """Print where two models start to differ, and which tolerance would pass."""
        if found.starts_in:
            grus = "GRU" if len(found.starts_at) == 1 else "GRUs"
            where = f"{grus} {', '.join(found.starts_at)}" if found.starts_at else "no GRU"
            self._out.print(Text(f"  they start to differ at {where}, in value {found.starts_in!r}"), soft_wrap=True)
        if found.least_atol is None or (self._quiet and found.status == "equivalent"):
            return
        options = (("--atol", found.least_atol), ("--rtol", found.least_rtol))
        given = [f"{name} {value:g}" for name, value in options if value is not None and math.isfinite(value)]
        self._out.print(
            Text(f"  least tolerance that passes on these inputs: {' or '.join(given) or 'none'}"), soft_wrap=True
        )

    def checked(self, runs: Sequence[Run], *, unsafe: bool, fixed: bool) -> None:
        """Print what was found in models, what was mended, and how much of it could be.

        Args:
            runs: The models.
            unsafe: Whether unsafe fixes are asked for.
            fixed: Whether fixes were tried.

        """
        if self._as_program(runs):
            return
        for run in runs:
            if len(runs) > 1:
                self._line(run.path, "bold")
            if run.report is not None:
                if run.report.sites and not self._quiet:
                    self._out.print(_site_table(run.report))
                if fixed and any(site.action == "fixed" for site in run.report.sites):
                    self._verification(run.report.verification)
                self._found(run.report)
                if run.report.output is not None and run.report.output.path != "-":
                    self._line(f"Wrote {run.report.output.path}")
                elif run.report.output is None and fixed:
                    differs = run.report.verification.status == "different"
                    self._line("Nothing written" + (": the result differs; see --keep-different." if differs else "."))
        self._count([run.report for run in runs if run.report], unsafe=unsafe)

    def _found(self, report: Report) -> None:
        for found in report.diagnostics:
            if found.fix is not None and found.fix.applied:
                text = Text("fixed ", style="green")
                text.append(f"{found.code}: {found.node}: {found.fix.message}", style="default")
                self._out.print(text, soft_wrap=True)
            elif found.severity != "note" or not self._quiet:
                self._finding(found, self._out)

    def _count(self, reports: Sequence[Report], *, unsafe: bool) -> None:
        all_found = [found for report in reports for found in report.diagnostics]
        left = [found for found in all_found if not (found.fix and found.fix.applied)]
        if not left:
            self._line(f"{len(all_found)} fixed, nothing left." if all_found else "Nothing found.")
            return
        safe = sum(found.fix is not None and found.fix.safe for found in left)
        risky = sum(found.fix is not None and not found.fix.safe for found in left)
        fixed = f"{len(all_found) - len(left)} fixed, " if len(left) < len(all_found) else ""
        text = f"{fixed}{len(left)} finding{'' if len(left) == 1 else 's'}{' left' if fixed else ''}"
        if unsafe and safe + risky:
            text += f", {safe + risky} fixable with --fix --unsafe-fixes"
        elif safe:
            text += f", {safe} fixable with --fix" + (f" ({risky} more with --unsafe-fixes)" if risky else "")
        elif risky:
            text += f", {risky} fixable with --fix --unsafe-fixes"
        self._line(f"{text}.")

    def broken(self, run: Run) -> None:
        """Say why a model could not be read, where others could."""
        if run.error is not None:
            text = Text(f"error {run.error.code}: ", style="red")
            text.append(run.error.message, style="default")
            self._err.print(text, soft_wrap=True)
            self._err.print(Text(f"  hint: {run.error.hint}"), soft_wrap=True)

    def _as_json(self, report: Report) -> bool:
        return self._as_program([Run(self._name, report)])

    def _as_program(self, runs: Sequence[Run]) -> bool:
        if self._json:
            self._out.file.write(writers()[self._format](runs))
            self._out.file.flush()
        return bool(self._json)

    def _line(self, text: str, style: str = "") -> None:
        if not self._quiet:
            self._out.print(Text(text, style=style), soft_wrap=True)

    def _detail(self, level: int, text: str) -> None:
        if self._verbose >= level:
            self._err.print(Text(text, style="dim"), soft_wrap=True)

    def _verification(self, found: Verification) -> None:
        if found.status == "not_run" or (self._quiet and found.status == "equivalent"):
            if found.status == "not_run":
                self._line(f"Verification: not run ({found.message})")
            return
        text = Text("Verification: ")
        text.append(found.status, style=STYLES[found.status])
        text.append(f" (scope: {found.scope}, {found.cases} case{'' if found.cases == 1 else 's'})")
        self._out.print(text, soft_wrap=True)
        if found.max_abs_error is not None:
            where = ""
            if found.worst is not None:
                where = f", at {found.worst.output}{list(found.worst.index)}"
            relative = "-" if found.max_rel_error is None else f"{found.max_rel_error:.2g}"
            self._out.print(
                Text(f"  largest error: {found.max_abs_error:.2g} absolute, {relative} relative{where}"), soft_wrap=True
            )
        for each in found.accuracy:
            before, after, count = each.before, each.after, each.count
            self._out.print(
                Text(
                    f"  accuracy of {each.output}: {before:.2%} before, {after:.2%} after "
                    f"({round(before * count)} and {round(after * count)} of {count})"
                ),
                soft_wrap=True,
            )
        if found.message:
            self._out.print(Text(f"  {found.message}"), soft_wrap=True)

    def _diagnostics(self, report: Report) -> None:
        kept = {*REMAINING, *(site.code for site in report.sites if site.action == "kept")}
        for found in report.diagnostics:
            if found.severity == "note" and self._quiet and found.code not in kept:
                continue
            self._finding(found)

    def _finding(self, found: Diagnostic, to: Console | None = None) -> None:
        to = to or self._err
        text = Text(f"{found.severity} {found.code}: ", style=SEVERITY_STYLES[found.severity])
        text.append(f"{found.node}: " if found.node else "", style="default")
        text.append(found.message, style="default")
        to.print(text, soft_wrap=True)
        if found.hint:
            to.print(Text(f"  hint: {found.hint}"), soft_wrap=True)
        if found.fix:
            flags = "--fix" if found.fix.safe else "--fix --unsafe-fixes"
            to.print(Text(f"  fix: {found.fix.message} ({flags})"), soft_wrap=True)


def _console(stream: Any, plain: bool) -> Console:  # noqa: ANN401 - a stream; a switch with a name
    console = Console(file=stream, color_system=None if plain else "auto", highlight=False, markup=False)
    if not console.is_terminal:
        console.width = max(console.width, MIN_WIDTH)
    return console


def _versions() -> str:
    parts = []
    for name in ("onnx", "onnxruntime", "numpy"):
        try:
            parts.append(f"{name} {version(name)}")
        except PackageNotFoundError:  # a build under another name, such as onnxruntime-gpu
            parts.append(f"{name} of unknown version")
    return f"{', '.join(parts)}, Python {platform.python_version()} on {platform.system()}"


def _site_table(report: Report) -> Table:
    table = Table(title=None, show_edge=False, pad_edge=False, box=None, header_style="bold")
    lowered = report.command in ("lower", "fuse", "legalize")
    for name in ("site", "variant", *(("became", "nodes") if lowered else ()), "remark"):
        table.add_column(name, overflow="fold", justify="right" if name == "nodes" else "left")
    for site in report.sites:
        variant = site.spec.describe() if site.spec is not None else "?"
        remark = f"{site.code}: {site.message}" if site.code else site.message
        became = site.form or site.action
        middle = (became, f"{site.nodes_before} → {site.nodes_after}") if lowered else ()
        table.add_row(site.site, variant, *middle, remark)
    return table


def _op_table(report: Report) -> Text:
    before, after = report.op_counts["before"], report.op_counts["after"]
    names = sorted(
        before.keys() | after.keys(), key=lambda name: (-abs(after.get(name, 0) - before.get(name, 0)), name)
    )
    parts = [
        f"{name} {before.get(name, 0)} → {after.get(name, 0)}" for name in names if before.get(name) != after.get(name)
    ]
    return Text("Operators: " + ", ".join(parts))
