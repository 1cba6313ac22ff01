"""What the verdict on two whole models rests on, of the runs of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gru_lower.verification.runs_evidence import RunsEvidence
    from gru_lower.verification.whole_models.model_pair import ModelPair, Runs


def evidence_of_runs(pair: ModelPair, runs: Runs, *, by_tolerance: bool) -> RunsEvidence | None:
    """Return what a verdict rests on, ``None`` where nobody asked.

    Args:
        pair: The models.
        runs: What they computed.
        by_tolerance: Whether tolerances decided.

    """
    if not pair.options.evidence:
        return None
    from gru_lower.verification.evidence.output_evidence import evidence_of

    return evidence_of(
        [case.feeds for case in runs.cases],
        [case.outputs for case in runs.cases],
        runs.outputs,
        {name: pair.tolerance(name, expected) for name, expected in runs.cases[0].outputs.items()},
        pair.options.time_axes,
        {place: runs.words.get(case.number, "") for place, case in enumerate(runs.cases)},
        by_tolerance=by_tolerance,
    )
