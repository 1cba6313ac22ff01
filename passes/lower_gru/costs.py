"""What ``form=auto`` and ``packing=auto`` go by, read from costs.json: measured figures that the benchmarks refit."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from gru_lower.light_dataclass import dataclass


@dataclass(frozen=True)
class Packing:
    """One row: how the Scan bodies of some sizes are packed.

    Attributes:
        directions: How many directions the GRU has.
        linear_before_reset: 0 or 1.
        hidden: The largest H it serves.
        batch: The largest batch it serves.
        unknown: Whether it serves a batch that is neither static nor hinted.
        use: One of :data:`gru_lower.passes.lower_gru.choose_packing.PACKINGS`.

    """

    directions: int
    linear_before_reset: int
    hidden: int
    batch: int
    unknown: bool
    use: str

    def serves(self, directions: int, linear_before_reset: int, hidden: int, batch: int | None) -> bool:
        """Whether the row fits a GRU."""
        kind = (self.directions, self.linear_before_reset)
        fits = self.unknown if batch is None else batch <= self.batch
        return fits and kind == (directions, linear_before_reset) and hidden <= self.hidden


@dataclass(frozen=True)
class Costs:
    """All of costs.json.

    Attributes:
        unroll_up_to: The longest static sequence that ``auto`` unrolls: longer unrolls cost more session time than a
            Scan costs per run.
        peel_from: The smallest H whose first step, from a state of zeros, is done outside a Scan: without initial_h it
            has no recurrent product, which is then worth cutting the projections for it.
        peel_up_to: The longest static sequence for which it is.
        inside_from: The smallest static batch whose projection may be computed inside a Scan: those of all steps,
            3·T·B·H values, go through memory, and a step computes its own faster.
        inside_values: How large T·B·H has to be for it.
        preallocate_up_to: The largest known B·H whose values are all states of a Scan's body, in two preallocated
            places each, for which a cache is too small beyond it.
        packing: How a Scan's body is packed: the first row that fits.

    """

    unroll_up_to: int
    peel_from: int
    peel_up_to: int
    inside_from: int
    inside_values: int
    preallocate_up_to: int
    packing: tuple[Packing, ...]

    def peels(self, hidden: int, length: int | None) -> bool:
        """Whether the first step of a Scan is done outside it."""
        return length is not None and hidden >= self.peel_from and length <= self.peel_up_to

    def projects_inside(self, hidden: int, batch: int | None, length: int | None) -> bool:
        """Whether a Scan's body computes the projection of its step itself."""
        if batch is None or length is None:
            return False
        return batch >= self.inside_from and length * batch * hidden >= self.inside_values

    def preallocates(self, hidden: int, batch: int | None) -> bool:
        """Whether all that a Scan's body computes is a state of it."""
        return batch is None or batch * hidden <= self.preallocate_up_to

    def packing_for(self, directions: int, linear_before_reset: int, hidden: int, batch: int | None) -> str:
        """Return the packing of a Scan's body, ``"none"`` where no row fits."""
        rows = (row for row in self.packing if row.serves(directions, linear_before_reset, hidden, batch))
        return next((row.use for row in rows), "none")


@lru_cache(maxsize=1)
def costs() -> Costs:
    """Read the file that ships with the package."""
    data = json.loads(Path(__file__).with_name("costs.json").read_text("utf-8"))
    rows = tuple(Packing(**row) for row in data.pop("packing"))
    return Costs(**data, packing=rows)
