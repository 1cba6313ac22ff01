"""Rewriting a model that has been read: the passes, the verification, the report."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from gru_lower.diagnostics import diagnostic
from gru_lower.errors import InvalidModel, Unsupported
from gru_lower.graph import dims, external
from gru_lower.graph import model as graph_model
from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import ONNX_DOMAINS, value_names
from gru_lower.passes import pipeline, registry, sites, verdict
from gru_lower.passes.base import Context, Pass, Site
from gru_lower.passes.conform import breaches
from gru_lower.passes.lower.vocabulary import EMITTED
from gru_lower.passes.targeting import spelled
from gru_lower.report import Report, count_ops, file_of
from gru_lower.targets import profile
from gru_lower.verification.result import VerifyOptions, not_run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.model import Model


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


def lowering(form: str, zero_length_state: str, opset: int | None = None, **options: str | int) -> str:
    """Return the default pipeline of :func:`gru_lower.lower` as ``--passes`` spells it; options are lower-gru's."""
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
    target: str | None = None,
    command: str = "lower",
) -> Result:
    """Do what :func:`gru_lower.lower` and :func:`gru_lower.fuse` do for a model that has been read already.

    Args:
        held: The model; edited in place, so that one of gigabytes is not there twice.
        passes: The pipeline.
        options: How to verify, ``None`` not to.
        progress: Called with ``(what, done, total)``.
        fix_dims: Static lengths to write into the model first; what follows from them is folded.
        target: The profile to hold the result to: what it does not take is in the report (GL452, GL453).
        command: What the report is to say was done.

    """
    todo = registry.parse(f"fold-shapes,{passes}" if fix_dims else passes)
    external.check(held.proto, held.base_dir)
    say = progress or _silent
    if options is not None:
        options = replace(options, padding="right" if _promises_padding(todo) else None)
    report = Report(command, file_of(held), not_run("nothing was changed"))
    original = _way_back(held) if options is not None else None
    static = bool(fix_dims) or not dims.open_dims(held)
    counts, names = count_ops(held.proto), value_names(held.proto) if static and not fix_dims else None
    if fix_dims:
        dims.fix(held, fix_dims)
    with sites.judging(options) as judge:
        result = pipeline.run(todo, held, Context(keep_changes=options is not None, judge=judge, progress=say))
    _refuse_invalid(result.sites, result.diagnostics)
    if held.modified and static:
        dims.annotate(held, names)
    report.sites, report.diagnostics = result.sites, result.diagnostics
    if target is not None:
        report.diagnostics += left(held, target)
    report.op_counts = {"before": counts, "after": count_ops(held.proto)}
    if not held.modified:
        return Result(held.proto, report, held)
    if options is None or original is None:
        report.verification = not_run("not asked for")
    else:
        options = replace(options, zero_length_state=_zero_length_state(todo))
        report.verification = verdict.judge(original(), held, result.sites, options, say)
        report.diagnostics += verdict.remarks(report.verification)
        if options.padding is not None and options.inputs is None:
            report.diagnostics += verdict.other_padding(original(), held, options)
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
    current = opset or opset_of(model)
    if not oldest <= current <= newest:
        raise Unsupported(
            f"{wanted.name} takes opset {oldest} to {newest}; this one is {current}",
            code="GL404",
            hint=f"add --opset {max(oldest, min(newest, 17))}" if current < oldest else "export it with an older opset",
        )
    forbidden = wanted.unwritten(current) | (EMITTED - set(wanted.allow) if wanted.allow else set())
    return {
        "forms": "+".join(wanted.forms),
        "vocabulary": wanted.vocabulary,
        "forbid": "+".join(sorted(forbidden)),
        "packing": "plain",
        "fold": wanted.static,
        "target": spelled(target),
        **({"mask": "where"} if wanted.mask == "where" else {}),
    }


def opset_of(model: Model) -> int:
    """Return the version of ONNX's own opset that a model imports, 0 for none."""
    return next((entry.version for entry in model.proto.opset_import if entry.domain in ONNX_DOMAINS), 0)


def left(model: Model, target: str) -> list[Diagnostic]:
    """Return what a target does not take of a model, each node with the limit and what would help."""
    found = breaches(model, profile.load(target), Facts(model))
    return [
        diagnostic(
            "GL453" if each.kind == "operator" else "GL452",
            each.message,
            scope=each.scope,
            node=each.site,
            hint=each.hint,
        )
        for each in found
    ]


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


def _promises_padding(passes: Sequence[Pass]) -> bool:
    """Whether the pipeline is told that sequences are padded at their end."""
    return any(getattr(each.options, "assume", "") == "right-padded" for each in passes)


def _refuse_invalid(entries: list[Site], found: list[Any]) -> None:
    broken = next((d for d in found if d.severity == "error"), None)
    if broken is not None:
        more = sum(site.spec is None for site in entries) - 1
        also = f" (and {more} more GRU nodes)" if more > 0 else ""
        raise InvalidModel(broken.message + also, code=broken.code, node=broken.node, hint=broken.hint)


def _silent(_what: str, _done: int, _total: int) -> None:
    return None
