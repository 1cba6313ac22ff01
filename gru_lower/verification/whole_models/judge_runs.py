"""Judge the runs of two models; a difference that the runtimes or chaos explain is inconclusive."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.verification.comparing.chaos import movement_if_chaotic, nudge
from gru_lower.verification.running.run_cases import run_rewrite
from gru_lower.verification.worker.run_failure import RunFailure
from gru_lower.verification.worker.runtimes import RUNTIME_NAMES

if TYPE_CHECKING:
    from gru_lower.verification.result import Verification
    from gru_lower.verification.whole_models.model_pair import ModelPair, Runs


def judge_runs(pair: ModelPair, runs: Runs) -> Verification:
    """Return the verdict on two models that have run on the same inputs.

    Args:
        pair: The models, which are run again where a difference may not be the rewrite's.
        runs: What they computed.

    """
    tally = pair.tally(runs.cases, runs.outputs)
    found = tally.verification("model")
    if found.status == "different" and runs.rewrite_runtime != runs.runtime:
        found = _doubt_runtimes(pair, runs, found)
    if found.status == "different":
        found = _doubt_chaos(pair, runs, found)
    if found.status == "different":
        found.counterexample = next(case.feeds for case in runs.cases if case.number == tally.worst_case)
    return found


def _doubt_runtimes(pair: ModelPair, runs: Runs, found: Verification) -> Verification:
    """Make a difference inconclusive if there is none where both models run in the original's runtime."""
    try:
        outputs, _ = run_rewrite(pair.rewrite, [runs.runtime], runs.cases, pair.say)
    except RunFailure:
        return found
    if pair.tally(runs.cases, outputs).failing:
        return found
    name = RUNTIME_NAMES[runs.runtime]
    message = f"equal in {name}, but onnxruntime computes the rewrite otherwise: {found.message}"
    return replace(found, status="inconclusive", message=message)


def _doubt_chaos(pair: ModelPair, runs: Runs, found: Verification) -> Verification:
    """Make a difference inconclusive if the original is chaotic enough to explain it in every case that differs."""
    failing = pair.tally(runs.cases, runs.outputs).failing
    largest, change = 0.0, 0.0
    for case, actual in zip(runs.cases, runs.outputs, strict=True):
        names = [entry.output for entry in failing if entry.case == case.number]
        if names:
            pair.say("how far the original moves by itself")
            moved = movement_if_chaotic(
                lambda feeds: pair.original.run(runs.runtime, feeds), case.feeds, case.outputs, actual, names
            )
            if moved is None:
                return found
            largest, change = max(largest, moved), max(change, nudge(case.feeds))
    message = f"chaotic: outputs move by {largest:.2g} when inputs change by {change:.2g} of themselves"
    return replace(found, status="inconclusive", chaotic=True, message=f"{message}; {found.message}")
