"""Write docs/refusals.md anew: ``python tests/update_refusals.py``. What each target refuses over the grid, and why.

The grid is that of tests_live: a small GRU for each feature. No engine is asked, so that a test can hold the page to
what is refused (tests/test_refusals.py); that what is written is right in an engine is held by its live tests.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from gru_lower.targets import read_profile
from live_grid import COMMANDS, Refused, cells, followed

PAGE = Path(__file__).resolve().parents[1] / "docs" / "refusals.md"
HEAD = """\
# What targets refuse

<!-- Written by tests/update_refusals.py: each target's profile over the grid of tests_live. -->

The [live tests](../tests_live/README.md) run a small GRU for each feature, {count} in all, in the engines themselves:
what is written is right there, or gru-lower refuses to write it. This is what it refuses, with `--target NAME` and what
a refusal itself asks for: `--fix-dim`, `--opset`, `legalize --allow-cast` (float16 or float64 computed in float32).
Which features a cell's name tells is in [the grid](../tests_live/grid.py); `lbr` is linear_before_reset.

| target | `lower` writes | refuses | `legalize` writes | refuses |
|---|---|---|---|---|
"""
LEFT = re.compile(r"^.* does not take what is left: [^:]+:[^:]+: ")
OTHERS = re.compile(r"; main#.*$")
"""The same of a second node."""
HINT = re.compile(r" \([^()]*\)$")
WHY_NOT_KEPT = re.compile(r"^[^:;]*? is (?:rejected|wrong) on [\w-]+(?: [\w.]+)?, and ")


class Outcome(NamedTuple):
    """What a target refuses.

    Attributes:
        written: How many cells are written, by command.
        refused: The cells that are not, by code and reason and then by command.

    """

    written: dict[str, int]
    refused: dict[tuple[str, str], dict[str, list[str]]]


def reason_of(said: Refused) -> tuple[str, str]:
    """Return a refusal's code and its reason: why nothing can be written, not why the GRU is not kept."""
    code, _, message = str(said).partition(": ")
    reason = WHY_NOT_KEPT.sub("", LEFT.sub("", message[: message.rfind(" [")]))
    return code, HINT.sub("", OTHERS.sub("", reason))


def outcome_of(target: str) -> Outcome:
    """Rewrite every cell for a target."""
    written = dict.fromkeys(COMMANDS, 0)
    refused: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for cell in cells():
        case = cell.case()
        dims = {} if case.static else {"T": case.sizes[0], "N": case.sizes[1]}
        for command in COMMANDS:
            try:
                followed(command, case.model(), target, dims)
            except Refused as said:
                refused[reason_of(said)][command].append(cell.name)
            else:
                written[command] += 1
    return Outcome(written, refused)


def section(target: str, outcome: Outcome) -> list[str]:
    """Return the lines on one target."""
    lines = ["", f"## {target}", ""]
    for (code, reason), by_command in sorted(outcome.refused.items()):
        same = len(set(map(tuple, by_command.values()))) == 1
        shown = {"" if len(by_command) == len(COMMANDS) else next(iter(by_command)): next(iter(by_command.values()))}
        for command, names in (shown if same else by_command).items():
            only = f" (`{command}`)" if command else ""
            lines.append(f"- [{code}](diagnostics/{code}.md){only} {reason}: **{len(names)}** – {', '.join(names)}")
    return lines


def page() -> str:
    """Return the page's text."""
    outcomes = {name: outcome_of(name) for name in read_profile.names()}
    rows, sections = [], []
    for name, outcome in outcomes.items():
        numbers = []
        for command in COMMANDS:
            refused = sum(len(by_command.get(command, ())) for by_command in outcome.refused.values())
            numbers += [outcome.written[command], refused]
        shown = f"[{name}](#{name})" if outcome.refused else name
        rows.append(f"| {shown} | {' | '.join(map(str, numbers))} |")
        sections += section(name, outcome) if outcome.refused else []
    return "\n".join([HEAD.format(count=len(cells())) + "\n".join(rows), *sections]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
