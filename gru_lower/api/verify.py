"""``gru_lower.verify``: tell whether two models compute the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower import interop
from gru_lower.api.comparison_options import TwoModels, VerifyingOptions
from gru_lower.api.prove_pair import prove_pair
from gru_lower.api.public_call import public_call
from gru_lower.api.report_page import report_page
from gru_lower.diagnostics import diagnostic
from gru_lower.graph import external_data
from gru_lower.graph.model import Model
from gru_lower.report.run_report import Report, count_ops, file_of
from gru_lower.verification.comparing.match_by_position import matched_by_position, renamed_throughout
from gru_lower.verification.differences.differing_pair import DifferingPair
from gru_lower.verification.differences.locate import locate
from gru_lower.verification.differences.reduce import reduce_models
from gru_lower.verification.evidence.time_axes import time_axes
from gru_lower.verification.noise.hand_in_noise import hand_in_noise
from gru_lower.verification.result import Verification
from gru_lower.verification.sites.gru_by_gru import verify_gru_by_gru
from gru_lower.verification.steps import in_lines, silent
from gru_lower.verification.whole_models.verify_models import verify_models
from gru_lower.verification.worker.execution_providers import worker_for

if TYPE_CHECKING:
    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.differences.reduce import Reduced
    from gru_lower.verification.options import VerifyOptions
    from gru_lower.verification.sites.site import Site
    from gru_lower.verification.steps import Steps
    from gru_lower.verification.worker.client import Worker


class VerifyArguments(VerifyingOptions, TwoModels):
    """The arguments of :func:`verify`."""


@public_call(VerifyArguments)
def verify(given: VerifyArguments) -> Verification:
    """Tell whether two models compute the same, by running both on the same inputs.

    Returns:
        The verdict, and as its ``findings`` what a caller of the models meets although they may compute the same. Where
        the two differ, ``starts_at`` names the GRUs at which they start to, ``counterexample`` holds
        the inputs, and ``least_atol`` and ``least_rtol`` are the tolerances that would pass.

    Raises:
        InvalidModel: A model cannot be read.
        Unsupported: What is given does not fit the models, or there is no such execution provider.

    """
    with report_page(given) as write:
        left, right = interop.read(given.a).model, interop.read(given.b).model
        how = replace(given.how_to_verify(), evidence=given.wants_evidence)
        report = verify_pair(left, right, how, in_lines(given.progress), prove=given.prove)
        write(report)
    return replace(report.verification, report_html=report.to_html)


def verify_pair(
    left: Model,
    right: Model,
    options: VerifyOptions,
    progress: Steps = silent,
    *,
    prove: bool = False,
) -> Report:
    """Do what :func:`verify` does for models that have been read already, and report on it.

    Args:
        left: The original.
        right: The model to compare with it.
        options: How to verify.
        progress: Called with ``(what, done, total)``.
        prove: Whether to show over the reals, too, that the GRUs of one compute what stands for them in the other.

    """
    for model in (left, right):
        external_data.check(model.proto, model.base_dir, model_file=model.path)
    written, (right, unmatched) = file_of(right), _matched(left, right, options)
    if options.evidence:
        options = replace(options, time_axes=time_axes(left, right))
    if unmatched:
        verification = Verification("different", "model", message=unmatched)
    else:
        verification = _compare(left, right, options, progress)
        if (
            options.match == "name"
            and verification.status == "different"
            and renamed_throughout(left.proto, right.proto)
        ):
            hint = "--match position pairs inputs and outputs in their order"
            verification = replace(verification, message=f"{verification.message}; {hint}")
    findings = [
        replace(each, hint=f"{each.hint}; or take this out with --ignore {each.code}") for each in verification.findings
    ]
    verification = replace(verification, findings=findings)
    sites: list[Site] = []
    if prove and not unmatched:
        progress("each GRU over the reals", 0, 0)
        sites = prove_pair(left, right, options.zero_length_state or "zero")
        verification = replace(verification, proved=bool(sites) and all(site.code is None for site in sites))
    evidence = None
    if options.evidence:
        from gru_lower.rewriting.collect_evidence import collect_evidence

        evidence = collect_evidence(left, right, verification, options=options)
    return Report(
        "verify",
        file_of(left),
        verification,
        output=written,
        op_counts={"before": count_ops(left), "after": count_ops(right)},
        sites=sites,
        evidence=evidence,
        diagnostics=left.notes
        + [note for note in right.notes if note not in left.notes]
        + verification.findings
        + [
            diagnostic(site.code, site.message, scope=site.scope, node=site.site)
            for site in sites
            if site.code is not None
        ],
    )


def _matched(left: Model, right: Model, options: VerifyOptions) -> tuple[Model, str]:
    """Return the second model as it is compared, and what keeps it from being so."""
    if options.match == "name":
        return right, ""
    proto, unmatched = matched_by_position(left.proto, right.proto)
    return Model(proto, path=right.path, modified=True, notes=right.notes, aside=right.aside), unmatched


def _compare(left: Model, right: Model, options: VerifyOptions, progress: Steps) -> Verification:
    """Run both models; where they differ, find out where that starts, where that is chaos, run each GRU by itself."""
    with worker_for(options) as worker:
        verification = verify_models(
            left.proto,
            right.proto,
            base_dir_a=left.base_dir,
            base_dir_b=right.base_dir,
            options=options,
            worker=worker,
            steps=progress,
        )
        if verification.chaotic and verification.status == "inconclusive":
            progress("each GRU by itself", 0, 0)
            by_gru = verify_gru_by_gru(left, right, options, worker)
            verification = verification if by_gru is None else replace(by_gru, findings=verification.findings)
        if verification.status == "different" and verification.counterexample is not None:
            progress("where the two start to differ", 0, 0)
            start = locate(_pair(left, right, verification.counterexample, options, worker))
            if start is not None:
                verification = replace(verification, starts_at=start.sites, starts_in=start.value)
    return verification


def reduce_pair(left: Model, right: Model, found: Verification, options: VerifyOptions) -> Reduced | None:
    """Return the smallest parts of two models that still differ, with inputs that show it.

    Args:
        left: The original.
        right: The model that differs from it.
        found: What :func:`verify_pair` found.
        options: How that was done.

    Returns:
        Two models, each whole in itself, and inputs for both; ``None`` where the two do not differ, or do not on any
        inputs: by the names of their outputs, say.

    """
    if found.status != "different" or found.counterexample is None:
        return None
    right, _ = _matched(left, right, options)
    with worker_for(options) as worker:
        pair = _pair(left, right, found.counterexample, options, worker)
        return reduce_models(pair, locate(pair))


def _pair(left: Model, right: Model, feeds: Feeds, options: VerifyOptions, worker: Worker) -> DifferingPair:
    noise = hand_in_noise(left.proto, right.proto)
    return DifferingPair(noise.a, noise.b, feeds, options, worker, (left.base_dir, right.base_dir))
