"""What a verification found, and what it was asked to do."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Mapping

Array = npt.NDArray[Any]
Feeds = dict[str, Array]
Status = Literal["equivalent", "different", "inconclusive", "not_run"]
Scope = Literal["model", "site"]


@dataclass(frozen=True)
class VerifyOptions:
    """How to verify.

    Attributes:
        rtol: Relative tolerance; by the output's element type if None.
        atol: Absolute tolerance, in the output's unit; by the output's element type if None.
        cases: Inputs to compare on, when they are generated.
        seed: Of the generated inputs: the same seed gives the same inputs.
        timeout: Seconds for one load or one run.
        memory: Bytes the worker's data may take; about 80 % of the machine's (or its container's) if None.
        shapes: Input name -> the shape to generate for it.
        inputs: Given inputs, one dict per case, instead of generated ones.
        expected: Output name -> what is right, one dict per case of `inputs`: integer labels or values.
        zero_length_state: What the rewrite gives as the last state of a sequence of length 0. If set, such sequences
            are fed where the two should agree: to whole models if "zero", as onnxruntime has it, and to sites that
            have a float64 reference. None feeds none.
        padding: Where sequences are padded whose masks become the rewrite's sequence_lens; None leaves masks to chance.

    """

    rtol: float | None = None
    atol: float | None = None
    cases: int = 3
    seed: int = 0
    timeout: float = 60.0
    memory: int | None = None
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    inputs: list[Feeds] | None = None
    expected: list[Feeds] | None = None
    zero_length_state: Literal["zero", "initial"] | None = None
    padding: Literal["right", "left"] | None = None


@dataclass(frozen=True)
class Worst:
    """The element with the largest error beyond its tolerance; values are NaN where they are not numbers."""

    output: str
    index: tuple[int, ...]
    expected: float
    actual: float


@dataclass(frozen=True)
class Accuracy:
    """Share of `count` labels that the largest score hit, in the original (`before`) and in the rewrite (`after`)."""

    output: str
    before: float
    after: float
    count: int


@dataclass
class Verification:
    """The verdict on one pair.

    Attributes:
        status: "inconclusive" if the pair could not be run or compared, "not_run" if nobody asked.
        scope: "model" for whole outputs, "site" for one rewritten node or region.
        cases: How many inputs were compared.
        max_abs_error: Largest |original - rewrite| over all outputs and cases, in the outputs' unit; None if nothing
            numeric was compared, infinite where only one side is NaN or infinite.
        max_rel_error: The same, relative to the original, where that exceeds the absolute tolerance.
        worst: Where the error is largest; None if there is none.
        message: One line for people: why not equivalent, or what to know about the verdict.
        proved: A symbolic proof holds too.
        accuracy: One entry per labelled output.
        chaotic: The original itself moves as much when its inputs change in the last bits.

    """

    status: Status
    scope: Scope
    cases: int = 0
    max_abs_error: float | None = None
    max_rel_error: float | None = None
    worst: Worst | None = None
    message: str = ""
    proved: bool = False
    accuracy: list[Accuracy] = field(default_factory=list)
    chaotic: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the report's ``verification`` object: strict JSON, null for what is not a finite number."""
        worst = self.worst and {"output": self.worst.output, "index": list(self.worst.index)}
        return {
            "status": self.status,
            "scope": self.scope,
            "proved": self.proved,
            "cases": self.cases,
            "max_abs_error": _finite(self.max_abs_error),
            "max_rel_error": _finite(self.max_rel_error),
            "worst": worst,
            "message": self.message,
            "chaotic": self.chaotic,
            "accuracy": [
                {"output": a.output, "before": _finite(a.before), "after": _finite(a.after), "count": a.count}
                for a in self.accuracy
            ],
        }


def not_run(why: str) -> Verification:
    """Return what stands in a report where nothing was verified."""
    return Verification(status="not_run", scope="model", message=why)


def _finite(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(np.float64(value))
