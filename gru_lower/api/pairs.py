"""Two models that have been read: do they compute the same, and which is faster?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.diagnostics import diagnostic
from gru_lower.graph import external_data
from gru_lower.graph.equal_except_grus import equal_except_grus
from gru_lower.passes.base import Context
from gru_lower.passes.fuse_gru.fuse_gru import FuseGru
from gru_lower.proving.prove import prove as prove_grus
from gru_lower.report import bench_report
from gru_lower.report.run_report import File, Report, count_ops, file_of
from gru_lower.rewriting.rewrite_model import lower_model, lowering
from gru_lower.verification.differences.differing_pair import DifferingPair
from gru_lower.verification.differences.locate import locate
from gru_lower.verification.differences.reduce import reduce_models
from gru_lower.verification.latency import BenchOptions, time_models
from gru_lower.verification.sites.gru_by_gru import verify_gru_by_gru
from gru_lower.verification.sites.site import Site
from gru_lower.verification.whole_models.verify_models import verify_models
from gru_lower.verification.worker.execution_providers import worker_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.model import Model
    from gru_lower.report.bench_report import BenchReport
    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.differences.reduce import Reduced
    from gru_lower.verification.options import VerifyOptions
    from gru_lower.verification.result import Verification
    from gru_lower.verification.worker.client import Worker


def verify_pair(
    left: Model,
    right: Model,
    options: VerifyOptions,
    progress: Callable[[str], None] | None = None,
    *,
    prove: bool = False,
) -> Report:
    """Do what :func:`gru_lower.verify` does for models that have been read already, and report on it.

    Args:
        left: The original.
        right: The model to compare with it.
        options: How to verify.
        progress: Called with a line on what is going on.
        prove: Whether to show over the reals, too, that the GRUs of one compute what stands for them in the other.

    """
    for model in (left, right):
        external_data.check(model.proto, model.base_dir)
    with worker_for(options) as worker:
        verification = verify_models(
            left.proto,
            right.proto,
            base_dir_a=left.base_dir,
            base_dir_b=right.base_dir,
            options=options,
            worker=worker,
            progress=progress,
        )
        if verification.chaotic and verification.status == "inconclusive":
            if progress is not None:
                progress("each GRU by itself")
            verification = verify_gru_by_gru(left, right, options, worker) or verification
        if verification.status == "different" and verification.counterexample is not None:
            if progress is not None:
                progress("where the two start to differ")
            start = locate(_pair(left, right, verification.counterexample, options, worker))
            if start is not None:
                verification = replace(verification, starts_at=start.sites, starts_in=start.value)
    sites: list[Site] = []
    if prove:
        sites = proofs(left, right, options.zero_length_state or "zero")
        shown = bool(sites) and all(site.code is None for site in sites)
        verification = replace(verification, proved=shown)
    counts = {"before": count_ops(left.proto), "after": count_ops(right.proto)}
    return Report(
        "verify",
        file_of(left),
        verification,
        output=file_of(right),
        op_counts=counts,
        sites=sites,
        diagnostics=remarks(sites),
    )


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
    with worker_for(options) as worker:
        pair = _pair(left, right, found.counterexample, options, worker)
        return reduce_models(pair, locate(pair))


def _pair(left: Model, right: Model, feeds: Feeds, options: VerifyOptions, worker: Worker) -> DifferingPair:
    return DifferingPair(left.proto, right.proto, feeds, options, worker, (left.base_dir, right.base_dir))


def remarks(sites: list[Site]) -> list[Diagnostic]:
    """Return what proofs add to the report's diagnostics."""
    return [
        diagnostic(site.code, site.message, scope=site.scope, node=site.site) for site in sites if site.code is not None
    ]


def proofs(left: Model, right: Model, zero_length_state: str = "zero") -> list[Site]:
    """Try to show for every GRU that only one of two models has that the other computes the same.

    Args:
        left: A model.
        right: The other: it was lowered from the first, or fused from it, or the other way around.
        zero_length_state: What Y_h of a sequence of length 0 is: ``"zero"`` or ``"initial"``.

    Returns:
        One entry a GRU; one that could not be shown has the code GL504 and the reason.

    """
    for original, rewritten in ((left, right), (right, left)):
        found = prove_grus(original, rewritten, zero_length_state=zero_length_state)
        if not found:
            continue
        fused = rewritten.copy()
        FuseGru().run(fused, Context(keep_changes=False))
        if fused.to_bytes() == original.to_bytes():  # recognition is a proof itself
            found = [replace(each, proved=True, reason="") for each in found]
        elif not equal_except_grus(original, rewritten):
            found = [replace(each, proved=False, reason="the models differ elsewhere, too") for each in found]
        return [
            Site(
                each.site,
                each.site.partition("#")[0],
                "",
                None,
                "seen",
                code=None if each.proved else "GL504",
                message="proved over the reals" if each.proved else f"not proved: {each.reason}",
            )
            for each in found
        ]
    return []


def bench_pair(
    left: Model, right: Model | None, options: BenchOptions, progress: Callable[[str], None] | None = None
) -> BenchReport:
    """Do what :func:`gru_lower.bench` does for models that have been read already.

    Args:
        left: The model.
        right: The model to compare with it, or ``None``.
        options: How to time.
        progress: Called with a line on what is going on.

    """
    held, passes, notes = right, None, []
    if right is None:
        passes = lowering("auto", "zero")
        result = lower_model(left.copy(), passes, None)
        held, notes = result.held if result.held.modified else None, result.report.diagnostics
    models = [left] if held is None else [left, held]
    for model in models:
        external_data.check(model.proto, model.base_dir)
    names = ("the model", "the lowered model") if right is None else ("the first model", "the second model")
    paired = {name: (model.proto, model.base_dir) for name, model in zip(names, models, strict=False)}
    timed = time_models(paired, options, progress)
    files = [file_of(left), *([] if held is None else [file_of(held) if right else File(None, held.sha256())])]
    report = bench_report.report(files, timed, options, passes)
    report.diagnostics += notes
    return report
