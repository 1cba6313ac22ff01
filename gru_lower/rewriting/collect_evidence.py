"""Collect what a report page shows of two models: GRUs, pictures, errors, sizes and latency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import is_onnx
from gru_lower.gru.parse_node import parse
from gru_lower.report.pictures.regions import PicturedSite, pictures
from gru_lower.report.run_evidence import RunEvidence
from gru_lower.verification.evidence.pair_latency import time_pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.graph.model import Model
    from gru_lower.gru.spec import GruSpec
    from gru_lower.verification.options import VerifyOptions
    from gru_lower.verification.result import Verification
    from gru_lower.verification.sites.site import Site


def collect_evidence(
    before: Model,
    after: Model,
    verification: Verification,
    sites: Sequence[Site] = (),
    options: VerifyOptions | None = None,
) -> RunEvidence:
    """Return what a page shows of a model and what became of it.

    Args:
        before: The model as it was.
        after: The model as it is; the same one where nothing was changed.
        verification: The verdict on the two.
        sites: What was done with each GRU; where nothing says so, the GRU nodes of both models.
        options: How they were compared, ``None`` where they were not.

    """
    grus = _of_sites(sites) if sites else _nodes(before, after)
    runs = verification.evidence
    found = RunEvidence(
        runs=runs,
        sites={site.site: site.verified.evidence for site in sites if site.verified and site.verified.evidence},
        sizes={"before": before.data_size(), "after": after.data_size()},
        grus=[(drawn.site, spec) for drawn, spec in grus if spec is not None],
        pictures=pictures(before, after, [drawn for drawn, _ in grus]),
    )
    if runs is not None and runs.feeds is not None and options is not None:
        if options.providers:
            found.latency = "only onnxruntime's CPU is timed"
        else:
            both = [(before.proto, before.base_dir), (after.proto, after.base_dir or before.base_dir)]
            found.latency = time_pair(both, runs.feeds, options, runs.push)
    return found


def _of_sites(sites: Sequence[Site]) -> list[tuple[PicturedSite, GruSpec | None]]:
    """Return what was done something with, each once: one pass may have a second word on what another did."""
    found: dict[str, tuple[PicturedSite, GruSpec | None]] = {}
    for site in sites:
        named = site.site.partition("#")[2].partition(":")[2]
        outputs = (site.spec.Y, site.spec.Y_h) if site.spec is not None else (named,)
        found.setdefault(site.site, (PicturedSite(site.site, site.scope, tuple(filter(None, outputs))), site.spec))
    return [*found.values()]


def _nodes(before: Model, after: Model) -> list[tuple[PicturedSite, GruSpec | None]]:
    """Return the GRU nodes of both models, those with the same outputs once."""
    found: dict[tuple[str, ...], tuple[PicturedSite, GruSpec | None]] = {}
    for model in (before, after) if before is not after else (before,):
        facts = Facts(model)
        for scope in facts.scopes:
            for index, node in enumerate(scope.nodes):
                if is_onnx(node, "GRU"):
                    drawn = PicturedSite(scope.site(index), scope.path, tuple(filter(None, node.output)))
                    found.setdefault(drawn.outputs, (drawn, parse(scope, index, facts).spec))
    return [*found.values()]
