"""Rewriting a model that has been read: the passes, the verification, the report."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gru_lower.diagnostics import diagnostic
from gru_lower.emission.operator_vocabulary import EMITTED
from gru_lower.errors import InvalidModel, Unsupported
from gru_lower.graph import annotate_shapes, external_data, fixed_dims
from gru_lower.graph import model as graph_model
from gru_lower.graph.facts import Facts
from gru_lower.graph.names import value_names
from gru_lower.graph.scopes import ONNX_DOMAINS
from gru_lower.passes import pipeline
from gru_lower.passes.base import Context, Pass
from gru_lower.report.run_report import Report, count_ops, file_of
from gru_lower.targets import read_profile
from gru_lower.targets.find_unsupported_nodes import find_unsupported_nodes
from gru_lower.targets.target_option import quoted_target
from gru_lower.verification.result import not_run
from gru_lower.verification.sites.verify_site import site_verifier
from gru_lower.verification.verify_rewrite import left_padding_diagnostics, verdict_diagnostics, verify_rewrite

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.model import Model
    from gru_lower.verification.options import VerifyOptions
    from gru_lower.verification.sites.site import Site

KEPT = ("GL301", "GL302", "GL303", "GL304", "GL305", "GL306", "GL307", "GL308")
"""Why a GRU was not lowered."""


@dataclass
class Result:
    """What a call gives back.

    Attributes:
        model: The new model, of the kind that was handed in. A path and bytes give a ModelProto; see :meth:`save`
            and :meth:`to_bytes`.
        report: What was done and how it was verified.
        held: The model as :func:`gru_lower.graph.model.save` takes it.

    """

    model: Any
    report: Report
    held: Model = field(repr=False)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the model to a file, atomically; external data goes beside it.

        Args:
            path: Where to.
            overwrite: Whether an existing file may be replaced.

        Raises:
            Unsupported: The file exists and may not be replaced, or cannot be written.

        """
        graph_model.save(self.held, Path(path), overwrite=overwrite)

    def to_bytes(self) -> bytes:
        """Return the model's bytes: those that were read where nothing was changed.

        Raises:
            Unsupported: It is larger than a protobuf message may be (2 GiB).

        """
        return self.held.to_bytes()


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
    todo = pipeline.parse(f"fold-shapes,{passes}" if fix_dims else passes)
    external_data.check(held.proto, held.base_dir)
    say = progress or _silent
    if options is not None:
        options = replace(options, padding="right" if _promises_padding(todo) else None)
    report = Report(command, file_of(held), not_run("nothing was changed"))
    original = _way_back(held) if options is not None else None
    static = bool(fix_dims) or not fixed_dims.open_dims(held)
    counts, names = count_ops(held.proto), value_names(held.proto) if static and not fix_dims else None
    if fix_dims:
        fixed_dims.fix(held, fix_dims)
    with site_verifier(options) as judge:
        result = pipeline.run(todo, held, Context(keep_changes=options is not None, judge=judge, progress=say))
    _refuse_invalid(result.sites, result.diagnostics)
    if held.modified and static:
        annotate_shapes.annotate(held, names)
    report.sites, report.diagnostics = result.sites, result.diagnostics
    if target is not None:
        report.diagnostics += left(held, target, result.diagnostics)
    report.op_counts = {"before": counts, "after": count_ops(held.proto)}
    if not held.modified:
        return Result(held.proto, report, held)
    if options is None or original is None:
        report.verification = not_run("not asked for")
    else:
        options = replace(options, zero_length_state=_zero_length_state(todo))
        report.verification = verify_rewrite(original(), held, result.sites, options, say)
        report.diagnostics += verdict_diagnostics(report.verification)
        if options.padding is not None and options.inputs is None:
            report.diagnostics += left_padding_diagnostics(original(), held, options)
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
    wanted = read_profile.load(target)
    if wanted.static:
        fixed = model.copy()
        if fix_dims:
            fixed_dims.fix(fixed, fix_dims)
        still = fixed_dims.open_dims(fixed)
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
            hint=f"add --opset {wanted.best_opset}",
        )
    forbidden = wanted.unwritten(current) | (EMITTED - set(wanted.allow) if wanted.allow else set())
    return {
        "forms": "+".join(wanted.forms),
        "vocabulary": wanted.vocabulary,
        "forbid": "+".join(sorted(forbidden)),
        "packing": "plain",
        "fold": wanted.static,
        "target": quoted_target(target),
        **({"mask": "where"} if wanted.mask == "where" else {}),
    }


def opset_of(model: Model) -> int:
    """Return the version of ONNX's own opset that a model imports, 0 for none."""
    return next((entry.version for entry in model.proto.opset_import if entry.domain in ONNX_DOMAINS), 0)


def left(model: Model, target: str, said: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Return what a target does not take of a model, each node with the limit and what would help.

    Args:
        model: The model, rewritten.
        target: The name of a profile, or the path of one.
        said: What was said so far; of GRUs that were kept, why.

    """
    wanted = read_profile.load(target)
    kept = {(each.scope, _value(each.node)): each for each in said if each.code in KEPT}
    found: list[Diagnostic] = []
    for each in find_unsupported_nodes(model, wanted, Facts(model)):
        message, hint, code = each.message, each.hint, "GL453"
        if each.kind != "operator":
            code, reason = "GL452", kept.get((each.scope, _value(each.site)))
            message += f", and {reason.message}" if reason else ""
            helped = wanted.unwritten(opset_of(model)) - wanted.unwritten(wanted.best_opset)
            hint = f"add --opset {wanted.best_opset}" if reason and reason.code == "GL307" and helped else hint
        found.append(diagnostic(code, message, scope=each.scope, node=each.site, hint=hint))
    return found


def _value(site: str) -> str:
    """Return the output in a site's id, which other edits do not change as they do the number."""
    return site.rpartition("#")[2].partition(":")[2]


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
