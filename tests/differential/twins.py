"""Pairs of models that are equal: one of them is lowered, fused again, renamed, reordered or folded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

import gru_lower
from differential.ways import WAYS
from lowering import lower

FORMS = ("scan", "loop", "auto")
KINDS = ("lowered", "fused", "renamed", "reordered", "folded", "lowered")
NO_TWINS = {"noise_added", "noise_of_another_size"}


@dataclass(frozen=True)
class Twins:
    """Two models that compute the same.

    Attributes:
        name: What was done.
        a: The first.
        b: The second.

    """

    name: str
    a: onnx.ModelProto
    b: onnx.ModelProto


def random_twins(seed: int) -> Twins:
    """Return two models that compute the same: those of a way that differs, with one of its models twice."""
    rng = np.random.default_rng([seed, 99])
    names = [name for name in sorted(WAYS) if name not in NO_TWINS]
    name = names[int(rng.integers(len(names)))]
    differing = WAYS[name](rng)
    a = differing.a if rng.random() < 0.5 else differing.b
    kind = KINDS[seed % len(KINDS)]
    return Twins(f"{kind}: {name}", a, globals()[kind](a, rng))


def lowered(model: onnx.ModelProto, rng: np.random.Generator) -> onnx.ModelProto:
    return lower(model, f"lower-gru{{form={FORMS[int(rng.integers(len(FORMS)))]}}}")[0]


def fused(model: onnx.ModelProto, rng: np.random.Generator) -> onnx.ModelProto:
    done: onnx.ModelProto = gru_lower.fuse(lowered(model, rng), verify=False).model
    return done


def renamed(model: onnx.ModelProto, _: np.random.Generator) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    kept = {value.name for value in (*copy.graph.input, *copy.graph.output)}

    def new(name: str) -> str:
        return name if not name or name in kept else f"other/{name}"

    for node in copy.graph.node:
        node.name = ""
        node.input[:] = [new(name) for name in node.input]
        node.output[:] = [new(name) for name in node.output]
    for tensor in copy.graph.initializer:
        tensor.name = new(tensor.name)
    return copy


def reordered(model: onnx.ModelProto, rng: np.random.Generator) -> onnx.ModelProto:
    """Return the model with nodes in another order that is valid, and sums and products turned round."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    waiting = list(copy.graph.node)
    known = {value.name for value in copy.graph.input} | {tensor.name for tensor in copy.graph.initializer} | {""}
    ordered = []
    while waiting:
        ready = [node for node in waiting if set(node.input) <= known]
        node = ready[int(rng.integers(len(ready)))]
        waiting.remove(node)
        known |= set(node.output)
        ordered.append(node)
    for node in ordered:
        if node.op_type in {"Add", "Mul", "Min", "Max"}:
            node.input[:] = list(node.input)[::-1]
    del copy.graph.node[:]
    copy.graph.node.extend(ordered)
    return copy


def folded(model: onnx.ModelProto, _: np.random.Generator) -> onnx.ModelProto:
    """Return the model with biases summed up where the operator does, and constants as nodes."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    arrays: dict[str, Any] = {tensor.name: numpy_helper.to_array(tensor) for tensor in copy.graph.initializer}
    for node in copy.graph.node:
        if node.op_type == "GRU":
            parts = np.split(arrays[node.input[3]].copy(), 6, axis=1)
            for gate in (0, 1):
                parts[gate], parts[gate + 3] = parts[gate] + parts[gate + 3], parts[gate + 3] * 0
            arrays[node.input[3]] = np.concatenate(parts, 1)
            break
    listed = {value.name for value in copy.graph.input}
    defaults = [tensor for tensor in copy.graph.initializer if tensor.name in listed]
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array, name))
        for name, array in arrays.items()
        if name not in listed
    ]
    nodes += copy.graph.node
    del copy.graph.node[:], copy.graph.initializer[:]
    copy.graph.node.extend(nodes)
    copy.graph.initializer.extend(defaults)
    return copy
