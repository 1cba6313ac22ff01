"""What ``quantize`` goes by, read from costs.json: measured figures that the benchmarks refit."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from gru_lower.light_dataclass import dataclass


@dataclass(frozen=True)
class Faster:
    """One row: where int8 is faster than the float GRU node.

    Attributes:
        steps: ``"one"``, or ``"several"`` for any number that is not known to be 1.
        batch: The largest batch it is about.
        hidden: The least H.

    """

    steps: str
    batch: int
    hidden: int


@dataclass(frozen=True)
class Costs:
    """All of costs.json.

    Attributes:
        one_part_from: The least H of which a single step takes X in one part of eight bits: without ``all`` int8 is
            for speed.
        two_parts_up_to: The largest H of which several steps take it in two parts of seven bits each.
        faster: The rows, in order.

    """

    one_part_from: int
    two_parts_up_to: int
    faster: tuple[Faster, ...]

    def input_terms(self, hidden: int, length: int | None) -> int:
        """Return in how many parts X is taken."""
        if length == 1:
            return 1 if hidden >= self.one_part_from else 2
        return 2 if hidden <= self.two_parts_up_to else 1

    def least_hidden(self, length: int | None, batch: int | None) -> int:
        """Return from which H on int8 is faster; for a batch beyond all rows, that of the last one.

        Args:
            length: T, ``None`` where it is not known.
            batch: The batch to expect, ``None`` for 1.

        """
        rows = [row for row in self.faster if row.steps == ("one" if length == 1 else "several")]
        return next((row.hidden for row in rows if (batch or 1) <= row.batch), rows[-1].hidden)


@lru_cache(maxsize=1)
def costs() -> Costs:
    """Read the file that ships with the package."""
    data = json.loads(Path(__file__).with_name("costs.json").read_text("utf-8"))
    rows = tuple(Faster(**row) for row in data.pop("faster"))
    return Costs(**data, faster=rows)
