"""The engines, and what each takes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from tests_live.engine import Engine

FLOATS = frozenset({"float16", "float32", "float64"})
LOOPS = ("loop", "loop dynamic", "unroll", "unroll batch", "step", "minimal", "portable")
STRAIGHT = ("unroll", "step", "minimal", "portable")
PLAIN_SCANS = ("scan plain", "scan plain dynamic")
SCANS = ("scan", "scan dynamic", *PLAIN_SCANS)
UNROLL = {"form": "unroll"}


def in_any(*cells: str) -> dict[str, tuple[str, ...]]:
    """Return cells as those of every form."""
    return dict.fromkeys((*SCANS, *LOOPS), cells)


@dataclass(frozen=True)
class Kind:
    """What there is to know about an engine to test it.

    Attributes:
        package: The distribution whose version is the engine's, or the path of a package.json.
        target: The name of its profile; ``""`` if there is none.
        options: Of :func:`gru_lower.lower`: the best form for the engine.
        takes: The forms of which every cell runs right.
        dtypes: The types it computes in.
        opsets: The oldest and the newest opset it takes of what lowering writes.
        static: Whether it takes static shapes only.
        except_for: Cells it does not take, by form.
        lacks: Real models it does not take for an operator that is the model's own: which, and what it says.
        refuses: Cells that no flag helps to a model for it.
        not_portable: Cells that it does not run as ``--target portable`` writes them.
        random_right: How many of sixty random GRUs have to be right at least.
        bugs: What it says of models that it rejects in whatever spelling, for a bug of its own.
        here: Whether its runner keeps something open from model to model.

    """

    package: str
    target: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    takes: tuple[str, ...] = ()
    dtypes: frozenset[str] = FLOATS
    opsets: tuple[int, int] = (7, 24)
    static: bool = False
    except_for: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lacks: dict[str, tuple[str, str]] = field(default_factory=dict)
    refuses: tuple[str, ...] = ()
    not_portable: tuple[str, ...] = ()
    random_right: int = 55
    bugs: tuple[str, ...] = ()
    here: bool = False


PACKAGE_JSON = f"{os.environ.get('ONNXRUNTIME_WEB', 'node_modules/onnxruntime-web')}/package.json"
AECMOS, PLCMOS, GTCRN = "aecmos_Run_1663829550_Stage_0", "plcmos_v1_nonintrusive", "gtcrn_stream_simple"
KINDS = {
    "onnxruntime": Kind("onnxruntime", "onnxruntime", {"form": "auto"}, SCANS + LOOPS),
    "onnxruntime_web": Kind(PACKAGE_JSON, "onnxruntime", {"form": "auto"}, SCANS + LOOPS, here=True),
    "reference": Kind("onnx", "", {"form": "loop"}, LOOPS, lacks={GTCRN: ("ConvTranspose", "could not broadcast")}),
    # Its Scan takes no value from outside the body, which weights that are no constants would be; its Loop does.
    "openvino": Kind(
        "openvino", "openvino",
        {"form": "loop"},
        LOOPS,
        lacks={PLCMOS: ("Squeeze", "Squeeze operation with dynamic rank")},
        bugs=("Layout rank can't be larger than tensor rank",),  # H = 1, B no constant and, say, 32 rows
    ),
    "tract": Kind(
        "tract", "tract",
        {"passes": "lower-gru{packing=plain,forms=scan+unroll+step,forbid=Gemm+Split+Softplus}"},
        (*PLAIN_SCANS, *STRAIGHT),
        dtypes=frozenset({"float16", "float32"}),
        except_for=in_any("float16", "large Softplus")  # Gemm has no float16; Softplus overflows
        # The batch is symbolic in X and 3 in a constant, which it takes for a contradiction.
        | {"scan plain dynamic": ("float16", "large Softplus", "sequence_lens constant", "initial_h constant")},
        lacks=dict.fromkeys((AECMOS, PLCMOS), ("Squeeze", "expected attribute 'axes'")),
    ),
    "mnn": Kind(
        "MNN", "mnn",
        {"passes": "lower-gru{form=loop,forbid=Softplus}"},
        LOOPS,
        except_for=in_any("large Softplus"),  # it overflows
    ),
    "opencv": Kind(
        "opencv-python-headless", "opencv5",
        {"passes": "lower-gru{form=unroll,forbid=Tanh+Softplus}"},
        STRAIGHT,
        dtypes=frozenset({"float16", "float32"}),
        static=True,
        except_for=in_any("large lbr1", "large lbr0", "large Softplus"),  # Tanh is NaN from 45 on, Softplus from 89
    ),
    "tinygrad": Kind(
        "tinygrad", "tinygrad",
        UNROLL,
        ("step",),
        static=True,
        lacks={GTCRN: ("Gather", "'<' not supported between instances of 'list' and 'int'")},
    ),
    "onnx2torch": Kind(
        "onnx2torch", "onnx2torch",
        {"passes": "lower-gru{form=unroll,forbid=ThresholdedRelu}"},
        STRAIGHT,
        opsets=(13, 17),  # older operators it has only in part
        static=True,
        except_for=in_any("activations ThresholdedRelu"),
    ),
    "tvm": Kind(
        "apache-tvm", "tvm",
        {"passes": "lower-gru{form=unroll,forbid=Elu+ThresholdedRelu}"},  # which make float16 float32
        ("step",),
        opsets=(13, 24),  # older operators it has only in part: Clip with attributes makes float16 float32
        static=True,
    ),
}


def start(name: str) -> Engine:
    """Start an engine."""
    kind = KINDS[name]
    return Engine(name, kind.package, here=kind.here)
