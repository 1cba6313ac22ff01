"""The process in which models run: ``python -P -m gru_lower.verification.worker.server BYTES``, driven by ``runtime.Worker``.

It answers one frame per frame, on private copies of stdin and stdout: what native code prints goes to stderr and
cannot break the protocol. It ends when its stdin does, even in the middle of a run, so it never outlives its parent.
BYTES limits its data (0: no limit).
"""

from __future__ import annotations

import ctypes
import os
import queue
import signal
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from gru_lower.verification.worker.frames import Frame, dtype_of, read_frame, write_frame
from gru_lower.verification.worker.timing import in_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from io import BufferedReader, BufferedWriter

    from gru_lower.verification.result import Array, Feeds

# onnxruntime's names of the tensor types that it cannot exchange as numpy arrays -> the dtype's name.
_RAW_TYPES = {
    "tensor(bfloat16)": "bfloat16",
    "tensor(float8e4m3fn)": "float8_e4m3fn",
    "tensor(float8e4m3fnuz)": "float8_e4m3fnuz",
    "tensor(float8e5m2)": "float8_e5m2",
    "tensor(float8e5m2fnuz)": "float8_e5m2fnuz",
}


class Engine(Protocol):
    """A loaded model."""

    def run(self, feeds: Feeds, outputs: Sequence[str] | None) -> Feeds:
        """Run once; `outputs` None gives all."""
        ...


class OnnxRuntime:
    """A session of onnxruntime, on its CPU unless other providers are named; its one thread makes results repeat."""

    def __init__(
        self, model: bytes, base_dir: str | None, threads: int | None = None, providers: Sequence[str] = ()
    ) -> None:
        """Build the session; external data is looked for in `base_dir`. `threads` (0: all) sets it up for speed."""
        import onnxruntime

        onnxruntime.disable_telemetry_events()  # where the environment variable is not heeded: on Windows
        fatal_only = 4
        onnxruntime.set_default_logger_severity(fatal_only)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1 if threads is None else threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = threads is not None
        options.add_session_config_entry("session.force_spinning_stop", "1")  # idle threads would slow the next session
        options.log_severity_level = fatal_only
        if base_dir is not None:
            options.add_session_config_entry("session.model_external_initializers_file_folder_path", base_dir)
        self._ort = onnxruntime
        wanted = list(providers) or ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(model, options, providers=wanted)
        lost = [name for name in wanted if name not in self._session.get_providers()]
        if lost:  # onnxruntime goes on without one that does not start
            msg = f"{lost[0]} is there, but does not start"
            raise RuntimeError(msg)
        self._types = {output.name: output.type for output in self._session.get_outputs()}

    def run(self, feeds: Feeds, outputs: Sequence[str] | None) -> Feeds:
        """Run once, through numpy where every type allows it."""
        names = list(self._types) if outputs is None else list(outputs)
        raw_in = any(array.dtype.name in _RAW_TYPES.values() for array in feeds.values())
        if not raw_in and not any(self._types.get(name) in _RAW_TYPES for name in names):
            values: Any = self._session.run(names, feeds)
            return dict(zip(names, values, strict=True))
        return self._run_raw(feeds, names)

    def prepared(self, feeds: Feeds) -> Callable[[], object]:
        """Return what runs the model once, with nothing around it that would be timed too."""
        raw = any(array.dtype.name in _RAW_TYPES.values() for array in feeds.values())
        if raw or any(kind in _RAW_TYPES for kind in self._types.values()):
            return partial(self._run_raw, feeds, list(self._types))
        return partial(self._session.run, None, feeds)

    def _run_raw(self, feeds: Feeds, names: list[str]) -> Feeds:
        binding = self._session.io_binding()
        kept = []  # onnxruntime reads these buffers, it does not copy them
        for name, array in feeds.items():
            if array.dtype.name in _RAW_TYPES.values():
                from onnx.helper import np_dtype_to_tensor_dtype

                raw = np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")
                elem_type = int(np_dtype_to_tensor_dtype(array.dtype))
                value = self._ort.OrtValue.ortvalue_from_numpy_with_onnx_type(raw, elem_type)
                kept.append((raw, value))
                binding.bind_ortvalue_input(name, value)
            else:
                binding.bind_cpu_input(name, np.ascontiguousarray(array))
        for name in names:
            binding.bind_output(name)
        self._session.run_with_iobinding(binding)
        return {name: _array(value) for name, value in zip(names, binding.get_outputs(), strict=True)}


def _array(value: Any) -> Array:  # noqa: ANN401 - onnxruntime's OrtValue, which has no types
    if value.data_type() not in _RAW_TYPES:
        plain: Array = value.numpy()
        return plain
    dtype, shape = dtype_of(_RAW_TYPES[value.data_type()]), tuple(value.shape())
    size = int(np.prod(shape)) * dtype.itemsize
    data = ctypes.string_at(value.data_ptr(), size) if size else b""
    return np.frombuffer(data, dtype=dtype).reshape(shape)


def main(memory: int) -> None:
    """Serve until the parent closes stdin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what ends
    requests, replies = _take_streams()
    _limit_memory(memory)
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


def _limit_memory(limit: int) -> None:
    """Limit this process's data to `limit` bytes where the platform can, and forbid core files.

    RLIMIT_DATA, not RLIMIT_AS: mapped libraries and weight files are no danger and would count.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if limit and (hard == resource.RLIM_INFINITY or limit < hard):
        try:
            resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
        except (ValueError, OSError) as error:
            sys.stderr.write(f"no memory limit: {error}\n")


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
            calls = [cast("OnnxRuntime", engines[each]).prepared(frame.arrays) for each in request["handles"]]
            return {"seconds": in_turn(calls, **request["how"])}
        case "unload":
            engines.pop(handle, None)
        case "providers":
            import onnxruntime

            return {"providers": np.array(onnxruntime.get_available_providers(), dtype=object)}
    return {}


def _load(request: dict[str, Any], model: bytes) -> Engine:
    if request["runtime"] == "onnxruntime":
        return OnnxRuntime(model, request["base_dir"], request["threads"], request["providers"])
    from gru_lower.verification.worker.reference_evaluator import Reference

    return Reference(model, request["base_dir"])


def _kind(error: Exception) -> str:
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
