"""What runs jobs: it takes them one after another, and yields what came of each as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gru_lower.batching.run_job import run_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gru_lower.batching.job import Job, Outcome


class Engine(Protocol):
    """Runs jobs."""

    def run(self, jobs: Iterable[Job], begin: Callable[[Job], None]) -> Iterator[tuple[Job, Outcome]]:
        """Run jobs, in any order; ``begin`` is called with each before it is handed out."""
        ...


class ThisProcess:
    """Runs jobs one after another, for this process."""

    def run(self, jobs: Iterable[Job], begin: Callable[[Job], None]) -> Iterator[tuple[Job, Outcome]]:
        """Run jobs in order."""
        for job in jobs:
            begin(job)
            yield job, run_job(job)
