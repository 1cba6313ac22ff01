"""Rewriting a model that has been read: run a pipeline, verify the result, report."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from gru_lower.errors import InvalidModel
from gru_lower.graph import annotate_shapes, budget, external_data, fixed_dims
from gru_lower.graph import model as graph_model
from gru_lower.graph.names import value_names
from gru_lower.graph.undefined_values import refuse_undefined_values
from gru_lower.passes import pipeline
from gru_lower.passes.base import Context, Pass
from gru_lower.report.run_report import Report, count_ops, file_of
from gru_lower.rewriting.assumed_lengths import FULL, drop_lengths
from gru_lower.rewriting.remaining_nodes import find_remaining, with_their_hints
from gru_lower.rewriting.result import Result
from gru_lower.verification.result import not_run
from gru_lower.verification.sites.begun_sites import begun_sites
from gru_lower.verification.sites.verify_site import site_verifier
from gru_lower.verification.verify_rewrite import left_padding_diagnostics, verdict_diagnostics, verify_rewrite

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import onnx

    from gru_lower.graph.model import Model
    from gru_lower.passes.base import PassResult
    from gru_lower.rewriting.fix_lengths import Fixed
    from gru_lower.streaming.description import StreamDescription
    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.options import VerifyOptions
    from gru_lower.verification.result import Verification
    from gru_lower.verification.sites.begun_sites import BegunSites


def rewrite_model(
    model: Model,
    passes: str,
    options: VerifyOptions | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    *,
    fix_dims: Mapping[str, int] | None = None,
    inputs: Mapping[str, Any] | None = None,
    assume: str = "nothing",
    target: str | None = None,
    command: str = "lower",
    calibration: Sequence[Feeds] | None = None,
    evidence: bool = False,
) -> Result[onnx.ModelProto]:
    """Run a pipeline over a model, verify the result, and report.

    Args:
        model: The model; edited in place, so that one of gigabytes is not there twice.
        passes: The pipeline, as ``--passes`` spells it.
        options: How to verify, ``None`` not to.
        progress: Called with ``(what, done, total)``.
        fix_dims: Static lengths to write into the model first; what follows from them is folded.
        inputs: What inputs are set to, by name; they become constants.
        assume: What is promised of sequence_lens: ``"nothing"``, ``"positive-lengths"`` or ``"full-length"``.
        target: The profile to hold the result to: what it does not take is in the report (GL452, GL453).
        command: What the report is to say was done.
        calibration: The model's inputs that static scales are taken from.
        evidence: Whether the report is to hold what a page of it shows.

    """
    todo = pipeline.parse(passes)
    external_data.check(model.proto, model.base_dir, model_file=model.path)
    refuse_undefined_values(model.take_scopes(leave=True))
    progress = progress or _no_progress
    if options is not None:
        options = replace(_for_passes(options, todo), evidence=evidence)
    report = Report(command, file_of(model), not_run("nothing was changed"))
    original = _original_of(model) if options is not None or evidence else None
    changes = bool(fix_dims or inputs)
    static = changes or not fixed_dims.open_dims(model)
    counts, ir_version = count_ops(model), model.ir_version
    streams = any(each.name == "stream" for each in todo)
    names = value_names(model.proto, model.take_scopes(leave=True)) if static and not changes else None
    fixed = _fix(model, fix_dims or {}, inputs or {}, progress) if changes else None
    if assume == FULL:
        drop_lengths(model)
    # Frame by frame the whole model is compared with itself: fusing on the way has no verdict of its own.
    with site_verifier(None if streams else options) as judge:
        ctx = Context(keep_changes=options is not None, judge=judge, progress=progress, calibration=calibration)
        result = pipeline.run(todo, model, ctx)
    _refuse_invalid(result)
    with ExitStack() as verifying:
        begun = None
        if model.modified and options is not None:
            options = replace(options, zero_length_state=_zero_length_state(todo))
            if not streams:
                begun = verifying.enter_context(begun_sites(result.sites, ir_version, model.base_dir, options))
        if model.modified and static:
            annotate_shapes.annotate(model, names)
        report.sites = result.sites
        report.diagnostics = [*model.notes, *(fixed.said if fixed else []), *result.diagnostics, *budget.notes()]
        if streams:
            report.stream = _described(model)
        if target is not None:
            remaining = find_remaining(model, target, result.diagnostics, assume)
            report.diagnostics = with_their_hints(report.diagnostics, remaining) + remaining
        report.op_counts = {"before": counts, "after": count_ops(model)}
        before = _comparable(original(), fixed, assume) if original is not None and model.modified else model
        if model.modified and options is None:
            report.verification = not_run("not asked for")
        if model.modified and options is not None:
            options = _for_result(options, before, model, fixed.lengths(fix_dims or {}) if fixed else {}, inputs or {})
            report.verification = _verify(before, model, report, options, progress, begun)
            report.diagnostics += verdict_diagnostics(report.verification, given=options.inputs is not None)
            if original is not None and options.padding is not None and options.inputs is None:
                report.diagnostics += left_padding_diagnostics(original(), model, options)
            for site in result.sites:
                site.change = None
    if evidence:
        from gru_lower.rewriting.collect_evidence import collect_evidence

        report.evidence = collect_evidence(before, model, report.verification, report.sites, options)
    return Result(report, model)


def _fix(
    model: Model, wanted: Mapping[str, int], inputs: Mapping[str, Any], progress: Callable[[str, int, int], None]
) -> Fixed:
    """Write lengths and values into a model."""
    # Imported late, like all that most models do not need.
    from gru_lower.rewriting.fix_lengths import fix_lengths

    return fix_lengths(model, wanted, inputs, Context(progress=progress))


def _comparable(original: Model, fixed: Fixed | None, assume: str) -> Model:
    """Return a model as it was, but for what was asked to be settled: inputs that are set, lengths that are dropped."""
    if fixed is not None:
        from gru_lower.rewriting.set_inputs import apply_settings

        apply_settings(original, fixed.settings)
    if assume == FULL:
        drop_lengths(original)
    return original


def _verify(
    before: Model,
    after: Model,
    report: Report,
    options: VerifyOptions,
    progress: Callable[[str, int, int], None],
    begun: BegunSites | None,
) -> Verification:
    """Verify what came of a model; of GRUs that were quantised, enter how far they are off."""
    if report.stream is not None:
        from gru_lower.streaming.verify_streamed import verify_streamed  # which most results do not need

        return verify_streamed(before, after, options, progress)
    found = verify_rewrite(before, after, report.sites, options, progress, begun)
    if any(site.quantisation is not None for site in report.sites):
        from gru_lower.calibration.measure_sites import measure_sites

        measure_sites(before, report.sites, options, progress)
    return found


def _original_of(model: Model) -> Callable[[], Model]:
    """Return what gives the model as it is now once it has been edited: from the bytes it was read from, if any."""
    raw, path, aside = model.raw, model.path, model.aside
    if raw is not None:
        return lambda: graph_model.parse(raw, path=path, checked=True, aside=aside)
    copy = model.copy()
    return lambda: copy


def _described(model: Model) -> StreamDescription | None:
    """Return how a model that streams is fed."""
    from gru_lower.streaming.description import describe

    return describe(model.proto)


def _for_result(
    options: VerifyOptions, before: Model, after: Model, lengths: Mapping[str, int], settings: Mapping[str, Any]
) -> VerifyOptions:
    """Return how to verify a result in which lengths are fixed and inputs are set."""
    options = replace(options, fixed_dims=lengths)
    if settings and options.inputs is not None:
        options = replace(options, inputs=[_without(case, settings) for case in options.inputs])
    if options.evidence:
        from gru_lower.verification.evidence.time_axes import time_axes

        options = replace(options, time_axes=time_axes(before, after))
    return options


def _without(case: Feeds, gone: Collection[str]) -> Feeds:
    """Return the inputs of a case that are still there."""
    return {name: array for name, array in case.items() if name not in gone}


def _zero_length_state(passes: Sequence[Pass]) -> Literal["zero", "initial"]:
    """Return what the pipeline's lowering takes the last state of an empty sequence to be."""
    chosen = {getattr(each.options, "zero_length_state", "zero") for each in passes}
    return "initial" if "initial" in chosen else "zero"


def _for_passes(options: VerifyOptions, passes: Sequence[Pass]) -> VerifyOptions:
    """Return how to verify what a pipeline makes: by its noise where that quantises."""
    padding: Literal["right"] | None = "right" if _promises_padding(passes) else None
    return replace(options, padding=padding, by_fidelity=any(each.name == "quantize-gru" for each in passes) or None)


def _promises_padding(passes: Sequence[Pass]) -> bool:
    """Whether the pipeline is told that sequences are padded at their end."""
    return any(getattr(each.options, "assume", "") == "right-padded" for each in passes)


def _refuse_invalid(result: PassResult) -> None:
    """Refuse a model with a GRU that breaks the operator's rules.

    Raises:
        InvalidModel: Naming the first one.

    """
    broken = next((found for found in result.diagnostics if found.severity == "error"), None)
    if broken is not None:
        more = sum(site.spec is None for site in result.sites) - 1
        also = f" (and {more} more GRU nodes)" if more > 0 else ""
        raise InvalidModel(broken.message + also, code=broken.code, node=broken.node, hint=broken.hint)


def _no_progress(_what: str, _done: int, _total: int) -> None:
    return None
