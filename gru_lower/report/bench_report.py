"""The report of ``gru-lower bench``: :meth:`BenchReport.to_dict` gives version 1, held to ``schema/bench-1.json``."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from gru_lower.light_dataclass import dataclass
from gru_lower.plain_data import PlainData
from gru_lower.report.environment import environment
from gru_lower.verification.worker.timing import Spread, quotient
from gru_lower.version import tool_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.report.run_report import File
    from gru_lower.verification.latency import BenchOptions, Timed

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Entry(PlainData):
    """One model that was timed.

    Attributes:
        file: The model.
        latency: Seconds one run takes.
        passes: What made it out of A, ``None`` for a model that was handed in.

    """

    file: File
    latency: Spread
    passes: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON report."""
        return {**self.file.to_dict(), "passes": self.passes, "latency": self.latency.to_dict()}


@dataclass
class BenchReport(PlainData):
    """What one comparison measured.

    Attributes:
        a: The model.
        b: What it was compared with: the second model, or A lowered; ``None`` where A holds nothing to lower.
        ratio: How much longer B takes than A: quartiles of the rounds' quotients; above 1, B is slower.
        clock: ``"cpu"`` for the process's CPU time, ``"wall"`` for time that passes.
        threads: Of onnxruntime; 0 for one per core.
        rounds: How many times each model was timed.
        seed: Of generated inputs; ``None`` where they were given.
        inputs: Each input's name, type and shape.
        environment: What the figures depend on.
        diagnostics: What lowering had to say.

    """

    a: Entry
    b: Entry | None
    ratio: Spread | None
    clock: str
    threads: int
    rounds: int
    seed: int | None
    inputs: list[dict[str, Any]]
    environment: dict[str, str | int] = field(default_factory=environment)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON report."""
        return {
            "schema_version": SCHEMA_VERSION,
            "tool": "gru-lower",
            "version": tool_version(),
            "command": "bench",
            "a": self.a.to_dict(),
            "b": None if self.b is None else self.b.to_dict(),
            "ratio": None if self.ratio is None else self.ratio.to_dict(),
            "clock": self.clock,
            "threads": self.threads,
            "rounds": self.rounds,
            "seed": self.seed,
            "inputs": self.inputs,
            "environment": self.environment,
            "diagnostics": [found.to_dict() for found in self.diagnostics],
        }

    def _repr_html_(self) -> str:
        """Return what a notebook shows of it: how long each model takes."""
        from gru_lower.report.html.notebook import table_html

        ratio = "" if self.ratio is None else f": {self.ratio.median:.3g} times A's time"
        rows = [
            (letter, f"A lowered: {each.passes}" if each.passes else each.file.path or "", _milliseconds(each.latency))
            for letter, each in (("A", self.a), ("B", self.b))
            if each is not None
        ]
        return table_html(f"gru-lower bench{ratio}", ("", "model", "median"), rows)


def _milliseconds(latency: Spread) -> str:
    return f"{latency.median * 1e3:.3g} ms"


def report(files: Sequence[File], timed: Timed, options: BenchOptions, passes: str | None = None) -> BenchReport:
    """Return the report of what was measured.

    Args:
        files: The models, in the order of the columns of ``timed.seconds``.
        timed: From :func:`gru_lower.verification.latency.time_models`.
        options: How it was timed.
        passes: What made the second model out of the first, if it was made.

    """
    entries = [
        Entry(file, Spread.of(timed.seconds[:, column]), passes if column else None)
        for column, file in enumerate(files)
    ]
    return BenchReport(
        a=entries[0],
        b=entries[1] if len(entries) > 1 else None,
        ratio=quotient(timed.seconds, 1, 0) if len(entries) > 1 else None,
        clock=options.clock,
        threads=options.threads,
        rounds=len(timed.seconds),
        seed=options.seed if options.inputs is None else None,
        inputs=[
            {"name": name, "type": array.dtype.name, "shape": list(array.shape)} for name, array in timed.feeds.items()
        ],
    )
