"""The parent's end of the worker: load and run models in a process that may crash, hang or run out of memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader, BufferedWriter
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self, cast

import onnx

from gru_lower.errors import GruLowerError
from gru_lower.verify.result import Array, Feeds
from gru_lower.verify.wire import Frame, read_frame, write_frame

Runtime = Literal["onnxruntime", "reference"]
Kind = Literal["error", "crash", "timeout", "memory"]

_LONGEST_MESSAGE = 300


class RunFailure(GruLowerError):  # noqa: N818 - reads as a finding, like the other public names
    """A model could not be loaded or run.

    Attributes:
        kind: "error" if the runtime said no, "crash" if the process died, "timeout", or "memory".

    """

    def __init__(self, kind: Kind, message: str) -> None:
        """Keep one line of the message, of bearable length."""
        line = " ".join(message.split())
        super().__init__(line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 1] + "…")
        self.kind: Kind = kind


@dataclass(frozen=True)
class _Loaded:
    """What it takes to load a model again, after a crash."""

    model: bytes
    header: dict[str, Any]


class _Process:
    """One worker process, its streams, and the handles it holds."""

    def __init__(self, memory: int) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        command = [sys.executable, "-P", "-m", "gru_lower.verify.worker", str(memory)]
        self.popen = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, env=_environment()
        )
        self.stdin = cast("BufferedWriter", self.popen.stdin)
        self.stdout = cast("BufferedReader", self.popen.stdout)
        self.handles: set[int] = set()
        self.end = weakref.finalize(self, _end, self.popen, self.errors)  # runs at interpreter exit too

    def last_words(self) -> str:
        """Return the last line on stderr."""
        self.errors.seek(0, os.SEEK_END)
        self.errors.seek(max(0, self.errors.tell() - 4096))
        lines = self.errors.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


class Worker:
    """Runs models in a subprocess, started when first needed and started again after it had to be killed.

    Handles stay valid across a restart: their models are loaded again when next run. One thread at a time.

    Args:
        timeout: Seconds for one load or one run, a restart included.
        memory: Bytes of data the process may hold; about 80 % of the machine's or the container's if None.

    """

    def __init__(self, *, timeout: float = 60.0, memory: int | None = None) -> None:
        """Start nothing yet."""
        self.timeout = timeout
        self._memory = default_memory() if memory is None else memory
        self._process: _Process | None = None
        self._loaded: dict[int, _Loaded] = {}
        self._last_handle = 0

    def __enter__(self) -> Self:
        """Return the worker itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the process."""
        self.close()

    def load(
        self, model: onnx.ModelProto | bytes, base_dir: Path | None = None, runtime: Runtime = "onnxruntime"
    ) -> int:
        """Load a model and return its handle.

        Args:
            model: The model, or its serialisation.
            base_dir: The folder its external data lies in.
            runtime: Where to run it.

        Raises:
            RunFailure: The runtime refuses the model, or the process did not survive it.

        """
        try:
            raw = model if isinstance(model, bytes) else model.SerializeToString()
        except Exception as error:  # protobuf's own types differ between its versions
            raise RunFailure("error", f"the model cannot be serialised: {error}") from error
        self._last_handle += 1
        folder = None if base_dir is None else str(Path(base_dir).absolute())
        loaded = _Loaded(raw, {"command": "load", "runtime": runtime, "base_dir": folder, "handle": self._last_handle})
        self._exchange(loaded.header, blob=raw)
        self._living().handles.add(self._last_handle)
        self._loaded[self._last_handle] = loaded
        return self._last_handle

    def run(
        self, handle: int, feeds: Mapping[str, Array], outputs: Sequence[str] | None = None, timeout: float | None = None
    ) -> Feeds:
        """Run a loaded model once.

        Args:
            handle: From `load`.
            feeds: Input name -> array, of the model's own element types.
            outputs: Which outputs; all if None.
            timeout: Seconds, instead of the worker's.

        Raises:
            RunFailure: The run failed; the next call works again.

        """
        process = self._living()
        if handle not in process.handles:
            self._exchange(self._loaded[handle].header, blob=self._loaded[handle].model)
            process.handles.add(handle)
        header = {"command": "run", "handle": handle, "outputs": None if outputs is None else list(outputs)}
        return self._exchange(header, feeds, timeout=timeout).arrays

    def unload(self, handle: int) -> None:
        """Forget a model; unknown handles are none of its business."""
        self._loaded.pop(handle, None)
        if self._process is not None and handle in self._process.handles:
            self._process.handles.discard(handle)
            self._exchange({"command": "unload", "handle": handle})

    def close(self) -> None:
        """End the process, if there is one. The worker may be used again."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def _living(self) -> _Process:
        if self._process is not None and self._process.popen.poll() is not None:
            self.close()
        if self._process is None:
            try:
                self._process = _Process(self._memory)
            except OSError as error:
                raise RunFailure("crash", f"the worker process cannot be started: {error}") from error
            self._guarded(lambda process: read_frame(process.stdout), self.timeout)
        return self._process

    def _exchange(
        self, header: Mapping[str, Any], feeds: Mapping[str, Array] | None = None, *, blob: bytes = b"", timeout: float | None = None
    ) -> Frame:
        """Send one frame and return the answer."""
        self._living()

        def ask(process: _Process) -> Frame:
            write_frame(process.stdin, header, feeds, blob)
            return read_frame(process.stdout)

        reply = self._guarded(ask, self.timeout if timeout is None else timeout)
        if not reply.header["ok"]:
            raise RunFailure(reply.header["kind"], reply.header["message"])
        return reply

    def _guarded(self, talk: Callable[[_Process], Frame], timeout: float) -> Frame:
        """Talk to the process, and end it if that takes too long, fails or is interrupted."""
        process = cast("_Process", self._process)
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            process.popen.kill()

        timer = threading.Timer(timeout, expire)
        timer.daemon = True
        timer.start()
        try:
            return talk(process)
        except (EOFError, OSError) as error:
            failure = RunFailure("timeout", f"no answer within {timeout:g} s") if expired.is_set() else _death(process)
            self.close()
            raise failure from error
        except BaseException:  # KeyboardInterrupt, say: an answer may still be under way that nobody waits for
            self.close()
            raise
        finally:
            timer.cancel()
            timer.join()
            if expired.is_set():
                self.close()


