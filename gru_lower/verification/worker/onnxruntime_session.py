"""Run a model in onnxruntime. Only the worker imports this module, and only here is onnxruntime imported."""

from __future__ import annotations

import ctypes
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from gru_lower.verification.arrays import dtype_of, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gru_lower.verification.arrays import Array, Feeds

# onnxruntime's names of the tensor types that it cannot exchange as numpy arrays -> the dtype's name.
_RAW_TYPES = {
    "tensor(bfloat16)": "bfloat16",
    "tensor(float8e4m3fn)": "float8_e4m3fn",
    "tensor(float8e4m3fnuz)": "float8_e4m3fnuz",
    "tensor(float8e5m2)": "float8_e5m2",
    "tensor(float8e5m2fnuz)": "float8_e5m2fnuz",
}


class OnnxruntimeSession:
    """A session of onnxruntime, on its CPU unless other providers are named; its one thread makes results repeat."""

    def __init__(
        self, model: bytes, base_dir: str | None, threads: int | None = None, providers: Sequence[str] = ()
    ) -> None:
        """Build the session; external data is looked for in `base_dir`. `threads` (0: all) sets it up for speed."""
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
        if not _has_raw(feeds) and not any(self._types.get(name) in _RAW_TYPES for name in names):
            values: Any = self._session.run(names, feeds)
            return dict(zip(names, values, strict=True))
        return self._run_raw(feeds, names)

    def prepared(self, feeds: Feeds) -> Callable[[], object]:
        """Return a call that runs the model once and does nothing else that would be timed too."""
        if _has_raw(feeds) or any(kind in _RAW_TYPES for kind in self._types.values()):
            return partial(self._run_raw, feeds, list(self._types))
        return partial(self._session.run, None, feeds)

    def _run_raw(self, feeds: Feeds, names: list[str]) -> Feeds:
        binding = self._session.io_binding()
        kept = []  # onnxruntime reads these buffers, it does not copy them
        for name, array in feeds.items():
            if name_of(array.dtype) in _RAW_TYPES.values():
                from onnx.helper import np_dtype_to_tensor_dtype

                raw = np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")
                elem_type = int(np_dtype_to_tensor_dtype(array.dtype))
                value = onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(raw, elem_type)
                kept.append((raw, value))
                binding.bind_ortvalue_input(name, value)
            else:
                binding.bind_cpu_input(name, np.ascontiguousarray(array))
        for name in names:
            binding.bind_output(name)
        self._session.run_with_iobinding(binding)
        return {name: _array_of(value) for name, value in zip(names, binding.get_outputs(), strict=True)}


def available_providers() -> list[str]:
    """Return the execution providers of the onnxruntime installed, in its own order."""
    return list(onnxruntime.get_available_providers())


def _has_raw(feeds: Feeds) -> bool:
    return any(name_of(array.dtype) in _RAW_TYPES.values() for array in feeds.values())


def _array_of(value: Any) -> Array:  # noqa: ANN401 - onnxruntime's OrtValue, which has no types
    if value.data_type() not in _RAW_TYPES:
        plain: Array = value.numpy()
        return plain
    dtype, shape = dtype_of(_RAW_TYPES[value.data_type()]), tuple(value.shape())
    size = int(np.prod(shape)) * dtype.itemsize
    data = ctypes.string_at(value.data_ptr(), size) if size else b""
    return np.frombuffer(data, dtype=dtype).reshape(shape)
