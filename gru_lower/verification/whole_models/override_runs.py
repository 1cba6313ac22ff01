"""Run two models with other values for inputs that have a default, and find those that only one model reacts to."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.diagnostics import diagnostic
from gru_lower.verification.comparing.rounding import beyond_rounding, overflown
from gru_lower.verification.running.run_cases import run_original, run_rewrite
from gru_lower.verification.steps import silent
from gru_lower.verification.worker.run_failure import RunFailure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.inputs.override_defaults import Override
    from gru_lower.verification.running.run_cases import Case
    from gru_lower.verification.whole_models.model_pair import ModelPair, Runs

FEWEST, MOST = 4, 60
"""How many overrides are run where there is no time for more, and how many at most."""

CODE = "GL509"


def run_overrides(pair: ModelPair, runs: Runs, overrides: Iterable[Override]) -> list[Diagnostic]:
    """Add a case for each override on which the original runs; return the inputs that only one model reacts to.

    Args:
        pair: The models.
        runs: What they computed so far; its first case has no overrides. Cases are added to it.
        overrides: The first case's inputs with other values for defaults.

    Raises:
        RunFailure: The rewrite fails on inputs that the original runs on.

    """
    options = pair.options
    until = time.monotonic() + options.seconds
    findings: dict[str, Diagnostic] = {}
    passed_over: set[str] = set()
    base = runs.cases[0], runs.outputs[0]
    actual: Feeds | None
    for count, override in enumerate(overrides):
        if count >= MOST or (count >= FEWEST and time.monotonic() > until):
            break
        if passed_over.intersection(override.names):
            continue
        pair.say("other values for inputs that have a default", 0, 0)
        found, _ = run_original(pair.original, runs.runtime, [override.feeds], 1, silent)
        if not found:
            continue
        case = replace(found[0], number=runs.cases[-1].number + 1)
        reacts = _changed(base[0].outputs, case.outputs)
        try:
            (actual,), _ = run_rewrite(pair.rewrite, [runs.rewrite_runtime], [case], silent)
        except RunFailure:
            if reacts or len(override.names) > 1:
                raise
            actual = None  # the rewrite refuses a value of which the original takes no notice
        if actual is None or pair.tally([case], [actual]).failing:
            if actual is not None and _is_explained(pair, runs, case, actual):
                continue
            if len(override.names) == 1 and (actual is None or reacts != _changed(base[1], actual)):
                if not options.looks_for(CODE):
                    passed_over.update(override.names)
                    continue
                findings[override.names[0]] = _without_effect(override.names[0], first=reacts)
        if actual is not None:
            runs.cases.append(case)
            runs.outputs.append(actual)
    return list(findings.values())


def _is_explained(pair: ModelPair, runs: Runs, case: Case, actual: Feeds) -> bool:
    """Whether rounding or an overflow explains a difference."""
    alone = partial(pair.original.run, runs.runtime)
    return overflown(case.outputs, actual) or not beyond_rounding(
        case.outputs, actual, alone, case.feeds, limits=pair.tolerance
    )


def _changed(before: Feeds, after: Feeds) -> bool:
    return any(
        array.shape != after[name].shape or not np.array_equal(array, after[name], equal_nan=array.dtype.kind in "fc")
        for name, array in before.items()
    )


def _without_effect(name: str, *, first: bool) -> Diagnostic:
    reacting, ignoring = ("first", "second") if first else ("second", "first")
    return diagnostic(
        CODE,
        f"input {name!r}, which has a default: the {reacting} model reacts to other values, the {ignoring} does not",
    )
