"""What a person or a program reads: tables and sentences, or the JSON report. Data to stdout, talk to stderr."""

from __future__ import annotations

import json
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

from gru_lower.report import tool_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.passes.base import Site
    from gru_lower.report import Report
    from gru_lower.verification.result import Verification

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
        self._json = o["output_format"] == "json"
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
        if self._quiet and report.command == "check":
            self._diagnostics(report)
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

    def _as_json(self, report: Report) -> bool:
        if self._json:
            self._out.file.write(json.dumps(report.to_json(), indent=2, allow_nan=False) + "\n")
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

    def _finding(self, found: Diagnostic) -> None:
        text = Text(f"{found.severity} {found.code}: ", style=SEVERITY_STYLES[found.severity])
        text.append(f"{found.node}: " if found.node else "", style="default")
        text.append(found.message, style="default")
        self._err.print(text, soft_wrap=True)
        if found.hint:
            self._err.print(Text(f"  hint: {found.hint}"), soft_wrap=True)


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
