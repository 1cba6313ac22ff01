"""Answer frames one by one, in a process of its own, until the parent is gone or has no use for it.

It speaks on private copies of stdin and stdout: what native code prints goes to stderr and cannot break the protocol.
It ends when its stdin does, even in the middle of an answer, so it never outlives its parent. Between two uses it
rests, and ends when nobody asks for a minute.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from gru_lower.garbage_collection import collect_seldom
from gru_lower.isolation.memory_limit import free_memory, held_data, limit_memory
from gru_lower.light_dataclass import dataclass
from gru_lower.verification.worker.frames import Frame, read_frame, write_frame

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BufferedReader, BufferedWriter

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.worker.run_failure import FailureKind

    Reply = Callable[[Frame], None]

SECONDS_OF_REST = 60.0


@dataclass(frozen=True)
class Answer:
    """What is answered: words, numbers and lists of them, and arrays."""

    header: dict[str, Any] = field(default_factory=dict)
    arrays: Feeds = field(default_factory=dict)


class Service:
    """What answers."""

    def answer(self, frame: Frame) -> Answer:
        """Answer a frame; whatever is raised is the answer, too."""
        raise NotImplementedError

    def begin(self, frame: Frame, reply: Reply) -> None:
        """Have a frame answered, by `reply`, beside others: nobody waits for it yet."""
        raise NotImplementedError

    def make_ready(self, reply: Reply) -> None:
        """Load what will be needed, while nobody waits."""

    def rest(self, *, keeps_file: bool) -> None:
        """Forget what the use that is over has left, but for the model of the file if somebody will want it."""

    def end(self) -> None:
        """Clean up, in the middle of an answer."""


def serve(service: Service, memory: int, *, ahead: bool = False) -> NoReturn:
    """Serve until the parent closes stdin.

    Args:
        service: What answers, in the main thread.
        memory: Bytes of data the process may hold; 0 for no limit.
        ahead: Whether nobody waits for it yet.

    """
    collect_seldom()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what ends
    requests, replies = _take_streams()
    limit_memory(memory)
    inbox: queue.SimpleQueue[Frame] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(requests, inbox, service), daemon=True).start()
    write_frame(replies, {"ok": True})
    writing = threading.Lock()

    def reply(frame: Frame) -> None:
        number = {"number": frame.header["number"]} if "number" in frame.header else {}
        try:
            answer = _answer(service, frame)
            with writing:
                write_frame(replies, {"ok": True, **number, **answer.header}, answer.arrays)
        except Exception as error:  # noqa: BLE001 - whatever a runtime raises is the answer; its types have no base
            with writing:
                write_frame(replies, {"ok": False, **number, "kind": _kind(error), "message": _one_line(error)})

    if ahead:
        service.make_ready(reply)
    resting = False
    while True:
        try:
            frame = inbox.get(timeout=SECONDS_OF_REST if resting else None)
        except queue.Empty:
            os._exit(0)
        resting = frame.header["command"] == "rest"
        if "number" in frame.header:
            service.begin(frame, reply)
        else:
            reply(frame)
        del frame  # or a large feed would stay until the next one has arrived


def _answer(service: Service, frame: Frame) -> Answer:
    match frame.header["command"]:
        case "rest":
            service.rest(keeps_file=frame.header.get("keeps_file", False))
            free_memory()
            os.chdir(Path(sys.executable).anchor)  # a folder that is a process's own cannot be removed everywhere
            return Answer({"data": held_data()})
        case "begin":
            limit_memory(frame.header["memory"])
            if frame.header["folder"] is not None:
                os.chdir(frame.header["folder"])
            return Answer()
    return service.answer(frame)


def _take_streams() -> tuple[BufferedReader, BufferedWriter]:
    """Return private copies of stdin and stdout, and point the public ones at nothing and at stderr."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return requests, replies


def _receive(requests: BufferedReader, inbox: queue.SimpleQueue[Frame], service: Service) -> None:
    """Put frames into the inbox, and end the process when the stream ends, even while a runtime computes."""
    status = 1
    try:
        while True:
            inbox.put(read_frame(requests))
    except EOFError:
        status = 0
        service.end()
    except MemoryError:
        sys.stderr.write("MemoryError: the inputs or the model exceed the worker's memory\n")
    finally:
        sys.stderr.flush()
        os._exit(status)


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
