"""Run one model of a pair in a worker, in one runtime or the other."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from gru_lower.graph.external_data import size_elsewhere
from gru_lower.verification.running.guard_grus import guard_grus
from gru_lower.verification.worker.asked_ahead import may_have_data_elsewhere
from gru_lower.verification.worker.client import MOST_AHEAD
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
    """A model in a worker, loaded into a runtime when it is first run there; leaving the context unloads it.

    Args:
        worker: Where it runs.
        model: The model.
        base_dir: The folder of its external data.
        raw: Its serialisation, where somebody has it.

    Attributes:
        worker: Where it runs.
        model: The model.
        base_dir: The folder of its external data.
        runtime: What it was last loaded into.
        slowest: Seconds its longest run took.
        fastest: Seconds its shortest run took; 0 before the first.

    """

    def __init__(self, worker: Worker, model: onnx.ModelProto, base_dir: Path | None, raw: bytes = b"") -> None:
        """Load nothing yet."""
        self.worker = worker
        self.model = model
        self.base_dir = base_dir
        self.runtime: Runtime | None = None
        self.slowest = 0.0
        self.fastest = 0.0
        self._handles: dict[Runtime, int] = {}
        self._refused: dict[Runtime, RunFailure] = {}
        self._read = raw
        self._raw = b""  # once it is being loaded ahead
        self._ahead: int | None = None
        self._settled: dict[int, tuple[Feeds, Feeds | RunFailure]] = {}  # by the inputs' identity

    def __enter__(self) -> Self:
        """Return the model itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unload the model."""
        for handle in self._handles.values():
            self.worker.unload(handle)
        self._handles.clear()
        self.runtime = None
        guarded = self.__dict__.pop("guarded", None)
        if guarded is not None:
            guarded.__exit__(kind, error, trace)

    @cached_property
    def guarded(self) -> RunningModel | None:
        """The model with an If that keeps what is empty from its GRUs, which is unloaded with it; ``None`` if none can.

        See :mod:`gru_lower.verification.running.guard_grus`.
        """
        found = guard_grus(self.model)
        return None if found is None else RunningModel(self.worker, found, self.base_dir)

    def load_ahead(self) -> bool:
        """Begin to load it into onnxruntime, where it is likely to run; return whether that is done."""
        if self._ahead is not None:
            return True
        if not self.worker.is_ahead:
            return False
        try:
            raw = self._read or self.model.SerializeToString()
        except Exception:  # noqa: BLE001 - above 2 GiB; which type protobuf raises depends on its version
            return False
        if may_have_data_elsewhere(raw) and len(raw) + size_elsewhere(self.model) > MOST_AHEAD:
            return False
        self._ahead = self.worker.load_ahead(raw, self.base_dir)
        self._raw = b"" if self._ahead is None else raw
        return self._ahead is not None

    @property
    def size(self) -> int:
        """Bytes of its serialisation, where that is held to load it from."""
        return len(self._raw)

    @property
    def is_ahead(self) -> bool:
        """Whether it was begun to load it, and runs can be begun as well."""
        return self._ahead is not None

    def run_ahead(self, feeds: Feeds, *, at_once: bool = False) -> None:
        """Begin to run it in onnxruntime on inputs that are likely to be run next, if it is being loaded there.

        Args:
            feeds: The inputs; not changed, and the same mapping is handed to `run`.
            at_once: Whether to begin now, else with what is asked of the worker next.

        """
        if self._ahead is not None:
            self.worker.run_ahead(self._handles.get("onnxruntime", self._ahead), feeds, at_once=at_once)

    def has_run_ahead(self, feeds: Feeds) -> bool:
        """Whether what comes of a run that was begun ahead is there already.

        Args:
            feeds: The inputs.

        """
        handle = self._handles.get("onnxruntime", self._ahead)
        return handle is not None and self.worker.has_run_ahead(handle, feeds)

    def settles(self, feeds: Feeds) -> bool:
        """Wait for what comes of a run that was begun ahead; return whether it is outputs, which `run` then hands out.

        Args:
            feeds: The inputs; not changed, and the same mapping is handed to `run`.

        """
        try:
            found: Feeds | RunFailure = self.run("onnxruntime", feeds)
        except RunFailure as failure:
            found = failure
        self._settled[id(feeds)] = (feeds, found)
        return not isinstance(found, RunFailure)

    def run(self, runtime: Runtime, feeds: Feeds) -> Feeds:
        """Run once in a runtime, loading the model into it first if need be.

        Raises:
            RunFailure: The load or the run failed.

        """
        if runtime == "onnxruntime" and id(feeds) in self._settled:
            _, found = self._settled.pop(id(feeds))
            if isinstance(found, RunFailure):
                raise found
            return found
        if runtime in self._refused:
            raise self._refused[runtime]
        if runtime not in self._handles:
            self._handles[runtime] = self._load(runtime)
        self.runtime = runtime
        try:
            outputs = self.worker.run(self._handles[runtime], feeds)
        except RunFailure as failure:
            if failure.kind == "timeout":
                self._refused[runtime] = failure  # other inputs would wait as long again
            raise
        taken = self.worker.seconds
        self.slowest, self.fastest = max(self.slowest, taken), min(self.fastest or taken, taken)
        return outputs

    def loads(self, runtime: Runtime) -> bool:
        """Whether a runtime has not refused the model, as far as it was tried."""
        return runtime not in self._refused

    def _load(self, runtime: Runtime) -> int:
        try:
            return self.worker.load(self._raw or self.model, self.base_dir, runtime)
        except RunFailure as failure:
            self._refused[runtime] = failure  # it would be again, and may have taken long to say so
            raise
