"""One command over many models: planned and refused before anything starts, resumed where a journal says so."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from gru_lower.batching import do_line, locations, plan
from gru_lower.batching.engine import ThisProcess
from gru_lower.batching.job import Job, Outcome
from gru_lower.batching.journal import NAME, Journal
from gru_lower.errors import Unsupported
from gru_lower.light_dataclass import dataclass
from gru_lower.report.index_file import pages_folder, write_index
from gru_lower.version import tool_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from gru_lower.batching.cluster.dask_engine import DaskEngine
    from gru_lower.batching.engine import Engine
    from gru_lower.report.report_file import ReportFile

LOCAL, NONE = "local", "none"
SAMPLE = 20
"""How many models the workers are tried with before anything starts."""


@dataclass(frozen=True)
class Settings:
    """How a batch is run.

    Attributes:
        out: The folder for results, ``None`` where nothing is written.
        cluster: ``"local"``, ``"none"``, or the address of a scheduler.
        workers: How many workers are started on this machine; ``None`` for one a core.
        seconds: How long a model may take; 0 for no limit.
        memory: Bytes that each process of a model may hold; 0 for its share of the machine.
        journal: The journal's path, ``None`` for the default.
        retry: Whether models that failed in an earlier run are done again.
        evidence: Whether reports hold what a page shows.
        report: Where a report for people goes in the end, ``None`` where nobody asked.

    """

    out: str | None = None
    cluster: str = LOCAL
    workers: int | None = None
    seconds: float = 0.0
    memory: int = 0
    journal: Path | None = None
    retry: bool = False
    evidence: bool = False
    report: ReportFile | None = None


class Batch:
    """A command over many models: iterating runs it, and yields what came of each model as it comes.

    Models that an earlier run has done come first. In the end, and where it ends early, the journal is closed and
    workers that were started are ended.

    Args:
        models: Paths and URLs, with wildcards.
        do: The command and its options.
        settings: How to run it.

    Attributes:
        command: What is done with each.
        total: How many models there are.
        resumed: How many of them an earlier run has done.
        journal: The journal.

    Raises:
        Unsupported: It cannot be run as it is: nothing has been started.

    """

    def __init__(self, models: Sequence[str], do: str | Sequence[str], settings: Settings) -> None:
        """Settle everything that can be settled beforehand."""
        self._settings = settings
        self._line = do_line.read(do)
        self._words = tuple(self._line.with_evidence if settings.evidence else self._line.words)
        if settings.report is not None:
            pages_folder(settings.report)
        if settings.cluster != NONE:
            _refuse_unshared([*models, settings.out or ""])
        self._planned = plan.plan(models, self._line, settings.out)
        self._folder = str(Path.cwd())
        self._marks = [locations.mark(each.model) or "" for each in self._planned]
        self._named = tuple(locations.mark(path) or "" for path in self._line.paths)
        self._at_once = 1
        self._begun: set[int] = set()
        self.command = self._line.command
        self.total = len(self._planned)
        self.journal = Journal(settings.journal or _default_journal(settings.out))
        try:
            self._left = [number for number in range(self.total) if not self._is_done(self._job(number))]
            self.resumed = self.total - len(self._left)
            self._begun = {number for number in self._left if self._is_ours(number)}
            if not self._line.overwrites:
                plan.refuse_existing(self._planned[each] for each in self._left if each not in self._begun)
        except BaseException:
            self.journal.close()
            raise

    @property
    def title(self) -> str:
        """What a report of it is called."""
        return f"gru-lower batch: {self.command}"

    def __enter__(self) -> Self:
        """Return the batch."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the journal."""
        self.close()

    def close(self) -> None:
        """Close the journal."""
        self.journal.close()

    def __len__(self) -> int:
        """Return how many models there are."""
        return self.total

    def __iter__(self) -> Iterator[Outcome]:
        """Run it.

        Raises:
            Unsupported: No worker can be had, the workers do not see what they need, or the scheduler was lost.

        """
        with ExitStack() as ends:
            ends.callback(self.close)
            left = set(self._left)
            for number in range(self.total):
                if number not in left:
                    line = self.journal.done(self._job(number))
                    if line is not None:
                        yield replace(self.journal.outcome(line), resumed=True)
            if left:
                engine = self._engine(ends)
                for job, outcome in engine.run((self._job(each) for each in self._left), self.journal.begin):
                    self.journal.enter(job, outcome)
                    yield outcome
        if self._settings.report is not None:
            write_index(self.title, (each.to_dict() for each in self.outcomes()), self._settings.report)

    def outcomes(self) -> Iterator[Outcome]:
        """Read again what came of each model that is done, in the order of the models; one is held at a time."""
        with Journal(self.journal.path) as journal:
            for number in range(self.total):
                line = journal.done(self._job(number))
                if line is not None:
                    yield journal.outcome(line)

    def _job(self, number: int) -> Job:
        planned, settings = self._planned[number], self._settings
        return Job(
            number,
            planned.model,
            planned.output,
            self._words,
            self._folder,
            self._line.overwrites or number in self._begun,
            self._marks[number],
            settings.seconds,
            settings.memory,
            self._at_once,
            self._named,
        )

    def _is_ours(self, number: int) -> bool:
        """Whether an earlier run began a model, or did it for no report: what lies in its place is to be replaced."""
        job = self._job(number)
        return self.journal.was_begun(job) or self.journal.done(replace(job, words=tuple(self._line.words))) is not None

    def _is_done(self, job: Job) -> bool:
        line = self.journal.done(job)
        if line is None or (line.exit_code and self._settings.retry) or self.journal.data_has_changed(job):
            return False
        return line.output is None or locations.mark(line.output) is not None

    def _engine(self, ends: ExitStack) -> Engine:
        """Return what runs the jobs, once it is sure that it can.

        Raises:
            Unsupported: It cannot.

        """
        settings = self._settings
        if settings.cluster == NONE:
            if settings.out is not None:
                with locations.note_in(settings.out):
                    return ThisProcess()
            return ThisProcess()
        from gru_lower.batching.cluster.dask_engine import DaskEngine

        address = None if settings.cluster == LOCAL else settings.cluster
        count = min(settings.workers or len(_own_cores()), len(self._left))
        engine = ends.enter_context(DaskEngine(address, count))
        self._try(engine)
        self._at_once = max(engine.at_once().values(), default=1)
        return engine

    def _try(self, engine: DaskEngine) -> None:
        """Let every worker look whether it sees what it will need, before anything starts.

        Raises:
            Unsupported: One does not.

        """
        step = max(1, len(self._left) // SAMPLE)
        wanted: dict[str, str | None] = {self._planned[each].model: self._marks[each] for each in self._left[::step]}
        wanted |= dict.fromkeys(self._line.paths)
        with ExitStack() as notes:
            note = None if self._settings.out is None else notes.enter_context(locations.note_in(self._settings.out))
            found = engine.look(self._folder, wanted, note)
        for worker, answer in found.items():
            if answer["version"] != tool_version():
                message = f"worker {worker} has gru-lower {answer['version']}, this is {tool_version()}"
                raise Unsupported(message, code="GL952", hint="install the same version on both")
            if answer["unseen"]:
                more = f" and {len(answer['unseen']) - 1} more" if len(answer["unseen"]) > 1 else ""
                raise Unsupported(
                    f"worker {worker} does not see {answer['unseen'][0]}{more}",
                    code="GL952",
                    hint="name places that all workers share: a mounted folder, or s3://; or use --cluster local",
                )


def _refuse_unshared(places: Sequence[str]) -> None:
    for place in places:
        if locations.protocol_of(place) in locations.IN_THIS_PROCESS:
            raise Unsupported(f"{place}: no other process sees it", code="GL952", hint="use --cluster none")


def _default_journal(out: str | None) -> Path:
    return Path(NAME) if out is None or locations.is_url(out) else Path(locations.local_path(out), NAME)


def _own_cores() -> set[int]:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))
