"""What ``gru-lower targets`` and ``gru-lower probe`` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.cli.run import Run
from gru_lower.cli.styled_text import Styled
from gru_lower.cli.tables import BETWEEN, show_items, show_table
from gru_lower.targets import profile_tables
from gru_lower.targets.judge_gru import UNVERIFIED
from gru_lower.targets.option_axes import describe, in_order
from gru_lower.targets.profile import COLUMNS, MARKS
from gru_lower.version import tool_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.cli.terminal import Terminal
    from gru_lower.probing.probe import Probed
    from gru_lower.probing.timing.time_target import Timed
    from gru_lower.targets.profile import Profile

COLOURS = {"right": "green", "wrong": "bold red", "rejected": "yellow", "unknown": "dim"}
LEGEND = ("✓ right", "✗ wrong numbers, without an error", "– rejected", "? not tried")
PAIRS = (
    "The first sign is for the GRU node as it is, the second for what legalize or lower makes of it; one is for both."
)
READ = "*"


def show_targets(terminal: Terminal, profiles: Sequence[Profile]) -> None:
    """Print the profile_tables of all targets: the node as it is, and what of it can be had."""
    rows = [profile_tables.row(profile) for profile in profiles]
    names = [f"{row.name}{READ if row.evidence == 'read' else ''}" for row in rows]
    for features in _in_blocks(terminal, max(map(len, names))):
        marks = [[_marks(row.before[feature], row.after[feature]) for feature in features] for row in rows]
        cells = [[Styled(name), *each] for name, each in zip(names, marks, strict=True)]
        show_table(terminal, ("target", *features), cells)
        terminal.line("")
    show_items(terminal, LEGEND, "   ")
    terminal.out.print(PAIRS, wrap=True)
    meanings = [f"{feature} {profile_tables.meaning(feature)}" for feature in profile_tables.FEATURES]
    show_items(terminal, meanings, "; ")
    about = f"{READ} read about, not run. gru-lower targets NAME shows all that is known of one."
    terminal.out.print(about, wrap=True)


def show_target(terminal: Terminal, profile: Profile) -> None:
    """Print all that is known of one target."""
    terminal.show(f"{profile.label}: {profile.summary}")
    flow = profile.control_flow
    repeats = [name for name, on in (("Scan", flow.scan), ("Loop", flow.loop)) if on]
    dims = "static" if profile.static else "static or dynamic"
    types = ", ".join(profile.dtypes)
    terminal.out.print(f"opset {profile.opset[0]} to {profile.opset[1]}; {dims} shapes; {types}", wrap=True)
    limits = [f"{op} at opset {limit.opset[0]} to {limit.opset[1]}" for op, limit in profile.ops.items() if limit.opset]
    for title, listed in (
        ("forms", [*profile.forms]),
        ("control flow", repeats),
        ("operators it does not take", [*profile.forbid]),
        ("operators it takes at times", limits),
    ):
        terminal.show(f"{title}: {', '.join(listed) or 'none'}")
    names = [name for name in COLUMNS if name in profile.columns]
    rows = [[Styled(option), *map(_mark, marks)] for _, option, marks in profile_tables.option_rows(profile)]
    show_table(terminal, ("option", *names), rows)
    for name in names:
        for each in profile.columns[name].together:
            words = " + ".join(describe(option) for option in in_order(each.options))
            terminal.show(f"{name}: {words}: {each.cell.verdict} together")
    show_items(terminal, [Styled(each, "dim") for each in LEGEND], "   ")
    if profile_tables.row(profile).evidence == "read":
        terminal.line(f"{UNVERIFIED} ({profile.source or 'some cells were read, not run'})", "yellow")


def show_probed(terminal: Terminal, found: Probed, path: str) -> None:
    """Print what a probe found, and where it was written."""
    show_target(terminal, found.profile)
    for what, reason in found.reasons.items():
        terminal.detail(1, f"{what}: {reason}")
    terminal.line(f"{found.runs} models were run")
    terminal.line(f"Wrote {path}")


def show_timed(terminal: Terminal, timed: Timed, path: str) -> None:
    """Print what timing found: for some sizes, what is the fastest, and what it takes of the target's own GRU."""
    from gru_lower.probing.timing.time_by_command import SIZES_SHOWN, fastest_by_size  # with onnx, for a probe alone

    show_table(terminal, SIZES_SHOWN, fastest_by_size(timed), right=SIZES_SHOWN[:3])
    for what, reason in timed.reasons.items():
        terminal.detail(1, f"{what}: {reason}")
    if timed.left:
        terminal.line(f"{timed.left} sizes were not timed: the costs are fitted to those that were")
    terminal.line(f"Wrote the costs to {path}")


def write_targets(terminal: Terminal, profiles: Sequence[Profile], command: str) -> None:
    """Write targets if a program is to read them: all of them is only in JSON (schema/targets-1.json)."""
    document = {
        "schema_version": 1,
        "tool": "gru-lower",
        "version": tool_version(),
        "command": command,
        "targets": [profile_tables.to_dict(profile) for profile in profiles],
    }
    terminal.output.add(Run("", None, command=command, seconds=terminal.output.seconds, figures=document))
    terminal.write_report()


def _in_blocks(terminal: Terminal, names: int) -> list[list[str]]:
    """Part the features into as few tables as fit the terminal, of about as many columns each."""
    features = list(profile_tables.FEATURES)
    column = max(map(len, features)) + BETWEEN
    together = max((terminal.out.width - names) // column, 1)
    blocks = -(-len(features) // together)
    size = -(-len(features) // blocks)
    return [features[first : first + size] for first in range(0, len(features), size)]


def _marks(before: str, after: str) -> Styled:
    return _mark(before) if before == after else _mark(before) + _mark(after)


def _mark(verdict: str) -> Styled:
    return Styled(MARKS[verdict], COLOURS[verdict])
