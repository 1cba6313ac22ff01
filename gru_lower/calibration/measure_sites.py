"""Measure what quantising each GRU of a model brings: both run on what really goes into it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.calibration.step_errors import step_errors
from gru_lower.graph.facts import MAIN
from gru_lower.graph.tensor_values import to_array
from gru_lower.verification.inputs.errors import BadInputs, Unfeedable
from gru_lower.verification.inputs.generate import candidate_feeds
from gru_lower.verification.inputs.given_arrays import fitted
from gru_lower.verification.running.capture_values import capture_values
from gru_lower.verification.running.running_model import RunningModel
from gru_lower.verification.sites.site import Change
from gru_lower.verification.sites.site_models import site_pair
from gru_lower.verification.worker.client import Worker
from gru_lower.verification.worker.run_failure import RunFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gru_lower.graph.model import Model
    from gru_lower.gru.spec import GruSpec
    from gru_lower.verification.arrays import Array, Feeds
    from gru_lower.verification.options import VerifyOptions
    from gru_lower.verification.sites.quantisation import StepErrors
    from gru_lower.verification.sites.site import Site, SitePair


def measure_sites(
    original: Model,
    sites: Sequence[Site],
    options: VerifyOptions,
    progress: Callable[[str, int, int], None],
) -> None:
    """Enter the errors of each quantised GRU over its steps.

    Args:
        original: The float model.
        sites: What was done; each quantised one has a change.
        options: Inputs, or seed, number of cases and limits.
        progress: Called with ``(what, done, total)``.

    """
    chosen = [site for site in sites if site.quantisation is not None and site.change is not None]
    if not chosen:
        return
    with Worker(timeout=options.timeout, memory=options.memory) as worker:
        given = _given(original, options)
        captured = _captured(original, chosen, given, worker)
        for done, site in enumerate(chosen, 1):
            progress("measuring errors over the steps", done, len(chosen))
            pair = site_pair(site, original.ir_version, original.base_dir, options.zero_length_state or "zero")
            if pair is None or site.quantisation is None or not isinstance(site.change, Change):
                continue
            try:
                site.quantisation.errors = _errors(site.change, pair, captured.get(site.site), options, worker)
            except (RunFailure, BadInputs, Unfeedable):  # the verdict on the whole model says what does not run
                continue


def _given(original: Model, options: VerifyOptions) -> list[Feeds]:
    if options.inputs is not None:
        return [fitted(original.proto, case) for case in options.inputs]
    try:
        drawn = candidate_feeds(original.proto, seed=options.seed, shapes=options.shapes)
        return list(islice(drawn, options.cases))
    except (BadInputs, Unfeedable):
        return []


def _captured(original: Model, sites: Sequence[Site], cases: Sequence[Feeds], worker: Worker) -> dict[str, list[Feeds]]:
    """Return what goes into each GRU of the main graph, by value, one dict per case that the model runs on."""
    values = {value.name for value in original.proto.graph.input}
    values |= {name for node in original.proto.graph.node for name in node.output if name}
    wanted: dict[str, list[str]] = {}
    for site in sites:
        names = _fed(site)
        if site.scope == MAIN and values.issuperset(names):
            wanted[site.site] = names
    found: dict[str, list[Feeds]] = {site: [] for site in wanted}
    every = list(dict.fromkeys(name for names in wanted.values() for name in names))
    for case in cases if every else ():
        try:
            made = capture_values(original.proto, every, case, worker, original.base_dir)
        except RunFailure:
            continue
        for key, names in wanted.items():
            found[key].append({name: made[name] for name in names})
    return {site: feeds for site, feeds in found.items() if feeds}


def _fed(site: Site) -> list[str]:
    """Return the inputs of a site that are no constants."""
    change = site.change
    if not isinstance(change, Change):
        return []
    return [name for key, name in change.spec.inputs.items() if key not in change.constants]


def _errors(
    change: Change, pair: SitePair, captured: Sequence[Feeds] | None, options: VerifyOptions, worker: Worker
) -> StepErrors | None:
    feeds: Iterable[Feeds] = captured or islice(
        candidate_feeds(pair.original, seed=options.seed, other=pair.replacement), options.cases
    )
    found = []
    with (
        RunningModel(worker, pair.original, pair.base_dir) as original,
        RunningModel(worker, pair.replacement, pair.base_dir) as replacement,
    ):
        for case in feeds:
            lens = _lengths(change, case, pair)
            before, after = (_states(change.spec, model.run("onnxruntime", case)) for model in (original, replacement))
            if lens is not None and change.spec.Y:
                before[np.arange(len(before))[:, None] >= lens[None, :], :] = np.nan
            found.append((before.swapaxes(1, 2), after.swapaxes(1, 2)))
    return step_errors(found, [direction.reverse for direction in change.spec.directions])


def _lengths(change: Change, case: Feeds, pair: SitePair) -> Array | None:
    name = change.spec.inputs.get("sequence_lens", "")
    if not name or name in case:
        return case.get(name)
    return to_array(change.constants["sequence_lens"], pair.base_dir)


def _states(spec: GruSpec, outputs: Feeds) -> Array:
    """Return the states of all steps, [T, B, D, H]; of the last alone where there are no others."""
    if spec.Y:
        return outputs[spec.Y].swapaxes(*((0, 1) if spec.layout else (1, 2))).copy()
    last = outputs[spec.Y_h]
    return (last if spec.layout else last.swapaxes(0, 1))[None].copy()
