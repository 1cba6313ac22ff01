"""How faithful a quantised model is: signal to noise and cosine by output, in the place of a tolerance.

Rounding to whole numbers moves every value, so the largest error on some input says little. What is asked is whether
the outputs as a whole still say the same: the power of what differs beside the power of what is right.
"""

from __future__ import annotations

import math
from dataclasses import field
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.light_dataclass import dataclass
from gru_lower.verification.arrays import is_float
from gru_lower.verification.comparing.compare_arrays import type_difference
from gru_lower.verification.result import Fidelity, Verification

if TYPE_CHECKING:
    from gru_lower.verification.arrays import Array, Feeds
    from gru_lower.verification.result import Scope

LEAST_SNR = 20.0
"""Decibels that every output of floats has to reach: a hundredth of its power may be noise."""
LEAST_SHARE = 0.95
"""The share of the values of any other output that has to stay the same."""


@dataclass
class FidelityTally:
    """The sums of one verification, by output.

    Attributes:
        cases: How many inputs were compared.
        faults: What is wrong whatever the noise: types, shapes, values that are no longer finite.

    """

    cases: int = 0
    faults: list[str] = field(default_factory=list)
    _sums: dict[str, _Sums] = field(default_factory=dict)

    def add(self, expected: Feeds, actual: Feeds) -> None:
        """Add the outputs of one case."""
        self.cases += 1
        for name, right in expected.items():
            difference = type_difference(right, actual[name])
            if difference:
                self.faults.append(f"output {name!r}: {difference} (case {self.cases})")
                continue
            if not self._sums.setdefault(name, _Sums(is_float(right.dtype))).add(right, actual[name]):
                self.faults.append(f"output {name!r} is not finite where it was (case {self.cases})")

    def verification(self, scope: Scope, why: str) -> Verification:
        """Return the verdict.

        Args:
            scope: What was compared.
            why: Why no tolerance decides, in a few words.

        """
        found = [sums.fidelity(name) for name, sums in self._sums.items()]
        low = [each for each in found if not each.is_faithful(LEAST_SNR, LEAST_SHARE)]
        faults = [*self.faults, *(f"output {each.output!r} has {each.spelled}" for each in low)]
        empty = [f"output {name!r} was empty on all cases" for name, sums in self._sums.items() if not sums.count]
        errors = [each.max_abs_error for each in self._sums.values() if each.of_floats]
        return Verification(
            "different" if faults else "inconclusive" if empty else "equivalent",
            scope,
            cases=self.cases,
            max_abs_error=max(errors, default=None),
            message="; ".join([why, *dict.fromkeys([*faults, *empty])]),
            fidelity=found,
        )


@dataclass
class _Sums:
    of_floats: bool
    signal: float = 0.0
    noise: float = 0.0
    product: float = 0.0
    power: float = 0.0
    same: int = 0
    count: int = 0
    max_abs_error: float = 0.0

    def add(self, right: Array, actual: Array) -> bool:
        """Add two arrays; tell whether the second is finite where the first is."""
        self.count += right.size
        if not self.of_floats:
            self.same += int(np.sum(right == actual))
            return True
        wide = np.complex128 if right.dtype.kind == "c" else np.float64
        first, second = right.astype(wide).ravel(), actual.astype(wide).ravel()
        finite = np.isfinite(first)
        first, second = first[finite], second[finite]
        if not np.isfinite(second).all():
            return False
        error = np.abs(first - second)
        self.signal += float((np.abs(first) ** 2).sum())
        self.noise += float((error**2).sum())
        self.power += float((np.abs(second) ** 2).sum())
        self.product += float(np.vdot(first, second).real)
        self.max_abs_error = max(self.max_abs_error, float(error.max(initial=0.0)))
        return True

    def fidelity(self, name: str) -> Fidelity:
        if not self.of_floats:
            return Fidelity(name, None, None, self.same / self.count if self.count else 1.0)
        if not self.noise:
            return Fidelity(name, math.inf, 1.0)
        size = math.sqrt(self.signal * self.power)
        snr = 10.0 * math.log10(self.signal / self.noise) if self.signal else -math.inf
        return Fidelity(name, snr, self.product / size if size else 0.0)
