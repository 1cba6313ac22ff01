"""The engines, and what each takes best."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from tests_live.engine import Engine


@dataclass(frozen=True)
class Kind:
    """What there is to know about an engine to test it.

    Attributes:
        package: The distribution whose version is the engine's.
        options: Of :func:`gru_lower.lower`: the best form for the engine.
        here: Whether its runner keeps something open from model to model.

    """

    package: str
    options: dict[str, Any] = field(default_factory=dict)
    here: bool = False


PORTABLE = {"target": "portable"}
WEB = os.environ.get("ONNXRUNTIME_WEB", "node_modules/onnxruntime-web")
KINDS = {
    "onnxruntime": Kind("onnxruntime"),
    "onnxruntime_web": Kind(f"{WEB}/package.json", here=True),
    "reference": Kind("onnx"),
    "openvino": Kind("openvino"),
    "tract": Kind("tract"),
    "mnn": Kind("MNN", {"form": "loop"}),
    "opencv": Kind("opencv-python-headless", PORTABLE),
    "tinygrad": Kind("tinygrad", PORTABLE),
    "onnx2torch": Kind("onnx2torch", PORTABLE),
    "tvm": Kind("apache-tvm", PORTABLE),
}


def start(name: str) -> Engine:
    """Start an engine."""
    kind = KINDS[name]
    return Engine(name, kind.package, here=kind.here)
