"""What a report page shows beside the report itself: errors, cases, pictures, latency and the cost of each GRU."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from gru_lower.light_dataclass import dataclass
from gru_lower.plain_data import PlainData
from gru_lower.report.environment import environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.gru.spec import GruSpec
    from gru_lower.verification.evidence.pair_latency import PairLatency
    from gru_lower.verification.runs_evidence import RunsEvidence

MOST_SITES = 24
"""Of how many GRUs the errors are kept."""


@dataclass
class RunEvidence(PlainData):
    """What a report page shows.

    Attributes:
        runs: What the verdict on the whole models rests on; ``None`` where they were not compared.
        sites: The same of each GRU that was run by itself, by site.
        latency: How long one run takes, or why that was not timed.
        sizes: The bytes of both models, external data included.
        grus: The GRUs: each one's site and what it is.
        pictures: From :func:`gru_lower.report.pictures.regions.pictures`.

    """

    runs: RunsEvidence | None = None
    sites: dict[str, RunsEvidence] = field(default_factory=dict)
    latency: PairLatency | str = "nothing was run"
    sizes: dict[str, int] = field(default_factory=dict)
    grus: Sequence[tuple[str, GruSpec]] = ()
    pictures: Sequence[dict[str, Any]] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON report."""
        runs = self.runs
        return {
            "cases": [] if runs is None else runs.cases,
            "more_cases": 0 if runs is None else runs.more_cases,
            "outputs": [] if runs is None else [each.to_dict() for each in runs.outputs],
            "sites": [
                {"site": site, "cases": len(found.cases), "outputs": [each.to_dict() for each in found.outputs]}
                for site, found in [*self.sites.items()][:MOST_SITES]
            ],
            "latency": None if isinstance(self.latency, str) else self.latency.to_dict(),
            "no_latency": self.latency if isinstance(self.latency, str) else "",
            "sizes": self.sizes,
            "grus": [_cost(site, spec) for site, spec in self.grus],
            "pictures": list(self.pictures),
            "environment": environment(),
        }


def _cost(site: str, spec: GruSpec) -> dict[str, Any]:
    """Return what a GRU is, and what it costs: multiplications of one sequence, by step and over all steps."""
    width = spec.input_size
    products = None if width is None else 3 * spec.hidden_size * (width + spec.hidden_size) * spec.num_directions
    biases = 6 * spec.hidden_size * spec.num_directions if "B" in spec.inputs else 0
    return {
        "site": site,
        "spec": spec.to_dict(),
        "weights": None if products is None else products + biases,
        "macs_by_step": products,
        "steps": spec.seq_length,
        "macs": None if products is None or spec.seq_length is None else products * spec.seq_length,
    }