def default_memory() -> int:
    """Return 80 % of the bytes of memory the machine, or the container, has; 0 (no limit) where it cannot be told."""
    try:
        sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return 0
    for limit in (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")):
        with suppress(OSError, ValueError):  # no such group, or "max"
            sizes.append(int(limit.read_text()))
    return min(sizes) * 4 // 5


def _death(process: _Process) -> RunFailure:
    """Return the failure that explains why the process is gone."""
    try:
        status = process.popen.wait(timeout=5)
    except subprocess.TimeoutExpired:
        return RunFailure("crash", "the process stopped answering")
    words = process.last_words()
    if any(sign in words for sign in ("bad_alloc", "MemoryError", "Cannot allocate memory")):
        return RunFailure("memory", f"out of memory: {words}")
    if os.name == "posix" and status == -signal.SIGKILL:
        return RunFailure("memory", "the system killed the process, most likely for lack of memory")
    known = os.name == "posix" and -status in set(signal.Signals)
    how = signal.Signals(-status).name if known else f"exit status {status}"
    return RunFailure("crash", f"the process died ({how}){': ' if words else ''}{words}")


def _end(popen: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
    """Kill the process, leave no zombie and close what was open. At interpreter exit `_Process` is beyond reach."""
    popen.kill()
    popen.wait()
    for stream in (popen.stdin, popen.stdout, errors):
        if stream is not None:
            with suppress(BrokenPipeError):  # what was not sent cannot be sent any more
                stream.close()


def _environment() -> dict[str, str]:
    """Return an environment in which a new interpreter imports exactly what this one does, from any folder."""
    root = str(Path(__file__).absolute().parents[2])
    paths = [str(Path(entry).absolute()) for entry in sys.path if entry]
    if root not in paths:
        paths.insert(0, root)
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return os.environ | one_thread | {"PYTHONPATH": os.pathsep.join(paths)}
