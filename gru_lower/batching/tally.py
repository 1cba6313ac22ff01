"""How far a batch is: what came of the models so far, and how long the rest will take."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gru_lower.batching.job import Outcome, Status


class Tally:
    """Counts outcomes.

    Args:
        total: How many models there are.

    Attributes:
        total: How many models there are.
        by_status: How many came to what.
        codes: What went wrong, by status: how often each code.
        resumed: How many an earlier run did.

    """

    def __init__(self, total: int) -> None:
        """Begin to count."""
        self.total = total
        self.by_status: Counter[Status] = Counter()
        self.codes: dict[Status, Counter[str]] = {}
        self.resumed = 0
        self._started = time.monotonic()
        self._began = time.monotonic()

    def add(self, outcome: Outcome) -> None:
        """Count one."""
        self.by_status[outcome.status] += 1
        self.codes.setdefault(outcome.status, Counter()).update(outcome.codes)
        if outcome.resumed:
            self.resumed += 1
            self._began = time.monotonic()

    @property
    def done(self) -> int:
        """How many are done."""
        return sum(self.by_status.values())

    @property
    def failed(self) -> int:
        """How many of them did not come out well."""
        return self.done - self.by_status["done"]

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._started

    @property
    def seconds_left(self) -> float | None:
        """How long the rest will take, at the pace of this run so far; ``None`` before the first is done."""
        done_here = self.done - self.resumed
        if not done_here:
            return None
        return (time.monotonic() - self._began) / done_here * (self.total - self.done)
