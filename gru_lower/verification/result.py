"""What a verification found: the verdict, the largest errors and where they are."""

from __future__ import annotations

import math
from dataclasses import field
from typing import TYPE_CHECKING, Any, Literal

from gru_lower.light_dataclass import dataclass
from gru_lower.plain_data import PlainData

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.drawn_inputs import DrawnInputs
    from gru_lower.verification.runs_evidence import RunsEvidence

Status = Literal["equivalent", "different", "inconclusive", "not_run"]
Scope = Literal["model", "site"]


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


@dataclass(frozen=True)
class Fidelity:
    """How faithful one output of a quantised model is, over all cases.

    Attributes:
        output: Its name.
        snr_db: The power of what is right beside that of the error, in decibels; infinite without an error, ``None``
            for an output that is no float.
        cosine: The cosine of the two as vectors, ``None`` likewise.
        same: The share of values that are the same, of an output that is no float.

    """

    output: str
    snr_db: float | None
    cosine: float | None
    same: float | None = None

    def is_faithful(self, least_snr: float, least_share: float) -> bool:
        """Whether the noise is small enough, or enough values are the same."""
        if self.snr_db is None:
            return (self.same or 0.0) >= least_share
        return self.snr_db >= least_snr

    @property
    def spelled(self) -> str:
        """The figures, as a person reads them."""
        if self.snr_db is None or self.cosine is None:
            return f"{self.same or 0.0:.2%} of its values the same"
        return f"signal to noise {self.snr_db:.1f} dB, cosine {self.cosine:.6f}"


@dataclass
class Verification(PlainData):
    """The verdict on one pair.

    Attributes:
        status: "inconclusive" if the pair could not be run or compared, "not_run" if nobody asked.
        scope: "model" for whole outputs, "site" for one rewritten node or region.
        cases: How many inputs were compared.
        max_abs_error: Largest ``abs(original - rewrite)`` over all outputs and cases, in the outputs' unit; None if
            nothing numeric was compared, infinite where only one side is NaN or infinite.
        max_rel_error: The same, relative to the original, where that exceeds the absolute tolerance.
        worst: Where the error is largest; None if there is none.
        message: One line for people: why not equivalent, or what to know about the verdict.
        proved: A symbolic proof holds too.
        accuracy: One entry per labelled output.
        fidelity: One entry per output, where a quantised model was judged by its noise rather than by a tolerance.
        chaotic: The original itself moves as much when its inputs change in the last bits.
        least_atol: The least absolute tolerance, in two digits, that passes on the inputs compared, the relative one
            being as it is; infinite if none does, None if nothing was compared.
        least_rtol: The least relative tolerance, the absolute one being as it is.
        starts_at: The GRUs, by site, at which two different models start to differ; empty if it is at none.
        starts_in: The first value that differs, of those that both models have; "" if that is not known.
        findings: What a caller of the models meets although the numbers may agree: dims that are fixed, inputs that are
            in another order, gone or without effect, noise that cannot be matched.
        drawn: What inputs were drawn, and which were left out; ``None`` where inputs were given or none were needed.
        counterexample: The inputs on which two different models are furthest apart.
        evidence: What the verdict rests on, where that was asked for.
        report_html: Gives the report it stands in, as HTML; ``None`` where it stands in none.

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
    fidelity: list[Fidelity] = field(default_factory=list)
    chaotic: bool = False
    least_atol: float | None = None
    least_rtol: float | None = None
    starts_at: list[str] = field(default_factory=list)
    starts_in: str = ""
    findings: list[Diagnostic] = field(default_factory=list)
    drawn: DrawnInputs | None = field(default=None, compare=False)
    counterexample: Feeds | None = field(default=None, repr=False, compare=False)
    evidence: RunsEvidence | None = field(default=None, repr=False, compare=False)
    report_html: Callable[[], str] | None = field(default=None, repr=False, compare=False)

    def _repr_html_(self) -> str | None:
        """Return what a notebook shows of it, ``None`` where that is the plain text."""
        return None if self.report_html is None else self.report_html()

    @property
    def holds(self) -> bool:
        """Whether one model can stand for the other: the two are equivalent, and there are no findings."""
        return self.status == "equivalent" and not self.findings

    def to_dict(self) -> dict[str, Any]:
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
            "least_atol": _finite(self.least_atol),
            "least_rtol": _finite(self.least_rtol),
            "starts_at": list(self.starts_at),
            "starts_in": self.starts_in,
            "findings": [found.to_dict() for found in self.findings],
            "drawn": None if self.drawn is None else self.drawn.to_dict(),
            "accuracy": [
                {"output": a.output, "before": _finite(a.before), "after": _finite(a.after), "count": a.count}
                for a in self.accuracy
            ],
            **({"fidelity": [_fidelity_to_json(each) for each in self.fidelity]} if self.fidelity else {}),
        }


def _fidelity_to_json(each: Fidelity) -> dict[str, Any]:
    return {
        "output": each.output,
        "snr_db": _finite(each.snr_db),
        "cosine": _finite(each.cosine),
        "same": _finite(each.same),
    }


def not_run(why: str) -> Verification:
    """Return the entry of a report for a model that was not verified.

    Args:
        why: The reason, in one line.

    """
    return Verification(status="not_run", scope="model", message=why)


def _finite(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(value)
