"""Timing of one model before and after fusing, beside a model of its GRU nodes alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks import gru_case
from benchmarks.measure import TOLERANCE, lowered, rounded, say, session, timed
from benchmarks.rival_forms import RIVALS
from gru_lower.graph.scopes import is_onnx
from gru_lower.verification.worker.timing import Seconds, Spread, quotient

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gru_lower.verification.arrays import Feeds


@dataclass(frozen=True)
class Pair:
    """One model: columns of `seconds` are before fusing, after it, and its GRU nodes alone.

    Attributes:
        name: Of the export, or of the spelling.
        case: Of a spelling: its sizes.
        grus: How many GRU nodes it became.
        left: The nodes beside them.
        seconds: For one run, of shape [rounds, 3].

    """

    name: str
    case: gru_case.Case | None
    grus: int
    left: int
    seconds: Seconds

    @property
    def gain(self) -> Spread:
        """How much longer the original takes than the fused model."""
        return quotient(self.seconds, 0, 1)

    @property
    def beside(self) -> Spread:
        """How much longer the fused model takes than its GRU nodes alone."""
        return quotient(self.seconds, 1, 2)

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON results."""
        case = {} if self.case is None else {"case": self.case.to_dict()}
        spreads = [Spread.of(self.seconds[:, column]) for column in range(3)]
        names = ("before", "after", "gru_alone")
        seconds = {name: rounded(spread) for name, spread in zip(names, spreads, strict=True)}
        ratios = {"before_to_after": rounded(self.gain), "after_to_gru": rounded(self.beside)}
        return {"name": self.name, **case, "grus": self.grus, "left": self.left, "seconds": seconds, **ratios}


def time_spelling(name: str, case: gru_case.Case, seconds: float) -> Pair:
    """Time one spelling of a GRU."""
    native = gru_case.native(case)
    before = RIVALS[name](case) if name in RIVALS else lowered(gru_case.native(case), "lower-gru{form=unroll}")
    after = _fused(before)
    found = _timed([before, after, native], gru_case.feeds(case), seconds, f"{name} at {case}")
    say(f"{name} {case}")
    return Pair(name, case, *_count_grus(after), found)


def time_export(name: str, path: Path, given: Path, seconds: float) -> Pair | None:
    """Time an exported model on its inputs; ``None`` for one that is not fused in its main graph."""
    before = onnx.load(path)
    after = _fused(before)
    grus, left = _count_grus(after)
    if not grus:
        return None
    with np.load(given) as file:
        feeds = {key.removeprefix("in__"): file[key] for key in file.files if not key.startswith("out__")}
    feeds = {value.name: feeds[value.name] for value in before.graph.input if value.name in feeds}
    alone, read = _gru_nodes_alone(after, feeds)
    say(name)
    calls = [partial(session(model).run, None, feeds) for model in (before, after)]
    return Pair(name, None, grus, left, timed([*calls, partial(session(alone).run, None, read)], seconds))


def _fused(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return lowered(copy, "fuse-gru,join-directions")


def _count_grus(model: onnx.ModelProto) -> tuple[int, int]:
    """Return how many GRU nodes a main graph has, and how many others."""
    grus = sum(is_onnx(node, "GRU") for node in model.graph.node)
    return grus, len(model.graph.node) - grus


def _gru_nodes_alone(model: onnx.ModelProto, feeds: Feeds) -> tuple[onnx.ModelProto, Feeds]:
    """Return a model of only the GRU nodes of a fused model, and its inputs: the values that these nodes read there."""
    nodes = [node for node in model.graph.node if is_onnx(node, "GRU")]
    names = list(dict.fromkeys(name for node in nodes for name in node.input if name))
    seen = onnx.ModelProto()
    seen.CopyFrom(model)
    del seen.graph.output[:]
    inputs = {value.name for value in model.graph.input}
    made = [name for name in names if name not in inputs]
    seen.graph.output.extend(onnx.ValueInfoProto(name=name) for name in made)
    values = dict(zip(made, session(_with_output_types(seen, nodes)).run(None, feeds), strict=True)) if made else {}
    values |= {name: feeds[name] for name in names if name in inputs}
    weights = {name for node in nodes for name in node.input[1:4] if name}
    read = {name: value for name, value in values.items() if name not in weights}
    graph = helper.make_graph(
        nodes,
        "alone",
        [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for n, v in read.items()],
        [onnx.ValueInfoProto(name=name) for node in nodes for name in node.output if name],
        [numpy_helper.from_array(values[name], name) for name in weights],
    )
    alone = helper.make_model(graph, opset_imports=model.opset_import, ir_version=max(model.ir_version, 4))
    return _with_output_types(alone, nodes), read


def _with_output_types(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> onnx.ModelProto:
    """Add the missing types of outputs, as they are around GRUs of float32."""
    lens = {node.input[4] for node in nodes if len(node.input) > 4}
    for value in model.graph.output:
        kind = TensorProto.INT32 if value.name in lens else TensorProto.FLOAT
        value.type.tensor_type.elem_type = kind
    return model


def _timed(contenders: Sequence[onnx.ModelProto], feeds: Feeds, seconds: float, what: str) -> Seconds:
    calls = [partial(session(model).run, None, feeds) for model in contenders]
    outputs = [call() for call in calls]
    for other in outputs[1:]:
        error = max(float(np.abs(a - b).max()) for a, b in zip(outputs[0], other, strict=True))
        if not error <= TOLERANCE:
            raise ValueError(f"{what} is off by {error:.3g}")
    return timed(calls, seconds)
