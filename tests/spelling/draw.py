"""Choices by name: each comes from a generator of its own, so that a new knob leaves all others as they were."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Options = Sequence[Any] | Mapping[Any, float]


class Draw:
    """Draws named knobs from a seed, and remembers what it drew.

    Args:
        seed: Any integer from 0.
        fixed: Knobs not left to chance, by name or by full name (``layer1/update``).
        prefix: What stands before the names of this part's knobs.

    Attributes:
        choices: Every knob drawn so far, by its full name.

    """

    def __init__(self, seed: int, fixed: Mapping[str, Any] | None = None, prefix: str = "") -> None:
        self.seed, self.fixed, self.prefix = seed, dict(fixed or {}), prefix
        self.choices: dict[str, Any] = {}

    def under(self, prefix: str) -> Draw:
        """Return the same seed for a part of its own: its knobs do not depend on the other parts'."""
        part = Draw(self.seed, self.fixed, f"{self.prefix}{prefix}/")
        part.choices = self.choices
        return part

    def rng(self, knob: str) -> np.random.Generator:
        """Return the knob's own generator."""
        return np.random.default_rng([self.seed, zlib.crc32(f"{self.prefix}{knob}".encode())])

    def __call__(self, knob: str, options: Options) -> Any:
        """Return one of the options, by weight if they have weights.

        Raises:
            ValueError: The knob is fixed to something that is not among the options here.

        """
        full = f"{self.prefix}{knob}"
        names = list(options)
        if full in self.choices and self.choices[full] in names:
            return self.choices[full]
        if full in self.fixed or knob in self.fixed:
            value = self.fixed.get(full, self.fixed.get(knob))
            if value not in names:
                raise ValueError(f"{full} cannot be {value!r} here; it can be {', '.join(map(repr, names))}")
        else:
            weights = np.array(list(options.values()) if isinstance(options, Mapping) else [1.0] * len(names))
            edges = np.cumsum(weights) / weights.sum()
            place = int(np.searchsorted(edges, self.rng(knob).random(), side="right"))
            value = names[min(place, len(names) - 1)]  # the shares may sum to a little less than 1
        self.choices[full] = value
        return value

    def flag(self, knob: str, chance: float) -> bool:
        """Return whether the knob is on."""
        return bool(self(knob, {False: 1 - chance, True: chance}))

    def number(self, knob: str, low: int, high: int) -> int:
        """Return an integer of ``low..high``, both included."""
        return int(self(knob, range(low, high + 1)))
