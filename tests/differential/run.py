"""What verification says of pairs, at a budget counted in cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import gru_lower.api.verify as api
from differential.twins import random_twins
from differential.ways import WAYS, random_differing
from gru_lower.graph import model as graph_model
from gru_lower.verification.options import VerifyOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import onnx

FURTHER = 90
"""Further inputs for a pair."""


@dataclass(frozen=True)
class Outcome:
    """What was said of one pair.

    Attributes:
        name: What the pair is.
        status: The verdict.
        codes: Of findings.
        named: Whether an inconclusive verdict names the input, dim or bound.
        message: The verdict's.

    """

    name: str
    status: str
    codes: tuple[str, ...]
    named: bool
    message: str

    @property
    def caught(self) -> bool:
        """Whether a pair that differs is called different, or raises a coded finding."""
        return self.status == "different" or bool(self.codes)

    @property
    def admitted(self) -> bool:
        """Whether it is caught, or called inconclusive with what that is about."""
        return self.caught or (self.status == "inconclusive" and self.named)


def judged(name: str, a: onnx.ModelProto, b: onnx.ModelProto, names: Sequence[str] = ()) -> Outcome:
    """Return what verification says of a pair."""
    options = VerifyOptions(further=FURTHER, zero_length_state="zero", timeout=20.0)
    left, right = (graph_model.parse(each.SerializeToString()) for each in (a, b))
    report = api.verify_pair(left, right, options)
    found = report.verification
    codes = tuple(each.code for each in getattr(found, "findings", []))
    named = any(word and word in found.message for word in names)
    return Outcome(name, found.status, codes, named, found.message)


def of_differing(seeds: int, first: int = 0) -> Iterator[Outcome]:
    """Yield what is said of every way, on random models of some seeds."""
    for seed in range(first, first + seeds):
        for name in WAYS:
            pair = random_differing(name, seed)
            yield judged(f"{name}, seed {seed}", pair.a, pair.b, pair.names)


def of_equal(count: int, first: int = 0) -> Iterator[Outcome]:
    """Yield what is said of pairs that are equal."""
    for seed in range(first, first + count):
        twins = random_twins(seed)
        yield judged(f"{twins.name}, seed {seed}", twins.a, twins.b)
