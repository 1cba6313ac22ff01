"""The process in which models run: ``python -P -m gru_lower.verification.worker.server BYTES [ahead]``.

The parent drives it through :class:`gru_lower.verification.worker.client.Worker`; how it is asked, and when it ends,
says :mod:`gru_lower.verification.worker.serving`. What has a number is done ahead, and answered by that number as soon
as it is done.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from gru_lower.verification.worker.asked_ahead import FILE
from gru_lower.verification.worker.frames import Frame
from gru_lower.verification.worker.serving import Answer, Service, serve
from gru_lower.verification.worker.timing import in_turn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.worker.asked_ahead import FileAhead
    from gru_lower.verification.worker.onnxruntime_session import OnnxruntimeSession
    from gru_lower.verification.worker.serving import Reply


AT_ONCE = 2
"""How many pieces of work are under way at once that were asked ahead: as many as a small machine has cores."""


class Engine(Protocol):
    """A loaded model."""

    def run(self, feeds: Feeds, outputs: Sequence[str] | None) -> Feeds:
        """Run once; `outputs` None gives all."""
        ...


class Models(Service):
    """Loads and runs models.

    Args:
        file: A model to load without being asked to; it is kept until it is unloaded.

    """

    def __init__(self, file: FileAhead | None = None) -> None:
        """Hold none."""
        self._file = file
        self._engines: dict[int, Engine] = {}
        self._loading: dict[int, Future[None]] = {}
        self._begun: list[Future[None]] = []
        self._work = ThreadPoolExecutor(AT_ONCE)  # whose threads start with the first piece of work

    def begin(self, frame: Frame, reply: Reply) -> None:
        """Do what is asked ahead."""
        begun = self._work.submit(reply, frame)
        self._begun = [*(each for each in self._begun if not each.done()), begun]
        if frame.header["command"] == "load":
            self._loading[frame.header["handle"]] = begun

    def answer(self, frame: Frame) -> Answer:
        """Do what is asked."""
        request: dict[str, Any] = frame.header
        handle = request.get("handle", 0)
        match request["command"]:
            case "load":
                self._engines[handle] = _load(request, frame.blob)
            case "run":
                engine, start = self._engine(handle), time.perf_counter()
                arrays = engine.run(frame.arrays, request["outputs"])
                return Answer({"seconds": time.perf_counter() - start}, arrays)
            case "time":
                wait(self._begun)
                timed = [cast("OnnxruntimeSession", self._engines[each]) for each in request["handles"]]
                calls = [each.prepared(frame.arrays) for each in timed]
                return Answer(arrays={"seconds": in_turn(calls, **request["how"])})
            case "unload":
                self._engines.pop(handle, None)
                self._loading.pop(handle, None)
            case "providers":
                from gru_lower.verification.worker.onnxruntime_session import available_providers

                return Answer(arrays={"providers": np.array(available_providers(), dtype=object)})
        return Answer()

    def _engine(self, handle: int) -> Engine:
        """Return a model that is loaded, or is being loaded."""
        if handle not in self._engines:
            self._loading[handle].result()
        if handle not in self._engines:
            msg = "the model could not be loaded"
            raise RuntimeError(msg)
        return self._engines[handle]

    def make_ready(self, reply: Reply) -> None:
        """Load onnxruntime, and begin to load the first model; where that fails, whoever loads a model is told."""
        with suppress(Exception):
            from gru_lower.verification.worker import onnxruntime_session  # noqa: F401
        if self._file is not None:
            frame, self._file = Frame(self._file.header, {}, self._file.model), None
            self.begin(frame, reply)

    def rest(self, *, keeps_file: bool) -> None:
        """Forget every model, but for that of the file if somebody will want it."""
        wait(self._begun)
        for handle in self._engines.keys() - ({FILE} if keeps_file else set()):
            del self._engines[handle]


def _load(request: dict[str, Any], model: bytes) -> Engine:
    if request["runtime"] == "onnxruntime":
        from gru_lower.verification.worker.onnxruntime_session import OnnxruntimeSession

        return OnnxruntimeSession(model, request["base_dir"], request["threads"], request["providers"])
    from gru_lower.verification.worker.reference_evaluator import Reference

    return Reference(model, request["base_dir"])


if __name__ == "__main__":
    serve(Models(), int(sys.argv[1]), ahead=len(sys.argv) > 2)
