"""The options of every call that can write a report for people."""

import os
from typing import Annotated

from gru_lower.api.declared_options import Doc, Options


class EvidenceOptions(Options, kw_only=True):
    """Where a report for people goes, and whether the JSON report holds what that shows."""

    report: Annotated[
        str | os.PathLike[str] | None,
        Doc(
            "A file for a report that people read: a page that needs no network (``.html``), or Markdown (``.md``). "
            "A file that is there is replaced.",
            flag="Write a report for people: a page (.html), or Markdown (.md; - for stdout).",
        ),
    ] = None
    evidence: Annotated[
        bool,
        Doc(
            "Whether the report holds what a page of it shows, too: cases, errors by size and over time, the graph "
            "around each GRU, latency, costs. ``report`` implies it.",
            flag="Put what a page shows into the JSON report, too: errors, cases, graphs, latency, costs.",
        ),
    ] = False

    @property
    def wants_evidence(self) -> bool:
        """Whether the report is to hold what a page of it shows."""
        return self.evidence or self.report is not None
