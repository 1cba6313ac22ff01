"""Judge the runs of two models.

A difference that the runtimes, chaos or the smallness of an output explain is inconclusive, and so is the verdict where
nothing of an output was compared.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.verification.arrays import is_float
from gru_lower.verification.comparing.elementwise_errors import magnitudes
from gru_lower.verification.comparing.rounding import beyond_rounding
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
    sure = bool(runs.surely_differing.intersection(entry.case for entry in tally.failing))
    if found.status == "different" and not sure:
        found = _doubt_small_outputs(pair, runs, found)
    if found.status == "different" and not sure:
        found = _doubt_rounding_and_chaos(pair, runs, found)
    if found.status == "different":
        found.counterexample = next(case.feeds for case in runs.cases if case.number == tally.worst_case)
    if found.status == "equivalent" or not runs.words:
        return found
    words = runs.words.get(tally.worst_case or 0) or f"{next(iter(runs.words.values()))}, too"
    return replace(found, message=f"{found.message}; on {words}")


def judge_fidelity(runs: Runs) -> Verification:
    """Return the verdict on a model and a quantised one: by signal to noise, not by tolerances."""
    from gru_lower.verification.comparing.fidelity import FidelityTally

    tally = FidelityTally()
    for case, outputs in zip(runs.cases, runs.outputs, strict=True):
        tally.add(case.outputs, outputs)
    found = tally.verification("model", "one model is quantised, so signal to noise decides, and no tolerance")
    if found.status == "different":
        found.counterexample = runs.cases[0].feeds
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


def _doubt_small_outputs(pair: ModelPair, runs: Runs, found: Verification) -> Verification:
    """Make a difference inconclusive where it is one for small outputs alone, and rounding explains it there."""
    if pair.tally(runs.cases, runs.outputs, plainly=True).failing:
        return found
    failing = pair.tally(runs.cases, runs.outputs).failing
    for case, actual in zip(runs.cases, runs.outputs, strict=True):
        names = {entry.output for entry in failing if entry.case == case.number}
        has_floats = any(is_float(array.dtype) for array in case.feeds.values())  # else nothing can be moved
        if not names or not has_floats:
            continue
        before, after = ({name: outputs[name] for name in names} for outputs in (case.outputs, actual))
        if beyond_rounding(before, after, lambda feeds: pair.original.run(runs.runtime, feeds), case.feeds):
            return found
    named = dict.fromkeys(entry.output for entry in failing)
    message = "; ".join(
        f"output {name!r} is {pair.largest[name]:.2g} at most, and rounding moves it by as much as it differs"
        for name in named
    )
    return replace(found, status="inconclusive", message=message)


def doubt_uncompared(pair: ModelPair, runs: Runs, found: Verification) -> Verification:
    """Make the verdict "equivalent" inconclusive where nothing of an output was compared, and name the output.

    Outputs that are smaller than an atol that was given are named, too; that is what was asked for.

    Args:
        pair: The models.
        runs: What they computed.
        found: The verdict.

    """
    reasons = [
        f"output {name!r} {reason}, so nothing of it was compared"
        for name in runs.cases[0].outputs
        if (reason := _why_uncompared(pair, name, runs))
    ]
    if not reasons:
        small = [
            f"output {name!r} is {largest:.2g} at most, less than the atol given"
            for name, largest in pair.largest.items()
            if pair.options.atol is not None and 0 < largest <= pair.options.atol
        ]
        return replace(found, message="; ".join(filter(None, [found.message, *small])))
    return replace(found, status="inconclusive", message="; ".join(filter(None, [*reasons, found.message])))


def _why_uncompared(pair: ModelPair, name: str, runs: Runs) -> str:
    expected, actual = [case.outputs[name] for case in runs.cases], [outputs[name] for outputs in runs.outputs]
    if not any(array.size for array in expected):
        return "was empty on all cases"
    if not is_float(expected[0].dtype):
        return ""
    if not any(np.isfinite(array).any() for array in expected):
        return "was no finite number on any case"
    size = max(float(magnitudes(array).max(initial=0.0)) for array in actual)
    if not pair.largest.get(name) and size and pair.options.atol is None:
        return f"was 0 throughout in the first model and {size:.2g} at most in the second, less than the tolerance"
    return ""


def _doubt_rounding_and_chaos(pair: ModelPair, runs: Runs, found: Verification) -> Verification:
    """Make a difference none that is one of rounding to quantised values, and inconclusive one that is chaos."""
    from gru_lower.verification.whole_models.before_quantisers import judge_before_quantisers

    before = judge_before_quantisers(pair, runs)
    if before == "agree":
        message = "all values agree before they are quantised; what differs was rounded to the next step"
        return replace(found, status="equivalent", message=message, least_atol=0.0, least_rtol=0.0)
    return found if before == "differ" else _doubt_chaos(pair, runs, found)


def _doubt_chaos(pair: ModelPair, runs: Runs, found: Verification) -> Verification:
    """Make a difference inconclusive if the original is chaotic enough to explain it in every case that differs."""
    from gru_lower.verification.comparing.chaos import movement_if_chaotic, nudge

    failing = pair.tally(runs.cases, runs.outputs).failing
    largest, change = 0.0, 0.0
    for case, actual in zip(runs.cases, runs.outputs, strict=True):
        names = [entry.output for entry in failing if entry.case == case.number]
        if names:
            pair.say("how far the original moves by itself", 0, 0)
            moved = movement_if_chaotic(
                lambda feeds: pair.original.run(runs.runtime, feeds), case.feeds, case.outputs, actual, names
            )
            if moved is None:
                return found
            largest, change = max(largest, moved), max(change, nudge(case.feeds))
    message = f"chaotic: outputs move by {largest:.2g} when inputs change by {change:.2g} of themselves"
    return replace(found, status="inconclusive", chaotic=True, message=f"{message}; {found.message}")
