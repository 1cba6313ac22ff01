"""What a fuser made of a spelled model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

import gru_lower
from gru_lower.graph.scopes import is_onnx, walk
from lowering import op_types, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spelling.truth import Array, Spelled

# What a fused model has none of: containers, and the functions of a cell.
LEFTOVERS = frozenset(
    {
        *("Scan", "Loop", "Sigmoid", "Tanh", "Exp", "HardSigmoid", "Softplus", "Softsign", "Elu"),
        *("LeakyRelu", "Relu", "ThresholdedRelu", "PRelu"),
    }
)
TOLERANCE = {np.dtype(np.float32): 2e-4, np.dtype(np.float64): 1e-6, np.dtype(np.float16): 3e-2}


@dataclass(frozen=True)
class Verdict:
    """What became of one model.

    Attributes:
        outcome: "fused" (nothing of the cells is left), "partly", "left", "wrong" (other numbers), "error".
        detail: What is left, what differs, or what was said.

    """

    outcome: str
    detail: str = ""


def judge(spelled: Spelled, fuse: Callable[[onnx.ModelProto], Any]) -> Verdict:
    """Fuse a model and look at what came of it; ``fuse`` returns what has ``model`` and ``report.sites``."""
    try:
        result = fuse(spelled.model)
        sites = [site for site in result.report.sites if site.action == "fused"]
        said = "; ".join(f"{s.code} {s.message}" for s in result.report.sites if s.action != "fused")
        if not sites:
            return Verdict("left", said)
        onnx.checker.check_model(result.model)
        worst = largest_difference(spelled, result.model)
    except Exception as error:  # noqa: BLE001 - one bad model does not end the run
        return Verdict("error", f"{type(error).__name__}: {error}".splitlines()[0])
    if worst > TOLERANCE[spelled.dtype]:
        return Verdict("wrong", f"off by {worst:.3g}: {said}")
    found = directions(result.model)
    left = sorted(op_types(result.model) & LEFTOVERS)
    # A near miss may hold stretches that are GRUs: steps before and after the one that is different.
    if left or found < spelled.grus or (spelled.kind == "mutant" and found > spelled.grus):
        return Verdict("partly", f"{found} of {spelled.grus} GRUs, left: {', '.join(left)}; {said}")
    return Verdict("fused")


def directions(model: onnx.ModelProto) -> int:
    """Count GRU nodes, those of two directions twice."""
    found = 0
    for scope in walk(model):
        for node in scope.nodes:
            if is_onnx(node, "GRU"):
                both = any(a.name == "direction" and a.s == b"bidirectional" for a in node.attribute)
                found += 1 + both
    return found


def several_feeds(spelled: Spelled) -> Iterator[dict[str, Array]]:
    """Yield inputs of several sizes: of the values, and of T and B where they are free."""
    yield spelled.feeds(0)
    yield spelled.feeds(1, scale=5)
    others = {"T": spelled.sizes["T"] + 2, "B": spelled.sizes["B"] + 1}
    free = {name: size for name, size in others.items() if name in spelled.symbols}
    if free and spelled.choices.get("a/h0") != "constant":
        yield spelled.feeds(2, **free)


def largest_difference(spelled: Spelled, fused: onnx.ModelProto) -> float:
    """Return how far a fused model is from what was spelled, relative to the largest value."""
    if spelled.dtype == np.float64:  # onnxruntime has no GRU of that type
        fused = gru_lower.lower(fused, verify=False).model
    worst = 0.0
    for feeds in several_feeds(spelled):
        before, after = run(spelled.model, feeds), run(fused, feeds)
        if before.keys() != after.keys():
            return np.inf
        for name, value in before.items():
            if value.shape != after[name].shape or value.dtype != after[name].dtype:
                return np.inf
            scale = max(1.0, float(np.abs(value).max(initial=0)))
            worst = max(worst, float(np.abs(value.astype(np.float64) - after[name]).max(initial=0)) / scale)
    return worst
