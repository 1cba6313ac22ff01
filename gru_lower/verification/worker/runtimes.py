"""The runtimes a worker has: onnxruntime, and onnx's reference evaluator for what onnxruntime does not run."""

from __future__ import annotations

from typing import Literal

Runtime = Literal["onnxruntime", "reference"]

RUNTIMES: tuple[Runtime, ...] = ("onnxruntime", "reference")
"""In the order in which they are tried."""

RUNTIME_NAMES: dict[Runtime, str] = {"onnxruntime": "onnxruntime", "reference": "onnx.reference"}
"""What they are called in messages."""
