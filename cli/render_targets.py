"""What ``gru-lower targets`` and ``gru-lower probe`` print."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from gru_lower.cli.render_report import Talk
from gru_lower.targets import profile_tables
from gru_lower.targets.judge_gru import UNVERIFIED
from gru_lower.targets.option_axes import describe, in_order
from gru_lower.targets.profile import COLUMNS, MARKS
from gru_lower.version import tool_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.probing.probe import Probed
    from gru_lower.targets.profile import Profile

COLOURS = {"right": "green", "wrong": "bold red", "rejected": "yellow", "unknown": "dim"}
WIDTH = 120
LEGEND = "✓ right   ✗ wrong numbers, without an error   – rejected   ? not tried"


class TargetTalk(Talk):
    """Prints for one run of ``targets`` or ``probe``."""

    def listed(self, profiles: Sequence[Profile], command: str = "targets") -> None:
        """Print the table of all targets: the node as it is, and what of it can be had."""
        if self._written(profiles, command):
            return
        if not self._out.is_terminal:
            self._out.width = max(self._out.width, WIDTH)
        rows = [profile_tables.row(profile) for profile in profiles]
        for title, which in (("the GRU node as it is", "before"), ("legalised or lowered", "after")):
            table = _table(["target", "", *profile_tables.FEATURES], title)
            for each in rows:
                marks = [_mark(getattr(each, which)[feature]) for feature in profile_tables.FEATURES]
                table.add_row(each.name, each.evidence, *marks)
            self._out.print(table)
            self._line("")
        self._line(LEGEND, "dim")

    def shown(self, profile: Profile, command: str = "targets") -> None:
        """Print all that is known of one target."""
        if self._written([profile], command):
            return
        self._out.print(Text(f"{profile.label}: {profile.summary}"), soft_wrap=True)
        flow = profile.control_flow
        repeats = [name for name, on in (("Scan", flow.scan), ("Loop", flow.loop)) if on]
        dims = "static" if profile.static else "static or dynamic"
        self._out.print(
            Text(f"opset {profile.opset[0]} to {profile.opset[1]}; {dims} shapes; {', '.join(profile.dtypes)}")
        )
        limits = [
            f"{op} at opset {limit.opset[0]} to {limit.opset[1]}" for op, limit in profile.ops.items() if limit.opset
        ]
        for title, listed in (
            ("forms", [*profile.forms]),
            ("control flow", repeats),
            ("operators it does not take", [*profile.forbid]),
            ("operators it takes at times", limits),
        ):
            self._out.print(Text(f"{title}: {', '.join(listed) or 'none'}"), soft_wrap=True)
        names = [name for name in COLUMNS if name in profile.columns]
        table = _table(["", "option", *names], "")
        last = ""
        for axis, option, marks in profile_tables.option_rows(profile):
            table.add_row("" if axis == last else axis, option, *(_mark(mark) for mark in marks))
            last = axis
        self._out.print(table)
        for name in names:
            for each in profile.columns[name].together:
                words = " + ".join(describe(option) for option in in_order(each.options))
                self._out.print(Text(f"{name}: {words}: {each.cell.verdict} together"), soft_wrap=True)
        self._line(LEGEND, "dim")
        if profile_tables.row(profile).evidence == "read":
            self._line(f"{UNVERIFIED} ({profile.source or 'some cells were read, not run'})", "yellow")

    def probed(self, found: Probed, path: str) -> None:
        """Print what a probe found, and where it was written."""
        self.shown(found.profile, "probe")
        if not self._json:
            for what, reason in found.reasons.items():
                self._detail(1, f"{what}: {reason}")
            self._line(f"{found.runs} models were run")
            self._line(f"Wrote {path}")

    def _written(self, profiles: Sequence[Profile], command: str) -> bool:
        if self._json:
            document = {
                "schema_version": 1,
                "tool": "gru-lower",
                "version": tool_version(),
                "command": command,
                "targets": [profile_tables.to_json(profile) for profile in profiles],
            }
            self._out.file.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
            self._out.file.flush()
        return bool(self._json)


def _table(names: Sequence[str], title: str) -> Table:
    table = Table(
        title=title or None, title_justify="left", show_edge=False, pad_edge=False, box=None, header_style="bold"
    )
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _mark(verdict: str) -> Text:
    return Text(MARKS[verdict], style=COLOURS[verdict])
