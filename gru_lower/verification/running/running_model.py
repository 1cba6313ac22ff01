"""Run one model of a pair in a worker, in one runtime or the other."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gru_lower.verification.worker.run_failure import RunFailure

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    import onnx

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.worker.client import Worker
    from gru_lower.verification.worker.runtimes import Runtime


class RunningModel:
    """A model in a worker, loaded into one runtime at a time; leaving the context unloads it.

    Attributes:
        worker: Where it runs.
        model: The model.
        base_dir: The folder of its external data.
        runtime: What it was last loaded into.
        slowest: Seconds its longest run took.

    """

    def __init__(self, worker: Worker, model: onnx.ModelProto, base_dir: Path | None) -> None:
        """Load nothing yet."""
        self.worker = worker
        self.runtime: Runtime | None = None
        self.slowest = 0.0
        self.model = model
        self.base_dir = base_dir
        self._handle = 0
        self._refused: dict[Runtime, RunFailure] = {}

    def __enter__(self) -> Self:
        """Return the model itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unload the model."""
        self._unload()

    def run(self, runtime: Runtime, feeds: Feeds) -> Feeds:
        """Run once in a runtime, loading the model into it first if need be.

        Raises:
            RunFailure: The load or the run failed.

        """
        if runtime in self._refused:
            raise self._refused[runtime]
        if self.runtime != runtime:
            self._unload()
            self._handle = self._load(runtime)
            self.runtime = runtime
        started = time.monotonic()
        try:
            outputs = self.worker.run(self._handle, feeds)
        except RunFailure as failure:
            if failure.kind == "timeout":
                self._refused[runtime] = failure  # other inputs would wait as long again
            raise
        self.slowest = max(self.slowest, time.monotonic() - started)
        return outputs

    def loads(self, runtime: Runtime) -> bool:
        """Whether a runtime has not refused the model, as far as it was tried."""
        return runtime not in self._refused

    def _load(self, runtime: Runtime) -> int:
        try:
            return self.worker.load(self.model, self.base_dir, runtime)
        except RunFailure as failure:
            self._refused[runtime] = failure  # it would be again, and may have taken long to say so
            raise

    def _unload(self) -> None:
        if self.runtime is not None:
            self.runtime = None
            self.worker.unload(self._handle)
