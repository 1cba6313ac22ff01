"""Timing a target: every way to write a GRU, at every size of a grid, and the costs that come of it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.errors import Unsupported
from gru_lower.light_dataclass import dataclass
from gru_lower.probing.timing.fit_costs import Measured, fit_costs
from gru_lower.probing.timing.journal import Journal
from gru_lower.probing.timing.timed_sizes import FITTED, timed_model
from gru_lower.probing.timing.timed_ways import fits, ways_to_time, written_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from gru_lower.probing.probe_model import ProbeModel
    from gru_lower.probing.timing.timer import Timer
    from gru_lower.targets.costs import Costs, Size, Way
    from gru_lower.targets.profile import Profile

STRIDE = 5
MINUTE = 60
TOLERANCE = {"bf16": 8e-2}
"""What may be off in a precision, where that is more than in float32."""


@dataclass(frozen=True)
class Setting:
    """A way to run the target.

    Attributes:
        timer: Times models so.
        precision: What it computes in then, ``""`` where there is one only.
        flags: Flags of its own that it is run with, ``""`` for none.

    """

    timer: Timer
    precision: str = ""
    flags: str = ""


@dataclass
class TimeOptions:
    """How to time.

    Attributes:
        sizes: At which sizes.
        version: The target's version.
        machine: What it runs on.
        limit: Seconds after which no other size is begun; 0 for no limit.
        journal: A file for what was timed so far, ``None`` for none.

    """

    sizes: Sequence[Size] = ()
    version: str = ""
    machine: str = ""
    limit: float = 0.0
    journal: Path | None = None


@dataclass
class Timed:
    """What came of timing.

    Attributes:
        profile: The profile with its costs.
        measured: All that was measured.
        left: How many sizes were not timed for lack of time.
        reasons: Why ways were not timed, by way.

    """

    profile: Profile
    measured: list[Measured]
    left: int
    reasons: dict[str, str]


def time_target(
    settings: Sequence[Setting],
    profile: Profile,
    options: TimeOptions,
    progress: Callable[[str, int, int], None] | None = None,
) -> Timed:
    """Time a target and fit its costs.

    Args:
        settings: Each way to run it; without flags the first.
        profile: What it takes. Costs of settings that are not timed anew stay.
        options: How.
        progress: Called with ``(what, done, total)``.

    Raises:
        Unsupported: Nothing could be timed.

    """
    sizes = coarse_first(options.sizes or FITTED.sizes())
    ways, reasons = ways_to_time(profile), dict[str, str]()
    names = [[each.precision, each.flags] for each in settings]
    journal = Journal(options.journal, f"{profile.name} {options.version} {names} {[str(way) for way in ways]}")
    begun, spent, total = time.monotonic(), 0.0, len(sizes) * len(settings)
    jobs = [(size, setting) for size in sizes for setting in settings]
    jobs = [job for job in jobs if (job[0], job[1].precision, job[1].flags) not in journal.sizes]
    work, done, left = sum(_work(size) for size, _ in jobs), 0.0, 0
    for place, (size, setting) in enumerate(jobs):
        spent = time.monotonic() - begun
        if options.limit and spent > options.limit:
            left = len(jobs) - place
            break
        if progress is not None:
            progress(f"timing{_left(spent, done, work)}", total - len(jobs) + place, total)
        found = time_size(setting, profile, size, ways[:1] if setting.flags else ways, reasons)
        journal.add(size, setting.precision, setting.flags, found)
        done += _work(size)
    measured = [each for size in sizes for setting in settings for each in journal.sizes.get(
        (size, setting.precision, setting.flags), []
    )]  # fmt: skip
    if not measured:
        why = next(iter(reasons.values()), "there was no time")
        raise Unsupported(
            f"nothing could be timed: {why}", code="GL612", hint="run the command by hand on a model; raise --timeout"
        )
    costs = _beside(profile.costs, fit_costs(measured, options.version or profile.version, options.machine), settings)
    return Timed(replace(profile, costs=costs), measured, left, reasons)


def coarse_first(sizes: Sequence[Size]) -> list[Size]:
    """Return sizes in an order that covers their range at once, for runs that are ended early."""
    return [size for first in range(STRIDE) for size in list(sizes)[first::STRIDE]]


def time_size(
    setting: Setting, profile: Profile, size: Size, ways: Sequence[Way], reasons: dict[str, str]
) -> list[Measured]:
    """Time ways at one size; ways that come out as the same model are timed once.

    Args:
        setting: How to run the target.
        profile: What it takes.
        size: The size.
        ways: The ways; those that do not fit the size are left out.
        reasons: Takes why a way was not timed.

    """
    opset = profile.best_opset
    node = timed_model(size, opset)
    tolerance = TOLERANCE.get(setting.precision, node.tolerance)
    models: dict[bytes, ProbeModel] = {}
    keys: dict[Way, bytes] = {}
    for way in ways:
        if not fits(way, size):
            continue
        model = written_model(node.model, way, profile, opset)
        if model is not None:
            keys[way] = key = model.SerializeToString(deterministic=True)
            models.setdefault(key, replace(node, model=model, tolerance=tolerance))
    timings = dict(zip(models, setting.timer(list(models.values())), strict=True))
    for way, key in keys.items():
        if timings[key].reason:
            reasons.setdefault(str(way), timings[key].reason)
    return [
        Measured(size, way, timings[key].median, setting.precision, setting.flags, timings[key].spread)
        for way, key in keys.items()
        if timings[key].seconds
    ]


def _work(size: Size) -> float:
    """Return about how long a size takes, whatever the unit: starting what is loaded, and running it."""
    return 1.0 + size.length * size.batch * size.hidden**2 / 4e6


def _left(spent: float, done: float, work: float) -> str:
    if not done:
        return ""
    seconds = spent * (work - done) / done
    return f", {seconds / MINUTE:.0f} min left" if seconds >= MINUTE else f", {seconds:.0f} s left"


def _beside(old: Costs | None, new: Costs, settings: Sequence[Setting]) -> Costs:
    """Return new costs beside old ones of settings that were not timed."""
    timed = {(each.precision, each.flags) for each in settings}
    stays = [row for row in old.rows if (row.precision, row.flags) not in timed] if old is not None else []
    setting = old.precision_setting if old is not None else ""
    return replace(new, rows=(*new.rows, *stays), precision_setting=setting)
