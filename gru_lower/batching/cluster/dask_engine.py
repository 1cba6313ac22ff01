"""Jobs on Dask's workers: handed out a few at a time, retried where workers are lost, taken back as they are done."""

from __future__ import annotations

import queue
import secrets
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Self

from gru_lower.batching.cluster import on_worker
from gru_lower.batching.job import Job, Outcome
from gru_lower.batching.optional_packages import optional
from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from gru_lower.batching.cluster.local_workers import LocalWorkers

SECONDS_TO_CONNECT = 30.0
SECONDS_FOR_WORKERS = 120.0
SECONDS_FOR_A_RESULT = 5.0
TURN = 0.5
"""Seconds between two looks at the cluster."""
EXTRA = 'pip install "gru-lower[cluster]", or --cluster none'


class SchedulerLostError(Unsupported):
    """The scheduler is gone."""


class DaskEngine:
    """Runs jobs on a cluster.

    Args:
        address: The scheduler's, ``None`` for one of its own on this machine.
        workers: How many workers are started on this machine.

    Raises:
        Unsupported: Dask is not installed, or the scheduler is not reached, or has no worker.

    """

    def __init__(self, address: str | None, workers: int) -> None:
        """Connect, and wait for a worker."""
        try:
            client = optional("distributed").Client
        except ImportError as error:
            raise Unsupported("Dask is not installed, which runs a batch", code="GL953", hint=EXTRA) from error
        self._name = secrets.token_hex(4)
        self._ends = ExitStack()
        self._local: LocalWorkers | None = None
        try:
            if address is None:
                from gru_lower.batching.cluster.local_workers import LocalWorkers

                self._local = self._ends.enter_context(LocalWorkers(workers))
            place = self._local.address if self._local else address
            self._client = _connected(client, str(place))
            self._ends.callback(self._close_client)
            self._wait_for_workers(workers if self._local else 1)
        except BaseException:
            self._ends.close()
            raise

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the cluster; end one that was started for this."""
        self._ends.close()

    def look(self, folder: str, wanted: dict[str, str | None], note: str | None) -> dict[str, dict[str, Any]]:
        """Return what each worker says to :func:`gru_lower.batching.cluster.on_worker.look`.

        Raises:
            Unsupported: It cannot be asked: gru-lower is not installed there.

        """
        found = self._client.run(on_worker.look, folder, wanted, note, on_error="return")
        for worker, answer in found.items():
            if isinstance(answer, BaseException):
                hint = "install the same gru-lower where the workers run"
                said = " ".join(str(answer).split()) or type(answer).__name__
                raise Unsupported(f"worker {worker}: cannot be used ({said})", code="GL952", hint=hint) from answer
        return dict(found)

    def at_once(self) -> dict[str, int]:
        """Return how many models run at once on each machine."""
        found: dict[str, int] = {}
        for about in self._client.scheduler_info(n_workers=-1)["workers"].values():
            found[about["host"]] = found.get(about["host"], 0) + about["nthreads"]
        return found

    def run(self, jobs: Iterable[Job], begin: Callable[[Job], None]) -> Iterator[tuple[Job, Outcome]]:
        """Run jobs, in any order.

        Raises:
            SchedulerLostError: The scheduler is gone; what was yielded before is all there is.

        """
        left = iter(jobs)
        under_way: dict[str, tuple[Job, Any]] = {}
        done: queue.SimpleQueue[str] = queue.SimpleQueue()
        try:
            while True:
                while len(under_way) < self._places():
                    job = next(left, None)
                    if job is None:
                        break
                    begin(job)
                    self._submit(job, 0, under_way, done)
                if not under_way:
                    return
                with suppress(queue.Empty):
                    finished = self._taken(done.get(timeout=TURN), under_way, done)
                    if finished is not None:
                        yield finished
                self._look_after(under_way)
        finally:
            self._cancel([future for _, future in under_way.values()])

    def _submit(self, job: Job, again: int, under_way: dict[str, Any], done: queue.SimpleQueue[str]) -> None:
        key = f"gru-lower-{self._name}-{job.number}-{again}"
        future = self._client.submit(on_worker.run, job.to_dict(), self._name, key=key, pure=False, retries=0)
        self._watch(key, job, future, under_way, done)

    def _watch(self, key: str, job: Job, future: Any, under_way: dict[str, Any], done: queue.SimpleQueue[str]) -> None:  # noqa: ANN401 - Dask's
        under_way[key] = (job, future)
        future.add_done_callback(lambda _: done.put(key))

    def _taken(
        self, key: str, under_way: dict[str, tuple[Job, Any]], done: queue.SimpleQueue[str]
    ) -> tuple[Job, Outcome] | None:
        """Take what is done; what Dask has given up with fewer attempts than a job has is handed out again."""
        killed_worker = optional("distributed.scheduler").KilledWorker
        job, future = under_way.pop(key)
        try:
            return job, Outcome.from_json(future.result(timeout=SECONDS_FOR_A_RESULT))
        except killed_worker:  # Dask blames what waits on a worker, too
            begun = sum(
                number == job.number for _, number in self._client.get_events(on_worker.topic_of(job, self._name))
            )
            if begun >= on_worker.MOST_ATTEMPTS:
                return job, on_worker.lost(job, begun)
            self._submit(job, int(key.rpartition("-")[2]) + 1, under_way, done)
            return None
        except TimeoutError:  # its worker was lost before the result was taken: Dask does it again
            self._watch(key, job, future, under_way, done)
            return None
        except Exception as error:
            under_way[key] = (job, future)
            self._look_after(under_way)
            raise Unsupported(
                f"{job.model}: the worker cannot run it ({type(error).__name__}: {error})",
                code="GL952",
                hint="install the same gru-lower where the workers run",
            ) from error

    def _look_after(self, under_way: dict[str, tuple[Job, Any]]) -> None:
        """Notice that the scheduler is lost, and replace workers of our own that are.

        Raises:
            SchedulerLostError: The scheduler is lost.

        """
        if self._client.status != "running" or any(future.cancelled() for _, future in under_way.values()):
            raise SchedulerLostError(
                "the scheduler was lost", code="GL954", hint="start it, and run the same command again: it resumes"
            )
        if self._local is not None:
            self._local.tend()

    def _places(self) -> int:
        """Return how many jobs are handed out at once: what keeps every thread busy, and no more."""
        now = time.monotonic()
        if now >= self._count_again:
            self._threads = sum(self._client.nthreads().values()) if self._client.status == "running" else 0
            self._count_again = now + 4 * TURN
        return 2 * max(self._threads, 1)

    _threads = 1
    _count_again = 0.0

    def _wait_for_workers(self, count: int) -> None:
        until = time.monotonic() + SECONDS_FOR_WORKERS
        while len(self._client.nthreads()) < count:
            if time.monotonic() > until:
                hint = "start one: dask worker ADDRESS"
                raise Unsupported(
                    f"{self._client.scheduler.address}: has no worker",
                    code="GL953",
                    hint=hint,
                )
            if self._local is not None:
                self._local.tend()
            time.sleep(0.05)

    def _cancel(self, futures: list[Any]) -> None:
        if futures and self._client.status == "running":
            with suppress(Exception):  # the scheduler may go at any time
                self._client.cancel(futures, force=True)

    def _close_client(self) -> None:
        with suppress(Exception):  # nothing depends on a farewell
            self._client.close(timeout=5)


def _connected(client: Any, address: str) -> Any:  # noqa: ANN401 - Dask is not imported for its types
    import logging

    for name in ("distributed.client", "distributed.core", "distributed.comm"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what is lost is said in our own words
    try:
        # A client that was never connected would wait for its end.
        optional("distributed.comm").resolve_address(address)
        return client(address, timeout=SECONDS_TO_CONNECT, set_as_default=False)
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        hint = "check the address: dask scheduler prints it, like tcp://10.0.0.1:8786"
        raise Unsupported(f"{address}: no scheduler answers ({said})", code="GL953", hint=hint) from error
