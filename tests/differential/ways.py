"""All ways in which the second model of a pair differs from the first."""

from __future__ import annotations

import numpy as np

from differential import ways_of_graphs, ways_of_sizes, ways_of_values  # each adds its own
from differential.way import WAYS, Differing

__all__ = ["WAYS", "Differing", "random_differing", "ways_of_graphs", "ways_of_sizes", "ways_of_values"]


def random_differing(name: str, seed: int) -> Differing:
    """Return a random pair that differs in one way."""
    found: Differing = WAYS[name](np.random.default_rng([seed, sorted(WAYS).index(name)]))
    return found
