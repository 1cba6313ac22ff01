"""The public calls. ``import gru_lower`` hands them on; the command line is a face of the same calls."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from gru_lower import interop
from gru_lower.errors import InvalidModel, Unsupported
from gru_lower.graph import dims, external
from gru_lower.graph import model as graph_model
from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import ONNX_DOMAINS, is_onnx, value_names, walk
from gru_lower.gru.parse import parse
from gru_lower.passes import pipeline, registry, verdict
from gru_lower.passes.base import Context, Pass, Site
from gru_lower.report import File, Report, count_ops
from gru_lower.targets import profile
from gru_lower.verification import bench_report
from gru_lower.verification.bench import BenchOptions, time_models
from gru_lower.verification.result import Verification, VerifyOptions
from gru_lower.verification.whole import verify_models

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gru_lower.graph.model import Model
    from gru_lower.verification.bench_report import BenchReport
    from gru_lower.verification.result import Feeds


@dataclass
class Result:
    """What a call gives back.

    Attributes:
        model: The new model, of the kind that was handed in (a path or bytes give a ModelProto).
        report: What was done and how it was verified.
        held: The model as :func:`gru_lower.graph.model.save` takes it.

    """

    model: Any
    report: Report
    held: Model = field(repr=False)


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
        Unsupported: An option's value is unknown, or what is given does not fit the model.

    """
    source = interop.read(model)
    more = {} if target is None else for_target(source.model, target, fix_dims or {}, opset)
    pipeline_spec = passes
    if pipeline_spec is None:
        pipeline_spec = lowering(form, zero_length_state, opset, mask=mask, batch_hint=batch_hint, **more)
    options = VerifyOptions(
        rtol=rtol,
        atol=atol,
        cases=cases,
        seed=seed,
        inputs=None if inputs is None else list(inputs),
        expected=None if expected is None else list(expected),
        shapes=dict(shapes or {}),
    )
    result = lower_model(source.model, pipeline_spec, options if verify else None, progress, fix_dims=fix_dims)
    result.report.diagnostics[:0] = source.notes
    result.model = source.restore(result.model)
    return result


def lowering(form: str, zero_length_state: str, opset: int | None = None, **options: str | int) -> str:
    """Return the default pipeline of :func:`lower` as ``--passes`` spells it; options are lower-gru's."""
    first = "fold-shapes," if options.pop("fold", False) else ""
    first += "" if opset is None else f"convert-opset{{to={opset}}},"
    given = {"form": form, "zero_length_state": zero_length_state, **options}
    return f"{first}lower-gru{{{','.join(f'{key}={value}' for key, value in given.items())}}}"


def lower_model(
    held: Model,
    passes: str,
    options: VerifyOptions | None,
    progress: Callable[[str, int, int], None] | None = None,
    *,
    fix_dims: Mapping[str, int] | None = None,
) -> Result:
    """Do what :func:`lower` does for a model that has been read already.

    Args:
        held: The model; edited in place, so that one of gigabytes is not there twice.
        passes: The pipeline.
        options: How to verify, ``None`` not to.
        progress: Called with ``(what, done, total)``.
        fix_dims: Static lengths to write into the model first; what follows from them is folded.

    """
    todo = registry.parse(f"fold-shapes,{passes}" if fix_dims else passes)
    external.check(held.proto, held.base_dir)
    say = progress or _silent
    report = Report("lower", _file(held), _not_run("nothing was changed"))
    original = _way_back(held) if options is not None else None
    static = bool(fix_dims) or not dims.open_dims(held)
    counts, names = count_ops(held.proto), value_names(held.proto) if static and not fix_dims else None
    if fix_dims:
        dims.fix(held, fix_dims)
    result = pipeline.run(todo, held, Context(keep_changes=options is not None, progress=say))
    _refuse_invalid(result.sites, result.diagnostics)
    if held.modified and static:
        dims.annotate(held, names)
    report.sites, report.diagnostics = result.sites, result.diagnostics
    report.op_counts = {"before": counts, "after": count_ops(held.proto)}
    if not held.modified:
        return Result(held.proto, report, held)
    if options is None or original is None:
        report.verification = _not_run("not asked for")
    else:
        options = replace(options, zero_length_state=_zero_length_state(todo))
        report.verification = verdict.judge(original(), held, result.sites, options, say)
        report.diagnostics += verdict.remarks(report.verification)
        for site in result.sites:
            site.change = None
    return Result(held.proto, report, held)


