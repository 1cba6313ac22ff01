"""``gru_lower.inspect``: list the GRUs of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower import interop
from gru_lower.api.comparison_options import MemoryOption, OneModel
from gru_lower.api.public_call import public_call
from gru_lower.diagnostics import diagnostic
from gru_lower.errors import FOREIGN_FAILURES
from gru_lower.graph import budget, external_data
from gru_lower.graph.facts import Facts
from gru_lower.graph.odd_models import refusal_of
from gru_lower.graph.scopes import walk
from gru_lower.graph.undefined_values import UNDEFINED, undefined_values
from gru_lower.gru.parse_node import parse
from gru_lower.passes.base import Context, PassResult
from gru_lower.passes.fuse_gru.reasons.integer_sites import sites_of_integers
from gru_lower.passes.fuse_gru.recognition.may_recur import may_recur
from gru_lower.passes.stream.survey import survey
from gru_lower.report.run_report import Report, count_ops, file_of
from gru_lower.verification.result import not_run
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope


class InspectArguments(MemoryOption, OneModel):
    """The arguments of :func:`inspect`."""


@public_call(InspectArguments)
def inspect(given: InspectArguments) -> Report:
    """List every GRU of a model, decomposed ones included: where it stands, which variant it is, what is doubtful.

    A recurrence that is no GRU is listed with the term that does not fit. ``streaming`` says whether the model could
    run frame by frame, and what stands in the way.

    Raises:
        InvalidModel: The model cannot be read.

    """
    return inspect_source(interop.read(given.model))


def inspect_source(source: interop.Source) -> Report:
    """Do what :func:`inspect` does for a model that has been read already."""
    model = source.model
    if model.path is not None:
        external_data.check(model.proto, model.base_dir, model_file=model.path, present=False)
    scopes = model.take_scopes()
    counts = count_ops(model)
    report = Report(
        "inspect", file_of(model), not_run("nothing was changed"), op_counts={"before": counts, "after": counts}
    )
    report.diagnostics += model.notes
    _add_nodes(report, model, scopes)
    undefined = [
        diagnostic(UNDEFINED, each.message, scope=each.scope, node=each.node) for each in undefined_values(scopes)
    ]
    del scopes
    report.diagnostics += undefined
    if not undefined:  # else it is not known what hangs on what
        fused = _add_decomposed(report, model)
        _add_streaming(report, model if fused is None else fused)
    report.diagnostics += budget.notes()
    return report


def _add_streaming(report: Report, model: Model) -> None:
    """Add whether the model could run frame by frame, as far as it can be told of an odd one."""
    try:
        report.streaming = survey(model)
    except FOREIGN_FAILURES as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        report.diagnostics.append(diagnostic("GL018", f"whether it can be streamed is not known: {refusal.message}"))


def _add_nodes(report: Report, model: Model, scopes: list[Scope]) -> None:
    """Add the GRU nodes, and what is wrong or doubtful about them."""
    facts = Facts(model, scopes=scopes)
    for scope in scopes:
        for index, node in scope.of_operators("GRU"):
            parsed = parse(scope, index, facts)
            site = Site(scope.site(index), scope.path, node.name, parsed.spec, "seen")
            if parsed.spec is None:
                site.code, site.message = parsed.diagnostics[-1].code, parsed.diagnostics[-1].message
            report.sites.append(site)
            report.diagnostics += parsed.diagnostics


def _add_decomposed(report: Report, model: Model) -> Model | None:
    """Add the recurrences that are not GRU nodes; single steps only where there is nothing else.

    Returns:
        The model with those that could be fused as GRU nodes, ``None`` where there are none.

    """
    fused = model.copy() if may_recur(model.proto) else model
    result = _fuse(fused)
    found = fused if any(site.action == "fused" for site in result.sites) else None
    report.diagnostics += [each for each in result.diagnostics if each.code == "GL018"]
    for site in result.sites:
        if site.action == "fused":
            site.action, site.message = "seen", f"decomposed ({site.message}): gru-lower fuse makes a GRU of it"
        elif site.code is not None:
            report.diagnostics.append(diagnostic(site.code, site.message, scope=site.scope, node=site.site))
        report.sites.append(site)
    if report.sites:
        return found
    for site in find_decomposed(model, steps=True):
        if site.action == "fused":
            site.action = "seen"
            site.message = "one step, decomposed: gru-lower fuse --steps makes a GRU of sequence length 1 of it"
            report.sites.append(site)
    return found


def find_decomposed(model: Model, *, steps: bool = False) -> list[Site]:
    """Return the recurrences of a model that are not GRU nodes: those that fusing would make GRUs, and the others.

    Args:
        model: The model; it is not changed.
        steps: Whether single steps are listed, too.

    """
    return _fuse(model.copy(), steps=steps).sites


def _fuse(model: Model, *, steps: bool = False) -> PassResult:
    if not may_recur(model.proto):
        return PassResult(modified=False, sites=sites_of_integers(next(walk(model.proto)), between_quantisers=True))
    from gru_lower.passes.fuse_gru.fuse_gru import FuseGru, FuseOptions  # all that reads recurrences

    options = FuseOptions(steps="yes" if steps else "no")
    return FuseGru(options).run(model, Context(keep_changes=False))
