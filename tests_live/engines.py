"""The engines, and what each takes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from tests_live.engine import Engine

FLOATS = frozenset({"float16", "float32", "float64"})
CONTROL_FREE = ("unroll", "unroll batch", "step", "minimal", "portable")
LOOPS = ("loop", "loop dynamic", *CONTROL_FREE)
PLAIN_SCANS = ("scan plain", "scan plain dynamic")
SCANS = ("scan", "scan dynamic", *PLAIN_SCANS)
UNROLL = {"form": "unroll"}


@dataclass(frozen=True)
class Kind:
    """What there is to know about an engine to test it.

    Attributes:
        package: The distribution whose version is the engine's, or the path of a package.json.
        options: Of :func:`gru_lower.lower`: the best form for the engine.
        takes: The forms of which every cell runs right.
        dtypes: The types it computes in.
        opsets: The oldest and the newest opset it takes of what lowering writes.
        static: Whether it takes static shapes only.
        except_for: Cells it does not take, by form.
        lacks: Real models it does not take for an operator that is not of our writing, and which.
        here: Whether its runner keeps something open from model to model.

    """

    package: str
    options: dict[str, Any] = field(default_factory=dict)
    takes: tuple[str, ...] = ()
    dtypes: frozenset[str] = FLOATS
    opsets: tuple[int, int] = (7, 24)
    static: bool = False
    except_for: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lacks: dict[str, str] = field(default_factory=dict)
    here: bool = False


KINDS = {
    "onnxruntime": Kind("onnxruntime", {"form": "auto"}, SCANS + LOOPS),
    "onnxruntime_web": Kind(
        f"{os.environ.get('ONNXRUNTIME_WEB', 'node_modules/onnxruntime-web')}/package.json",
        {"form": "auto"},
        SCANS + LOOPS,
        here=True,
    ),
    "reference": Kind("onnx", {"form": "loop"}, LOOPS),
    "openvino": Kind("openvino", {"form": "loop"}, LOOPS),
    "tract": Kind(
        "tract",
        {"passes": "lower-gru{packing=plain,forms=scan+unroll+step,forbid=Gemm+Split}"},
        (*PLAIN_SCANS, "unroll", "step", "minimal", "portable"),
        dtypes=frozenset({"float16", "float32"}),
        except_for={
            **dict.fromkeys(("scan plain", "unroll", "step", "portable"), ("float16",)),  # no Gemm in float16
            # The batch is symbolic in X and 3 in a constant, which tract takes for a contradiction.
            "scan plain dynamic": ("float16", "sequence_lens constant", "initial_h constant"),
        },
        lacks=dict.fromkeys(("aecmos_Run_1663829550_Stage_0", "plcmos_v1_nonintrusive"), "Squeeze"),  # without axes
    ),
    "mnn": Kind("MNN", {"form": "loop"}, LOOPS),
    "opencv": Kind(
        "opencv-python-headless", UNROLL, ("unroll", "step", "minimal", "portable"),
        dtypes=frozenset({"float16", "float32"}), static=True,
    ),  # fmt: skip
    "tinygrad": Kind("tinygrad", UNROLL, ("unroll",), static=True),
    "onnx2torch": Kind(
        "onnx2torch",
        {"passes": "lower-gru{form=unroll,forbid=ThresholdedRelu}"},
        ("unroll", "step", "minimal", "portable"),
        opsets=(9, 17),
        static=True,
    ),
    "tvm": Kind("apache-tvm", UNROLL, ("unroll", "step"), static=True),
}


def start(name: str) -> Engine:
    """Start an engine."""
    kind = KINDS[name]
    return Engine(name, kind.package, here=kind.here)
