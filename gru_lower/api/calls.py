"""The public calls. ``import gru_lower`` hands them on; the command line is a face of the same calls."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from gru_lower import interop
from gru_lower.api.pairs import bench_pair, reduce_pair, verify_pair
from gru_lower.checking.check_model import check_model, findings
from gru_lower.checking.code_selection import CodeSelection, unknown_code
from gru_lower.checking.fix_model import FixOptions, fix_model, unapplied
from gru_lower.diagnostics import diagnostic
from gru_lower.errors import Remaining
from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.gru.parse_node import parse
from gru_lower.passes.base import Context
from gru_lower.passes.fuse_gru.fuse_gru import FuseGru, FuseOptions
from gru_lower.report.run_report import File, Report, count_ops, file_of
from gru_lower.rewriting.legalize_model import LegalizeHow, legalize_model, refuse_remaining, remaining
from gru_lower.rewriting.rewrite_model import Result, for_target, lower_model, lowering
from gru_lower.verification.latency import BenchOptions
from gru_lower.verification.options import VerifyOptions
from gru_lower.verification.result import Verification, not_run
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gru_lower.graph.model import Model
    from gru_lower.report.bench_report import BenchReport
    from gru_lower.verification.arrays import Feeds

SEARCH = 2.0
"""Seconds for which :func:`verify` looks for inputs on which two models differ that agree at first."""


def lower(
    model: Any,  # noqa: ANN401 - whatever holds a model
    *,
    form: str = "auto",
    target: str | None = None,
    opset: int | None = None,
    mask: str = "auto",
    batch_hint: int = 0,
    verify: bool = True,
    passes: str | None = None,
    zero_length_state: str = "zero",
    rtol: float | None = None,
    atol: float | None = None,
    cases: int = 3,
    seed: int = 0,
    inputs: Sequence[Feeds] | None = None,
    expected: Sequence[Feeds] | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    fix_dims: Mapping[str, int] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Result:
    """Replace every GRU node by operators that every runtime has, and check that the model still computes the same.

    Args:
        model: A path, bytes, ModelProto, onnx_graphsurgeon.Graph, onnx_ir.Model or ONNXProgram; never changed.
        form: ``"auto"``, ``"scan"``, ``"loop"``, ``"unroll"`` or ``"step"``.
        target: What to lower for: the name of a profile that ships (``"portable"``), or the path of one.
        opset: Convert the whole model to this opset first; otherwise it keeps its own.
        mask: ``"where"`` for a Where in the body wherever sequence_lens acts, which quantisers understand.
        batch_hint: The batch size to expect where it is dynamic; only speed depends on it.
        verify: Whether to run both models and compare.
        passes: A pipeline to run instead, such as ``"normalize-gru,lower-gru{form=scan}"``.
        zero_length_state: What Y_h is for a sequence of length 0: ``"zero"``, as in onnxruntime, or ``"initial"``.
        rtol: Relative tolerance; by default it depends on the output's type.
        atol: Absolute tolerance; by default it depends on the output's type.
        cases: How many generated inputs to compare on.
        seed: Seed of the generated inputs.
        inputs: Inputs to compare on instead, a dict of arrays by input name each.
        expected: What is right for each of ``inputs``: labels or values by output name.
        shapes: Shapes to generate for inputs, by name.
        fix_dims: Static lengths to write into the model first, by symbol (``"batch"``) or input and axis (``"X:0"``).
        progress: Called with ``(what, done, total)``.

    Returns:
        The model and the report. A verdict of ``"different"`` is in the report; nothing is raised for it.

    Raises:
        InvalidModel: The model cannot be read, or a GRU in it breaks the operator's rules.
        Unsupported: An option's value is unknown, or what is given does not fit the model or the target.
        Remaining: Something is left that the target does not take; the message names each node and the limit.

    """
    source = interop.read(model)
    more = {} if target is None else for_target(source.model, target, fix_dims or {}, opset)
    pipeline_spec = passes
    if pipeline_spec is None:
        given: dict[str, str | int] = {"mask": mask, "batch_hint": batch_hint}
        given |= more
        pipeline_spec = lowering(form, zero_length_state, opset, **given)
    options = VerifyOptions(
        rtol=rtol,
        atol=atol,
        cases=cases,
        seed=seed,
        inputs=None if inputs is None else list(inputs),
        expected=None if expected is None else list(expected),
        shapes=dict(shapes or {}),
    )
    result = lower_model(
        source.model, pipeline_spec, options if verify else None, progress, fix_dims=fix_dims, target=target
    )
    if target is not None:
        refuse_remaining(result.report, target)
    result.report.diagnostics[:0] = source.notes
    result.model = source.restore(result.model)
    return result


def legalize(
    model: Any,  # noqa: ANN401 - whatever holds a model
    *,
    target: str,
    allow_cast: bool = False,
    opset: int | None = None,
    verify: bool = True,
    zero_length_state: str = "zero",
    rtol: float | None = None,
    atol: float | None = None,
    cases: int = 3,
    seed: int = 0,
    inputs: Sequence[Feeds] | None = None,
    expected: Sequence[Feeds] | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    fix_dims: Mapping[str, int] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Result:
    """Rewrite every GRU node into GRUs that a target runs right, lower what cannot be, and check the result.

    Args:
        model: A path, bytes, ModelProto, onnx_graphsurgeon.Graph, onnx_ir.Model or ONNXProgram; never changed.
        target: The name of a profile that ships (``"tract"``), or the path of one.
        allow_cast: Whether a GRU of a type the target does not take may be computed in the first one it does.
        opset: Convert the whole model to this opset first; otherwise it keeps its own.
        verify: Whether to run both models and compare.
        zero_length_state: What Y_h is for a sequence of length 0: ``"zero"``, as in onnxruntime, or ``"initial"``.
        rtol: Relative tolerance; by default it depends on the output's type.
        atol: Absolute tolerance; by default it depends on the output's type.
        cases: How many generated inputs to compare on.
        seed: Seed of the generated inputs.
        inputs: Inputs to compare on instead, a dict of arrays by input name each.
        expected: What is right for each of ``inputs``: labels or values by output name.
        shapes: Shapes to generate for inputs, by name.
        fix_dims: Static lengths to write into the model first, by symbol (``"batch"``) or input and axis (``"X:0"``).
        progress: Called with ``(what, done, total)``.

    Returns:
        The model, which holds nothing the target does not take, and the report.

    Raises:
        Remaining: Something is left that the target does not take; the message names each node and the limit.
        InvalidModel: The model cannot be read, or a GRU in it breaks the operator's rules.
        Unsupported: An option's value is unknown, or what is given does not fit the model or the target.

    """
    source = interop.read(model)
    options = VerifyOptions(
        rtol=rtol,
        atol=atol,
        cases=cases,
        seed=seed,
        inputs=None if inputs is None else list(inputs),
        expected=None if expected is None else list(expected),
        shapes=dict(shapes or {}),
    )
    how = LegalizeHow(target, opset, dict(fix_dims or {}), zero_length_state, allow_cast=allow_cast)
    result = legalize_model(source.model, how, options if verify else None, progress)
    refuse_remaining(result.report, target)
    result.report.diagnostics[:0] = source.notes
    result.model = source.restore(result.model)
    return result


def check(
    model: Any,  # noqa: ANN401 - whatever holds a model
    *,
    target: str | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> Report:
    """Look for what would go wrong with a model, without changing it.

    Args:
        model: A path, bytes, ModelProto, onnx_graphsurgeon.Graph, onnx_ir.Model or ONNXProgram.
        target: The name of a profile that ships, or the path of one: what it would reject, or compute wrongly.
        select: The codes to look for, or their beginnings (``"GL7"``); all by default.
        ignore: Codes, or their beginnings, not to look for.

    Returns:
        The report; its diagnostics are the findings, each with the fix that :func:`fix` would make.

    Raises:
        InvalidModel: The model cannot be read.
        Unsupported: There is no such target, or no such code.

    """
    wanted = CodeSelection(tuple(select), tuple(ignore))
    source = interop.read(model)
    report = check_model(source.model, target, wanted)
    report.diagnostics[:0] = source.notes
    return report


def fix(
    model: Any,  # noqa: ANN401 - whatever holds a model
    *,
    unsafe: bool = False,
    target: str | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    verify: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    cases: int = 3,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> Result:
    """Mend what :func:`check` finds and can be mended.

    Args:
        model: A path, bytes, ModelProto, onnx_graphsurgeon.Graph, onnx_ir.Model or ONNXProgram; never changed.
        unsafe: Whether to make fixes, too, after which the model may mean something else than was meant.
        target: The name of a profile that ships, or the path of one; what it finds is reported, not mended.
        select: The codes to look for, or their beginnings (``"GL7"``); all by default.
        ignore: Codes, or their beginnings, not to look for.
        verify: Whether to run the models before and after the fixes that change no result, and compare.
        rtol: Relative tolerance; by default it depends on the output's type.
        atol: Absolute tolerance; by default it depends on the output's type.
        cases: How many generated inputs to compare on.
        seed: Seed of the generated inputs.
        progress: Called with ``(what, done, total)``.

    Returns:
        The model and the report. A verdict of ``"different"`` is in the report; nothing is raised for it.

    Raises:
        InvalidModel: The model cannot be read.
        Unsupported: There is no such target, or no such code.

    """
    how = FixOptions(target, CodeSelection(tuple(select), tuple(ignore)), unsafe)
    source = interop.read(model)
    options = VerifyOptions(rtol=rtol, atol=atol, cases=cases, seed=seed)
    result = fix_model(source.model, how, options if verify else None, progress)
    result.report.diagnostics[:0] = source.notes
    result.model = source.restore(result.model)
    return result


def fuse(
    model: Any,  # noqa: ANN401 - whatever holds a model
    *,
    require: int | None = None,
    steps: bool = False,
    assume: str = "nothing",
    verify: bool = True,
    passes: str | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    cases: int = 3,
    seed: int = 0,
    inputs: Sequence[Feeds] | None = None,
    expected: Sequence[Feeds] | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Result:
    """Replace every decomposed GRU by a GRU node, and check that the model still computes the same.

    Unrolled cells, Loops and Scans are recognised by what they compute, not by how they are spelled. What is a
    recurrence but no GRU is left as it is, and listed with the term that does not fit.

    Args:
        model: A path, bytes, ModelProto, onnx_graphsurgeon.Graph, onnx_ir.Model or ONNXProgram; never changed.
        require: How many GRUs have to come of it at least.
        steps: Whether a single step becomes a GRU of sequence length 1, too.
        assume: ``"right-padded"`` promises that masks are true up to each sequence's length and false from there on,
            and lets them become sequence_lens; verification then feeds such masks.
        verify: Whether to run both models and compare.
        passes: A pipeline to run instead, such as ``"fuse-gru{steps=yes},normalize-gru"``.
        rtol: Relative tolerance; by default it depends on the output's type.
        atol: Absolute tolerance; by default it depends on the output's type.
        cases: How many generated inputs to compare on.
        seed: Seed of the generated inputs.
        inputs: Inputs to compare on instead, a dict of arrays by input name each.
        expected: What is right for each of ``inputs``: labels or values by output name.
        shapes: Shapes to generate for inputs, by name.
        progress: Called with ``(what, done, total)``.

    Returns:
        The model and the report. A verdict of ``"different"`` is in the report; nothing is raised for it.

    Raises:
        InvalidModel: The model cannot be read.
        Unsupported: An option's value is unknown, or what is given does not fit the model.
        Remaining: Fewer GRUs came of it than were required.

    """
    source = interop.read(model)
    options = VerifyOptions(
        rtol=rtol,
        atol=atol,
        cases=cases,
        seed=seed,
        inputs=None if inputs is None else list(inputs),
        expected=None if expected is None else list(expected),
        shapes=dict(shapes or {}),
    )
    pipeline_spec = fusing(steps=steps, assume=assume) if passes is None else passes
    result = lower_model(source.model, pipeline_spec, options if verify else None, progress, command="fuse")
    require_fused(result.report, require)
    result.report.diagnostics[:0] = source.notes
    result.model = source.restore(result.model)
    return result


def fusing(*, steps: bool = False, assume: str = "nothing") -> str:
    """Return the default pipeline of :func:`fuse` as ``--passes`` spells it."""
    return f"fuse-gru{{steps={'yes' if steps else 'no'} assume={assume}}},join-directions"


def require_fused(report: Report, wanted: int | None) -> None:
    """Raise where fewer GRUs were fused than were required.

    Raises:
        Remaining: So it is.

    """
    fused = sum(site.action == "fused" for site in report.sites)
    if wanted is not None and fused < wanted:
        raise Remaining(
            f"{fused} GRUs were fused, {wanted} were required",
            code="GL804",
            hint="gru-lower inspect lists what was seen, and why it was not fused",
        )


def decomposed(held: Model, *, steps: bool = False) -> list[Site]:
    """List the recurrences of a model that are not GRU nodes: those that fusing would make GRUs, and the others.

    Args:
        held: The model; it is not changed.
        steps: Whether single steps are listed, too.

    """
    options = FuseOptions(steps="yes" if steps else "no")
    return FuseGru(options).run(held.copy(), Context(keep_changes=False)).sites


def inspect(model: Any) -> Report:  # noqa: ANN401 - whatever holds a model
    """List every GRU of a model, decomposed ones included: where it stands, which variant it is, what is doubtful.

    A recurrence that is no GRU is listed with the term that does not fit.

    Args:
        model: A path, bytes, ModelProto, onnx_graphsurgeon.Graph, onnx_ir.Model or ONNXProgram.

    Raises:
        InvalidModel: The model cannot be read.

    """
    source = interop.read(model)
    held = source.model
    counts = count_ops(held.proto)
    report = Report(
        "inspect", file_of(held), not_run("nothing was changed"), op_counts={"before": counts, "after": counts}
    )
    report.diagnostics += source.notes
    facts = Facts(held)
    for scope in walk(held.proto):
        for index, node in enumerate(scope.nodes):
            if not is_onnx(node, "GRU"):
                continue
            parsed = parse(scope, index, facts)
            site = Site(scope.site(index), scope.path, node.name, parsed.spec, "seen")
            if parsed.spec is None:
                site.code, site.message = parsed.diagnostics[-1].code, parsed.diagnostics[-1].message
            report.sites.append(site)
            report.diagnostics += parsed.diagnostics
    for site in decomposed(held):
        if site.action == "fused":
            site.action, site.message = "seen", f"decomposed ({site.message}): gru-lower fuse makes a GRU of it"
        elif site.code is not None:
            report.diagnostics.append(diagnostic(site.code, site.message, scope=site.scope, node=site.site))
        report.sites.append(site)
    if not report.sites:
        for site in decomposed(held, steps=True):
            if site.action == "fused":
                site.action = "seen"
                site.message = "one step, decomposed: gru-lower fuse --steps makes a GRU of sequence length 1 of it"
                report.sites.append(site)
    return report


def verify(
    a: Any,  # noqa: ANN401 - whatever holds a model
    b: Any,  # noqa: ANN401
    *,
    rtol: float | None = None,
    atol: float | None = None,
    cases: int = 3,
    seed: int = 0,
    inputs: Sequence[Feeds] | None = None,
    expected: Sequence[Feeds] | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    prove: bool = False,
    search: float = SEARCH,
    providers: Sequence[str] = (),
    zero_length_state: Literal["zero", "initial"] = "zero",
    progress: Callable[[str], None] | None = None,
) -> Verification:
    """Tell whether two models compute the same, by running both on the same inputs.

    Args:
        a: The original; any kind of model that :func:`lower` takes.
        b: The model to compare with it.
        rtol: Relative tolerance; by default it depends on the output's type.
        atol: Absolute tolerance; by default it depends on the output's type.
        cases: How many generated inputs to compare on.
        seed: Seed of the generated inputs.
        inputs: Inputs to compare on instead.
        expected: What is right for each of ``inputs``.
        shapes: Shapes to generate for inputs, by name.
        prove: Whether to show, too, over the reals and for all inputs, that the GRUs of one model compute what stands
            for them in the other; ``proved`` says whether that worked.
        search: Seconds to go on for with further inputs, wilder ones, and to look for some on which the two differ.
        providers: onnxruntime's execution providers, in order of preference (``"cuda"``); its CPU's by default.
        zero_length_state: What is expected of Y_h for a sequence of length 0; with ``"initial"`` none are fed, as
            onnxruntime's own GRU gives zeros.
        progress: Called with a line on what is going on.

    Returns:
        The verdict. Where the two differ, ``starts_at`` names the GRUs at which they start to, ``counterexample`` holds
        the inputs, and ``least_atol`` and ``least_rtol`` are the tolerances that would pass.

    Raises:
        InvalidModel: A model cannot be read.
        Unsupported: What is given does not fit the models, or there is no such execution provider.

    """
    left, right = interop.read(a).model, interop.read(b).model
    options = VerifyOptions(
        rtol=rtol,
        atol=atol,
        cases=cases,
        seed=seed,
        inputs=None if inputs is None else list(inputs),
        expected=None if expected is None else list(expected),
        shapes=dict(shapes or {}),
        seconds=search,
        providers=tuple(providers),
        zero_length_state=zero_length_state,
    )
    return verify_pair(left, right, options, progress, prove=prove).verification


def bench(
    a: Any,  # noqa: ANN401 - whatever holds a model
    b: Any = None,  # noqa: ANN401
    *,
    seconds: float = 3.0,
    runs: int | None = None,
    threads: int = 1,
    seed: int = 0,
    inputs: Sequence[Feeds] | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    progress: Callable[[str], None] | None = None,
) -> BenchReport:
    """Time two models in onnxruntime, in turn, on the same inputs.

    Args:
        a: The model; any kind that :func:`lower` takes.
        b: The model to compare with it; without one, ``a`` lowered by ``auto``.
        seconds: How long to time the two together.
        runs: Rounds to time instead; each times both models once, short ones several times.
        threads: Of onnxruntime, for each model; 0 for one per core.
        seed: Seed of the generated inputs.
        inputs: Inputs to run on instead; the first case is used.
        shapes: Shapes to generate for inputs, by name.
        progress: Called with a line on what is going on.

    Raises:
        InvalidModel: A model cannot be read.
        Unsupported: A model does not run in onnxruntime, or what is given does not fit the models.

    """
    left, right = interop.read(a).model, None if b is None else interop.read(b).model
    options = BenchOptions(seconds, runs, threads, seed, dict(shapes or {}), inputs)
    return bench_pair(left, right, options, progress)


def kept(report: Report) -> list[Site]:
    """Return the GRUs a run had to leave."""
    return [site for site in report.sites if site.action == "kept" and site.code]


def written(report: Report, path: str, held: Model) -> Report:
    """Return the report with the file that was written."""
    return replace(report, output=File(path, held.sha256()))


__all__ = [
    "CodeSelection",
    "FixOptions",
    "LegalizeHow",
    "Result",
    "bench",
    "bench_pair",
    "check",
    "check_model",
    "decomposed",
    "findings",
    "fix",
    "fix_model",
    "for_target",
    "fuse",
    "fusing",
    "inspect",
    "kept",
    "legalize",
    "legalize_model",
    "lower",
    "lower_model",
    "lowering",
    "reduce_pair",
    "remaining",
    "require_fused",
    "unapplied",
    "unknown_code",
    "verify",
    "verify_pair",
    "written",
]
