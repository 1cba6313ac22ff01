"""What ``gru-lower targets`` and ``gru-lower probe`` print."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from gru_lower.targets import profile_tables
from gru_lower.targets.judge_gru import UNVERIFIED
from gru_lower.targets.option_axes import describe, in_order
from gru_lower.targets.profile import COLUMNS, MARKS
from gru_lower.version import tool_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.cli.terminal import Terminal
    from gru_lower.probing.probe import Probed
    from gru_lower.targets.profile import Profile

COLOURS = {"right": "green", "wrong": "bold red", "rejected": "yellow", "unknown": "dim"}
WIDTH = 120
LEGEND = "✓ right   ✗ wrong numbers, without an error   – rejected   ? not tried"


def show_targets(terminal: Terminal, profiles: Sequence[Profile]) -> None:
    """Print the profile_tables of all targets: the node as it is, and what of it can be had."""
    if _written(terminal, profiles, "targets"):
        return
    if not terminal.out.is_terminal:
        terminal.out.width = max(terminal.out.width, WIDTH)
    rows = [profile_tables.row(profile) for profile in profiles]
    for title, which in (("the GRU node as it is", "before"), ("legalised or lowered", "after")):
        table = _table(["target", "", *profile_tables.FEATURES], title)
        for each in rows:
            marks = [_mark(getattr(each, which)[feature]) for feature in profile_tables.FEATURES]
            table.add_row(each.name, each.evidence, *marks)
        terminal.out.print(table)
        terminal.line("")
    terminal.line(LEGEND, "dim")


def show_target(terminal: Terminal, profile: Profile, command: str = "targets") -> None:
    """Print all that is known of one target."""
    if _written(terminal, [profile], command):
        return
    terminal.show(f"{profile.label}: {profile.summary}")
    flow = profile.control_flow
    repeats = [name for name, on in (("Scan", flow.scan), ("Loop", flow.loop)) if on]
    dims = "static" if profile.static else "static or dynamic"
    terminal.out.print(
        Text(f"opset {profile.opset[0]} to {profile.opset[1]}; {dims} shapes; {', '.join(profile.dtypes)}")
    )
    limits = [f"{op} at opset {limit.opset[0]} to {limit.opset[1]}" for op, limit in profile.ops.items() if limit.opset]
    for title, listed in (
        ("forms", [*profile.forms]),
        ("control flow", repeats),
        ("operators it does not take", [*profile.forbid]),
        ("operators it takes at times", limits),
    ):
        terminal.show(f"{title}: {', '.join(listed) or 'none'}")
    names = [name for name in COLUMNS if name in profile.columns]
    table = _table(["", "option", *names], "")
    last = ""
    for axis, option, marks in profile_tables.option_rows(profile):
        table.add_row("" if axis == last else axis, option, *(_mark(mark) for mark in marks))
        last = axis
    terminal.out.print(table)
    for name in names:
        for each in profile.columns[name].together:
            words = " + ".join(describe(option) for option in in_order(each.options))
            terminal.show(f"{name}: {words}: {each.cell.verdict} together")
    terminal.line(LEGEND, "dim")
    if profile_tables.row(profile).evidence == "read":
        terminal.line(f"{UNVERIFIED} ({profile.source or 'some cells were read, not run'})", "yellow")


def show_probed(terminal: Terminal, found: Probed, path: str) -> None:
    """Print what a probe found, and where it was written."""
    show_target(terminal, found.profile, "probe")
    if terminal.for_person:
        for what, reason in found.reasons.items():
            terminal.detail(1, f"{what}: {reason}")
        terminal.line(f"{found.runs} models were run")
        terminal.line(f"Wrote {path}")


def _written(terminal: Terminal, profiles: Sequence[Profile], command: str) -> bool:
    """Write the targets as JSON if a program is to read them; return whether."""
    if terminal.for_person:
        return False
    document = {
        "schema_version": 1,
        "tool": "gru-lower",
        "version": tool_version(),
        "command": command,
        "targets": [profile_tables.to_json(profile) for profile in profiles],
    }
    terminal.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return True


def _table(names: Sequence[str], title: str) -> Table:
    table = Table(
        title=title or None, title_justify="left", show_edge=False, pad_edge=False, box=None, header_style="bold"
    )
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _mark(verdict: str) -> Text:
    return Text(MARKS[verdict], style=COLOURS[verdict])
