"""The process in which models run: ``python -P -m gru_lower.verification.worker.server BYTES``.

The parent drives it through :class:`gru_lower.verification.worker.client.Worker`. It answers one frame per frame, on
private copies of stdin and stdout: what native code prints goes to stderr and cannot break the protocol. It ends when
its stdin does, even in the middle of a run, so it never outlives its parent. BYTES limits its data (0: no limit).
Between two uses it rests, without a model, and ends when nobody asks for a minute.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from gru_lower.isolation.memory_limit import free_memory, held_data, limit_memory
from gru_lower.verification.worker.frames import Frame, read_frame, write_frame
from gru_lower.verification.worker.timing import in_turn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import BufferedReader, BufferedWriter

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.worker.onnxruntime_session import OnnxruntimeSession
    from gru_lower.verification.worker.run_failure import FailureKind


SECONDS_OF_REST = 60.0


class Engine(Protocol):
    """A loaded model."""

    def run(self, feeds: Feeds, outputs: Sequence[str] | None) -> Feeds:
        """Run once; `outputs` None gives all."""
        ...


def main(memory: int) -> None:
    """Serve until the parent closes stdin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what ends
    requests, replies = _take_streams()
    limit_memory(memory)
    inbox: queue.SimpleQueue[Frame] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(requests, inbox), daemon=True).start()
    engines: dict[int, Engine] = {}
    write_frame(replies, {"ok": True})
    resting = False
    while True:
        try:
            frame = inbox.get(timeout=SECONDS_OF_REST if resting else None)
        except queue.Empty:
            os._exit(0)
        resting = frame.header["command"] == "rest"
        try:
            arrays = _answer(frame, engines)
            write_frame(replies, {"ok": True, "data": held_data() if resting else 0}, arrays)
        except Exception as error:  # noqa: BLE001 - whatever a runtime raises is the answer; its types have no base
            write_frame(replies, {"ok": False, "kind": _kind(error), "message": _one_line(error)})
        del frame  # or a large feed would stay until the next one has arrived


def _take_streams() -> tuple[BufferedReader, BufferedWriter]:
    """Return private copies of stdin and stdout, and point the public ones at nothing and at stderr."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return requests, replies


def _receive(requests: BufferedReader, inbox: queue.SimpleQueue[Frame]) -> None:
    """Put frames into the inbox, and end the process when the stream ends, even while a runtime computes."""
    status = 1
    try:
        while True:
            inbox.put(read_frame(requests))
    except EOFError:
        status = 0
    except MemoryError:
        sys.stderr.write("MemoryError: the inputs or the model exceed the worker's memory\n")
    finally:
        sys.stderr.flush()
        os._exit(status)


def _answer(frame: Frame, engines: dict[int, Engine]) -> Feeds:
    request: dict[str, Any] = frame.header
    handle = request.get("handle", 0)
    match request["command"]:
        case "load":
            engines[handle] = _load(request, frame.blob)
        case "run":
            return engines[handle].run(frame.arrays, request["outputs"])
        case "time":
            calls = [cast("OnnxruntimeSession", engines[each]).prepared(frame.arrays) for each in request["handles"]]
            return {"seconds": in_turn(calls, **request["how"])}
        case "rest":
            engines.clear()
            free_memory()
            os.chdir(Path(sys.executable).anchor)  # a folder that is a process's own cannot be removed everywhere
        case "begin":
            limit_memory(request["memory"])
            if request["folder"] is not None:
                os.chdir(request["folder"])
        case "unload":
            engines.pop(handle, None)
        case "providers":
            from gru_lower.verification.worker.onnxruntime_session import available_providers

            return {"providers": np.array(available_providers(), dtype=object)}
    return {}


def _load(request: dict[str, Any], model: bytes) -> Engine:
    if request["runtime"] == "onnxruntime":
        from gru_lower.verification.worker.onnxruntime_session import OnnxruntimeSession

        return OnnxruntimeSession(model, request["base_dir"], request["threads"], request["providers"])
    from gru_lower.verification.worker.reference_evaluator import Reference

    return Reference(model, request["base_dir"])


def _kind(error: Exception) -> FailureKind:
    signs = ("bad_alloc", "bad allocation", "Failed to allocate memory", "Unable to allocate")
    return "memory" if isinstance(error, MemoryError) or any(sign in str(error) for sign in signs) else "error"


def _one_line(error: Exception) -> str:
    """Return the error's text without line breaks and without onnxruntime's prefix and build paths."""
    text = " ".join(str(error).split())
    if text.startswith("[ONNXRuntimeError]"):
        text = text.split(" : ", 3)[-1]
        text = " ".join(word for word in text.split() if not word.startswith("/onnxruntime_src/"))
    return text.rstrip(".") or type(error).__name__


if __name__ == "__main__":
    main(int(sys.argv[1]))
