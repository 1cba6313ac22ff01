"""The process in which models run: ``python -P -m gru_lower.verification.worker.server BYTES [ahead]``.

The parent drives it through :class:`gru_lower.verification.worker.client.Worker`; how it is asked, and when it ends,
says :mod:`gru_lower.verification.worker.serving`.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from gru_lower.verification.worker.serving import Answer, Service, serve
from gru_lower.verification.worker.timing import in_turn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.worker.frames import Frame
    from gru_lower.verification.worker.onnxruntime_session import OnnxruntimeSession


class Engine(Protocol):
    """A loaded model."""

    def run(self, feeds: Feeds, outputs: Sequence[str] | None) -> Feeds:
        """Run once; `outputs` None gives all."""
        ...


class Models(Service):
    """Loads and runs models."""

    def __init__(self) -> None:
        """Hold none."""
        self._engines: dict[int, Engine] = {}

    def answer(self, frame: Frame) -> Answer:
        """Do what is asked."""
        request: dict[str, Any] = frame.header
        engines, handle = self._engines, request.get("handle", 0)
        match request["command"]:
            case "load":
                engines[handle] = _load(request, frame.blob)
            case "run":
                return Answer(arrays=engines[handle].run(frame.arrays, request["outputs"]))
            case "time":
                timed = [cast("OnnxruntimeSession", engines[each]) for each in request["handles"]]
                calls = [each.prepared(frame.arrays) for each in timed]
                return Answer(arrays={"seconds": in_turn(calls, **request["how"])})
            case "unload":
                engines.pop(handle, None)
            case "providers":
                from gru_lower.verification.worker.onnxruntime_session import available_providers

                return Answer(arrays={"providers": np.array(available_providers(), dtype=object)})
        return Answer()

    def make_ready(self) -> None:
        """Load onnxruntime; where that fails, whoever loads a model is told."""
        with suppress(Exception):
            from gru_lower.verification.worker import onnxruntime_session  # noqa: F401

    def rest(self) -> None:
        """Forget every model."""
        self._engines.clear()


def _load(request: dict[str, Any], model: bytes) -> Engine:
    if request["runtime"] == "onnxruntime":
        from gru_lower.verification.worker.onnxruntime_session import OnnxruntimeSession

        return OnnxruntimeSession(model, request["base_dir"], request["threads"], request["providers"])
    from gru_lower.verification.worker.reference_evaluator import Reference

    return Reference(model, request["base_dir"])


if __name__ == "__main__":
    serve(Models(), int(sys.argv[1]), ahead=len(sys.argv) > 2)
