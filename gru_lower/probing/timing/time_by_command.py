"""Timing a target by a user's command: what ``gru-lower probe --time`` does."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from gru_lower.probing.timing.time_target import Setting, TimeOptions, time_target
from gru_lower.probing.timing.timer import CommandTimer
from gru_lower.targets.costs import NODE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from gru_lower.probing.timing.fit_costs import Measured
    from gru_lower.probing.timing.time_target import Timed
    from gru_lower.targets.costs import Size
    from gru_lower.targets.profile import Profile


SIZES_SHOWN = ("H", "B", "T", "lbr", "fastest", "of its own GRU", "spread")
"""The columns of :func:`fastest_by_size`."""


def journal_of(output: Path) -> Path:
    """Return the file beside a profile that holds what was timed so far."""
    return output.with_name(f"{output.name}.timing.jsonl")


def time_by_command(
    command: str,
    profile: Profile,
    timeout: float,
    *,
    journal: Path | None,
    limit: float = 0.0,
    version: str = "",
    precision: str = "",
    flags: str = "",
    sizes: Sequence[Size] = (),
    progress: Callable[[str, int, int], None] | None = None,
) -> Timed:
    """Time a target by a command, and fit the costs.

    Args:
        command: Runs one model, see :mod:`gru_lower.probing.timing.timer`.
        profile: What the target takes.
        timeout: Seconds for one start of the command.
        journal: A file for what was timed so far: a run that was ended goes on from it.
        limit: Seconds after which no other size is begun; 0 for no limit.
        version: The target's version; the profile's if empty.
        precision: What the command lets the target compute in, where it may compute in several.
        flags: Flags of the target's own that the command gives it.
        sizes: At which sizes; a grid of them if none are named.
        progress: Called with ``(what, done, total)``.

    """
    setting = Setting(CommandTimer(command, timeout), precision, flags)
    options = TimeOptions(sizes, version or profile.version, platform.machine(), limit, journal)
    return time_target([setting], profile, options, progress)


def fastest_by_size(timed: Timed) -> list[tuple[str, ...]]:
    """Return rows for people: of each size the fastest way, what it takes of the node, and the rounds' spread."""
    by_size: dict[Size, dict[str, Measured]] = {}
    for each in timed.measured:
        by_size.setdefault(each.size, {})[str(each.way)] = each
    rows = []
    for size, ways in sorted(by_size.items(), key=lambda item: (item[0].linear_before_reset, item[0].terms)):
        best = min(ways.values(), key=lambda each: each.seconds)
        ratio = f"{best.seconds / ways[NODE].seconds:.2f}" if NODE in ways else "?"
        numbers = map(str, (size.hidden, size.batch, size.length, size.linear_before_reset))
        rows.append((*numbers, str(best.way), ratio, f"{best.spread:.0%}"))
    return rows