def for_target(model: Model, target: str, fix_dims: Mapping[str, int], opset: int | None) -> dict[str, str | int]:
    """Return the options of ``lower-gru`` that a target asks for.

    Args:
        model: What is to be lowered.
        target: The name of a profile, or the path of one.
        fix_dims: The dims that are about to be fixed.
        opset: The opset that the model is about to be converted to.

    Raises:
        Unsupported: There is no such target, or the model would still have a dim or an opset it does not take.
        InvalidModel: The file is no profile.

    """
    wanted = profile.load(target)
    if wanted.static:
        fixed = model.copy()
        if fix_dims:
            dims.fix(fixed, fix_dims)
        still = dims.open_dims(fixed)
        if still:
            flags = " ".join(f"--fix-dim {name}=N" for name in still)
            listed = ", ".join(still)
            raise Unsupported(
                f"{wanted.name} takes static shapes only; open: {listed}", code="GL403", hint=f"add {flags}"
            )
    oldest, newest = wanted.opset
    current = opset or next((entry.version for entry in model.proto.opset_import if entry.domain in ONNX_DOMAINS), 0)
    if not oldest <= current <= newest:
        raise Unsupported(
            f"{wanted.name} takes opset {oldest} to {newest}; this one is {current}",
            code="GL404",
            hint=f"add --opset {newest}" if current < oldest else "export the model with an older opset",
        )
    return {
        "forms": "+".join(wanted.forms),
        "vocabulary": wanted.vocabulary,
        "forbid": "+".join(wanted.forbid),
        "packing": "none",
        "fold": wanted.static,
    }


def _way_back(model: Model) -> Callable[[], Model]:
    """Return how to get at a model as it is now once it has been edited: from the bytes it was read from, if any."""
    raw, path = model.raw, model.path
    if raw is not None:
        return lambda: graph_model.parse(raw, path=path)
    copy = model.copy()
    return lambda: copy


def _zero_length_state(passes: Sequence[Pass]) -> Literal["zero", "initial"]:
    """Return what the pipeline's lowering takes the last state of an empty sequence to be."""
    chosen = {getattr(each.options, "zero_length_state", "zero") for each in passes}
    return "initial" if "initial" in chosen else "zero"


def inspect(model: Any) -> Report:  # noqa: ANN401 - whatever holds a model
    """List every GRU of a model: where it stands, which variant it is, what is wrong or doubtful about it.

    Args:
        model: A path, bytes, ModelProto, onnx_graphsurgeon.Graph, onnx_ir.Model or ONNXProgram.

    Raises:
        InvalidModel: The model cannot be read.

    """
    source = interop.read(model)
    held = source.model
    counts = count_ops(held.proto)
    report = Report(
        "inspect", _file(held), _not_run("nothing was changed"), op_counts={"before": counts, "after": counts}
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
        progress: Called with a line on what is going on.

    Raises:
        InvalidModel: A model cannot be read.
        Unsupported: What is given does not fit the models.

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
    )
    return verify_pair(left, right, options, progress).verification


def verify_pair(
    left: Model, right: Model, options: VerifyOptions, progress: Callable[[str], None] | None = None
) -> Report:
    """Do what :func:`verify` does for models that have been read already, and report on it.

    Args:
        left: The original.
        right: The model to compare with it.
        options: How to verify.
        progress: Called with a line on what is going on.

    """
    for model in (left, right):
        external.check(model.proto, model.base_dir)
    verification = verify_models(
        left.proto, right.proto, base_dir_a=left.base_dir, base_dir_b=right.base_dir, options=options, progress=progress
    )
    counts = {"before": count_ops(left.proto), "after": count_ops(right.proto)}
    return Report("verify", _file(left), verification, output=_file(right), op_counts=counts)


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


def bench_pair(
    left: Model, right: Model | None, options: BenchOptions, progress: Callable[[str], None] | None = None
) -> BenchReport:
    """Do what :func:`bench` does for models that have been read already.

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
        external.check(model.proto, model.base_dir)
    names = ("the model", "the lowered model") if right is None else ("the first model", "the second model")
    paired = {name: (model.proto, model.base_dir) for name, model in zip(names, models, strict=False)}
    timed = time_models(paired, options, progress)
    files = [_file(left), *([] if held is None else [_file(held) if right else File(None, held.sha256())])]
    report = bench_report.report(files, timed, options, passes)
    report.diagnostics += notes
    return report


def kept(report: Report) -> list[Site]:
    """Return the GRUs a run had to leave."""
    return [site for site in report.sites if site.action == "kept" and site.code]


def written(report: Report, path: str, held: Model) -> Report:
    """Return the report with the file that was written."""
    return replace(report, output=File(path, held.sha256()))


def _refuse_invalid(sites: list[Site], found: list[Any]) -> None:
    broken = next((d for d in found if d.severity == "error"), None)
    if broken is not None:
        more = sum(site.spec is None for site in sites) - 1
        also = f" (and {more} more GRU nodes)" if more > 0 else ""
        raise InvalidModel(broken.message + also, code=broken.code, node=broken.node, hint=broken.hint)


def _file(model: Model) -> File:
    return File(None if model.path is None else str(model.path), model.sha256())


def _not_run(why: str) -> Verification:
    return Verification(status="not_run", scope="model", message=why)


def _silent(_what: str, _done: int, _total: int) -> None:
    return None


__all__ = ["Result", "bench", "inspect", "kept", "lower", "verify", "written"]
