"""Time calls side by side: in turn, so that other load on the machine affects all of them equally.

A call's time alone says little on a shared machine. The quotient of two calls timed one right after the other says
more, and the median of many such quotients is steady to a few percent.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from gru_lower.light_dataclass import dataclass
from gru_lower.plain_data import PlainData

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Clock = Literal["cpu", "wall"]
Seconds = npt.NDArray[np.float64]

CLOCKS: dict[Clock, Callable[[], float]] = {"cpu": time.process_time, "wall": time.perf_counter}
BLOCK = 2e-3
"""Seconds a block of calls takes at least: far above the clocks' own cost."""
WARM_UP = 3
FEWEST_ROUNDS = 5


@dataclass(frozen=True)
class Spread(PlainData):
    """The quartiles of many values."""

    median: float
    q1: float
    q3: float

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Spread:
        """Return the quartiles of some values."""
        q1, median, q3 = np.percentile(np.asarray(values, np.float64), (25, 50, 75))
        return cls(float(median), float(q1), float(q3))

    def to_dict(self) -> dict[str, float]:
        """Return the object that stands in JSON."""
        return {"median": self.median, "q1": self.q1, "q3": self.q3}


def in_turn(
    calls: Sequence[Callable[[], Any]], *, clock: Clock, seconds: float, rounds: int | None = None, block: float = BLOCK
) -> Seconds:
    """Time calls in rounds: each round times a block of every call, every other round in reverse order.

    Args:
        calls: What to time; called a few times first.
        clock: ``"cpu"`` for the process's CPU time over all threads, ``"wall"`` for time that passes.
        seconds: How long to go on, if `rounds` is not given; a round that has begun is finished.
        rounds: How many rounds instead.
        block: Seconds a block takes at least: short calls are repeated.

    Returns:
        Seconds for one call, of shape [rounds, calls].

    """
    read = CLOCKS[clock]
    repeats = [max(1, round(block / max(_warm(call), 1e-9))) for call in calls]
    order = list(enumerate(zip(calls, repeats, strict=True)))
    found: list[Seconds] = []
    until = time.monotonic() + seconds
    while len(found) < (FEWEST_ROUNDS if rounds is None else rounds) or (rounds is None and time.monotonic() < until):
        row = np.empty(len(calls))
        for place, (call, repeat) in order:
            start = read()
            for _ in range(repeat):
                call()
            row[place] = (read() - start) / repeat
        found.append(row)
        order.reverse()
    return np.stack(found)


def quotient(seconds: Seconds, dividend: int, divisor: int) -> Spread:
    """Return how much longer one call takes than another: quartiles of the rounds' quotients."""
    return Spread.of(seconds[:, dividend] / seconds[:, divisor])


def _warm(call: Callable[[], Any]) -> float:
    """Call a few times; return the seconds of the shortest."""
    shortest = float("inf")
    for _ in range(WARM_UP):
        start = time.perf_counter()
        call()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest
