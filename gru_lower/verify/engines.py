"""The two runtimes, as they look inside the worker: onnxruntime, and onnx's own reference evaluator.

Only the worker imports this module: what it loads is heavy, and what it runs may abort the process.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gru_lower.verify.result import Array, Feeds
from gru_lower.verify.wire import dtype_of

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


class OnnxRuntime:
    """A session on onnxruntime's CPU provider, with one thread, so that its results repeat."""

    def __init__(self, model: bytes, base_dir: str | None) -> None:
        """Build the session; external data is looked for in `base_dir`."""
        import onnxruntime  # noqa: PLC0415 - a worker that only evaluates the reference never needs it

        fatal_only = 4
        onnxruntime.set_default_logger_severity(fatal_only)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = fatal_only
        if base_dir is not None:
            options.add_session_config_entry("session.model_external_initializers_file_folder_path", base_dir)
        self._ort = onnxruntime
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._types = {output.name: output.type for output in self._session.get_outputs()}

    def run(self, feeds: Feeds, outputs: Sequence[str] | None) -> Feeds:
        """Run once, through numpy where every type allows it."""
        names = list(self._types) if outputs is None else list(outputs)
        raw_in = any(array.dtype.name in _RAW_TYPES.values() for array in feeds.values())
        if not raw_in and not any(self._types.get(name) in _RAW_TYPES for name in names):
            return dict(zip(names, self._session.run(names, feeds), strict=True))
        return self._run_raw(feeds, names)

    def _run_raw(self, feeds: Feeds, names: list[str]) -> Feeds:
        binding = self._session.io_binding()
        kept = []  # onnxruntime reads these buffers, it does not copy them
        for name, array in feeds.items():
            if array.dtype.name in _RAW_TYPES.values():
                from onnx.helper import np_dtype_to_tensor_dtype  # noqa: PLC0415 - rare, and onnx is slow to import

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


def _array(value: Any) -> Array:  # noqa: ANN401 - onnxruntime's OrtValue, not imported here
    if value.data_type() not in _RAW_TYPES:
        plain: Array = value.numpy()
        return plain
    dtype, shape = dtype_of(_RAW_TYPES[value.data_type()]), tuple(value.shape())
    size = int(np.prod(shape)) * dtype.itemsize
    data = ctypes.string_at(value.data_ptr(), size) if size else b""
    return np.frombuffer(data, dtype=dtype).reshape(shape)


class Reference:
    """onnx.reference, with a GRU that follows every attribute of every opset (onnx's own ignores most)."""

    def __init__(self, model: bytes, base_dir: str | None) -> None:
        """Parse the model, its external data included, and prepare its nodes."""
        import onnx  # noqa: PLC0415 - a worker that only runs onnxruntime never needs it
        from onnx.external_data_helper import load_external_data_for_tensor  # noqa: PLC0415

        from gru_lower.graph.external import is_external, tensors  # noqa: PLC0415
        from gru_lower.verify.evaluator import Evaluator  # noqa: PLC0415

        proto = onnx.load_model_from_string(model)
        for tensor in tensors(proto):
            if is_external(tensor):
                load_external_data_for_tensor(tensor, base_dir or str(Path.cwd()))
                tensor.data_location = onnx.TensorProto.DEFAULT
                del tensor.external_data[:]
        self._evaluator = Evaluator(proto)

    def run(self, feeds: Feeds, outputs: Sequence[str] | None) -> Feeds:
        """Run once. Floating point warnings are the model's affair, not the user's."""
        names = list(self._evaluator.output_names) if outputs is None else list(outputs)
        with np.errstate(all="ignore"):
            return dict(zip(names, self._evaluator.run(names, feeds), strict=True))


ENGINES: dict[str, type[OnnxRuntime] | type[Reference]] = {"onnxruntime": OnnxRuntime, "reference": Reference}
