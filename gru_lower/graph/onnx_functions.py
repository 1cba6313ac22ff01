"""onnx's own functions that are written in C++, and the process that calls them where they may not come back.

``python -P -m gru_lower.graph.onnx_functions NAME NUMBER BYTES`` reads a model from stdin and writes what came of it:
``M`` and a model, or ``E`` and a line of text. BYTES limits its data (0: no limit).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import onnx
import onnx.inliner
from onnx import version_converter

if TYPE_CHECKING:
    from collections.abc import Callable


def _infer(model: onnx.ModelProto, _number: int) -> onnx.ModelProto:
    return onnx.shape_inference.infer_shapes(model, data_prop=True)


def _infer_strictly(model: onnx.ModelProto, _number: int) -> onnx.ModelProto:
    return onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)


def _convert(model: onnx.ModelProto, number: int) -> onnx.ModelProto:
    converted: onnx.ModelProto = version_converter.convert_version(model, number)
    return converted


def _inline(model: onnx.ModelProto, number: int) -> onnx.ModelProto:
    inlined: onnx.ModelProto = onnx.inliner.inline_local_functions(model, convert_version=bool(number))
    return inlined


FUNCTIONS: dict[str, Callable[[onnx.ModelProto, int], onnx.ModelProto]] = {
    "infer": _infer,
    "infer strictly": _infer_strictly,
    "convert": _convert,
    "inline": _inline,
}
"""By name: what is called with a model, and a number where it takes one: the opset, or whether to convert."""
REFUSALS = (
    onnx.shape_inference.InferenceError,
    onnx.checker.ValidationError,
    version_converter.ConvertError,
    *(RuntimeError, ValueError, TypeError, IndexError, MemoryError),
)
"""What they raise on a model that is not to their liking."""


def main(name: str, number: int, memory: int) -> None:
    """Answer one call."""
    from gru_lower.garbage_collection import end_without_collection
    from gru_lower.isolation.memory_limit import limit_memory

    raw = sys.stdin.buffer.read()
    limit_memory(memory)
    try:
        reply = b"M" + FUNCTIONS[name](onnx.ModelProto.FromString(raw), number).SerializeToString()
    except REFUSALS as error:
        reply = b"E" + (str(error) or type(error).__name__).encode()
    sys.stdout.buffer.write(reply)
    sys.stdout.buffer.flush()
    end_without_collection()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
