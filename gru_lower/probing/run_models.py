"""Running small models on a target, many at a time, with a verdict on each."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gru_lower.probing.probe_model import ProbeModel
    from gru_lower.probing.runner import Runner
    from gru_lower.targets.profile import Verdict


class ModelRuns:
    """The runs of one probe; a context manager that ends its threads.

    A model that runs is right if every output is within its tolerance of float64, otherwise wrong; one that does not
    run is rejected.

    Args:
        runner: Runs one model.
        jobs: How many runs at a time.
        progress: Called with ``(what, done, total)``.
        tolerance: How far off a value may be at least.

    Attributes:
        jobs: How many runs at a time.
        reasons: Why models were wrong or rejected, by what was tried (``"gru: reverse"``).
        count: How many models were run.

    """

    def __init__(
        self, runner: Runner, jobs: int, progress: Callable[[str, int, int], None], tolerance: float = 0.0
    ) -> None:
        """Run nothing yet."""
        self._runner, self._progress, self._tolerance = runner, progress, tolerance
        self._pool = ThreadPoolExecutor(jobs)
        self.jobs = jobs
        self.reasons: dict[str, str] = {}
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Wait for the runs that were started."""
        self._pool.shutdown()

    def verdicts(self, what: str, models: Sequence[tuple[str, ProbeModel | None]]) -> list[Verdict | None]:
        """Run labelled models; return ``None`` for those that do not exist.

        Args:
            what: What they are about, for progress and reasons.
            models: Label and model.

        """
        futures = [
            None if each is None else self._pool.submit(self._runner, each.model, each.feeds) for _, each in models
        ]
        found: list[Verdict | None] = []
        for (label, each), future in zip(models, futures, strict=True):
            self._progress(f"probing {what}", len(found), len(models))
            if each is None or future is None:
                found.append(None)
                continue
            self.count += 1
            outcome = future.result()
            fault = "" if outcome.outputs is None else outcome.reason or each.fault(outcome.outputs, self._tolerance)
            if fault or outcome.reason:
                self.reasons[f"{what}: {label}"] = fault or outcome.reason
            found.append("rejected" if outcome.outputs is None else "wrong" if fault else "right")
        return found
