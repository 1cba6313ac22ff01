"""The report of one run: what became of every GRU, what was verified, what there is to say.

:meth:`Report.to_dict` gives version 1 of the JSON report, held to ``schema/report-1.json``.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol

from gru_lower.light_dataclass import dataclass
from gru_lower.plain_data import PlainData
from gru_lower.version import tool_version

if TYPE_CHECKING:
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.model import Model
    from gru_lower.report.run_evidence import RunEvidence
    from gru_lower.streaming.description import StreamDescription
    from gru_lower.streaming.streaming import Streaming
    from gru_lower.verification.result import Verification

SCHEMA_VERSION = 1


class SiteEntry(Protocol):
    """What a report needs of a site: passes hand in their own type."""

    site: str
    action: str

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of the report's ``sites``."""
        ...


@dataclass
class File(PlainData):
    """A model that was read or written.

    Attributes:
        path: Its path, ``None`` for one in memory, ``"-"`` for a pipe.
        sha256: Digest of its bytes.

    """

    path: str | None
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON report."""
        return {"path": self.path, "sha256": self.sha256}


def file_of(model: Model) -> File:
    """Return how a report names a model: by its path, if it was read from a file, and the digest of its bytes."""
    return File(None if model.path is None else str(model.path), model.sha256())


@dataclass
class Report(PlainData):
    """What one run did.

    Attributes:
        command: ``"lower"``, ``"legalize"``, ``"inspect"``, ``"check"``, ``"verify"``.
        input: The model that was read.
        output: The model that was written, ``None`` where none was.
        sites: One entry per GRU.
        op_counts: Nodes by operator over every scope, ``before`` and ``after``.
        verification: The verdict.
        diagnostics: Everything else there is to say.
        stream: Of a streamed model: chunk, lag, inputs, outputs and states; ``None`` for any other.
        streaming: Of a model that is inspected: whether it could run frame by frame, ``None`` where that is not asked
            or it is not known which axis is time.
        sizes: Of a quantised model: its bytes ``before`` and ``after``, external data included; ``None`` for any other.
        evidence: What a report page shows beside all this; ``None`` where nobody asked.

    """

    command: str
    input: File
    verification: Verification
    output: File | None = None
    sites: list[Any] = field(default_factory=list)
    op_counts: dict[str, dict[str, int]] = field(default_factory=lambda: {"before": {}, "after": {}})
    diagnostics: list[Diagnostic] = field(default_factory=list)
    stream: StreamDescription | None = None
    streaming: Streaming | None = None
    sizes: dict[str, int] | None = None
    evidence: RunEvidence | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON report, version 1."""
        return {
            "schema_version": SCHEMA_VERSION,
            "tool": "gru-lower",
            "version": tool_version(),
            "command": self.command,
            "input": self.input.to_dict(),
            "output": None if self.output is None else self.output.to_dict(),
            "sites": [site.to_dict() for site in self.sites],
            "op_counts": self.op_counts,
            "verification": self.verification.to_dict(),
            "diagnostics": [found.to_dict() for found in self.diagnostics],
            **({} if self.stream is None else {"stream": self.stream.to_dict()}),
            **({} if self.sizes is None else {"sizes": self.sizes}),
            **({} if self.streaming is None else {"streaming": self.streaming.to_dict()}),
            **({} if self.evidence is None else {"evidence": self.evidence.to_dict()}),
        }

    def to_html(self) -> str:
        """Return its core as a notebook shows it: the verdict, what was found and done."""
        from gru_lower.report.html.notebook import notebook_html

        return notebook_html(self.to_dict())

    _repr_html_ = to_html


def count_ops(model: Model) -> dict[str, int]:
    """Count nodes by operator over every scope, the most frequent first."""
    return dict(sorted(model.op_counts().items(), key=lambda item: (-item[1], item[0])))
