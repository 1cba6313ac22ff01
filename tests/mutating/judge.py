"""Whether a change in a model changes a result: by running it on many inputs that verification has not drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.verification.comparing.elementwise_errors import errors, magnitudes
from gru_lower.verification.comparing.tolerance import tolerance_for
from gru_lower.verification.worker.run_failure import RunFailure

if TYPE_CHECKING:
    import onnx

    from gru_lower.verification.worker.client import Worker
    from mutating.bases import Base, Feeds

SURE = 0.25
"""How much of the tolerance the unchanged model may be off by where a change is to be told."""


@dataclass
class Judge:
    """Runs a base on its own inputs, once, and then each of its mutants.

    Attributes:
        base: The model and what it was lowered to.
        worker: Where models run.
        count: How many inputs.
        cases: The inputs on which the lowered model is right, and what is right there.

    """

    base: Base
    worker: Worker
    seed: int
    count: int = 24
    cases: list[tuple[Feeds, Feeds]] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = np.random.default_rng([self.seed, 77])
        lowered = self.worker.load(self.base.lowered)
        original = None if self.base.truth is not None else self.worker.load(self.base.original)
        for _ in range(self.count):
            feeds = self.base.draw(rng)
            actual = self.worker.run(lowered, feeds)
            if self.base.truth is not None:
                wide = self.base.truth(feeds)
                with np.errstate(over="ignore"):
                    right = {name: wide[name].astype(value.dtype) for name, value in actual.items()}
            else:
                assert original is not None
                right = self.worker.run(original, feeds)
            if all(excess(right[name], value) <= SURE for name, value in actual.items()):
                self.cases.append((feeds, right))
        self.worker.unload(lowered)
        if original is not None:
            self.worker.unload(original)

    def change(self, mutant: onnx.ModelProto) -> float | None:
        """Return the mutant's largest error in tolerances, ``None`` where it does not run."""
        try:
            handle = self.worker.load(mutant)
        except RunFailure:
            return None
        largest = 0.0
        try:
            for feeds, right in self.cases:
                actual = self.worker.run(handle, feeds)
                for name, value in right.items():
                    if actual[name].shape != value.shape or actual[name].dtype != value.dtype:
                        return np.inf
                    largest = max(largest, excess(value, actual[name]))
        except RunFailure:
            return None
        finally:
            self.worker.unload(handle)
        return largest


def excess(right: np.ndarray, actual: np.ndarray) -> float:
    """Return the largest error in tolerances of the element type; what is exact is right or infinitely wrong."""
    limits = tolerance_for(actual.dtype)
    error = errors(right, actual)
    if not error.size or not error.any():
        return 0.0
    bound = limits.atol + limits.rtol * magnitudes(right)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.where(error > 0, error / bound, 0.0).max())
