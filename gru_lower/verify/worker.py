"""The process in which models run: ``python -P -m gru_lower.verify.worker BYTES``, driven by ``runtime.Worker``.

It answers one frame per frame, on private copies of stdin and stdout: what native code prints goes to stderr and
cannot break the protocol. It ends when its stdin does, even in the middle of a run, so it never outlives its parent.
BYTES limits its data (0: no limit).
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from io import BufferedReader, BufferedWriter
from typing import Any

from gru_lower.verify.engines import ENGINES, Engine
from gru_lower.verify.result import Feeds
from gru_lower.verify.wire import Frame, read_frame, write_frame


def main(memory: int) -> None:
    """Serve until the parent closes stdin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what ends
    requests, replies = _take_streams()
    limit_memory(memory)
    inbox: queue.SimpleQueue[Frame] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(requests, inbox), daemon=True).start()
    engines: dict[int, Engine] = {}
    write_frame(replies, {"ok": True})
    while True:
        frame = inbox.get()
        try:
            write_frame(replies, {"ok": True}, _answer(frame, engines))
        except Exception as error:  # noqa: BLE001 - whatever a runtime raises is the answer; its types have no base
            write_frame(replies, {"ok": False, "kind": _kind(error), "message": _one_line(error)})
        del frame  # or a large feed would stay until the next one has arrived


def limit_memory(limit: int) -> None:
    """Limit this process's data to `limit` bytes where the platform can, and forbid core files.

    RLIMIT_DATA, not RLIMIT_AS: mapped libraries and weight files are no danger and would count.
    """
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if limit and (hard == resource.RLIM_INFINITY or limit < hard):
        try:
            resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
        except (ValueError, OSError) as error:
            print(f"no memory limit: {error}", file=sys.stderr)  # noqa: T201 - the parent keeps this stream


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
    """Pass frames on, and end the process with the stream: runtimes let this thread run while they compute."""
    status = 1
    try:
        while True:
            inbox.put(read_frame(requests))
    except EOFError:
        status = 0
    except MemoryError:
        print("MemoryError: the inputs or the model exceed the worker's memory", file=sys.stderr)  # noqa: T201
    finally:
        os._exit(status)


def _answer(frame: Frame, engines: dict[int, Engine]) -> Feeds:
    request: dict[str, Any] = frame.header
    handle = request["handle"]
    match request["command"]:
        case "load":
            engines[handle] = ENGINES[request["runtime"]](frame.blob, request["base_dir"])
        case "run":
            return engines[handle].run(frame.arrays, request["outputs"])
        case "unload":
            engines.pop(handle, None)
    return {}


def _kind(error: Exception) -> str:
    signs = ("bad_alloc", "bad allocation", "Failed to allocate memory", "Unable to allocate")
    return "memory" if isinstance(error, MemoryError) or any(sign in str(error) for sign in signs) else "error"


def _one_line(error: Exception) -> str:
    """Return the error's text without line breaks and without onnxruntime's prefix and build paths."""
    text = " ".join(str(error).split())
    if text.startswith("[ONNXRuntimeError]"):
        text = text.split(" : ", 3)[-1]
        text = " ".join(word for word in text.split() if not word.startswith("/onnxruntime_src/"))
    return text or type(error).__name__


if __name__ == "__main__":
    main(int(sys.argv[1]))
