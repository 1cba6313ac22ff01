"""What a model is said to stream like is the same whether or not functions of single elements were left out."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from gru_lower.graph.facts import Facts
from gru_lower.graph.model import Model, load
from gru_lower.graph.scopes import walk
from gru_lower.passes.stream import shorten_chains, survey
from stream_models import random_network

if TYPE_CHECKING:
    from gru_lower.streaming.streaming import Streaming

FIXTURES = sorted((Path(__file__).resolve().parents[1] / "fixtures").glob("*.onnx"))
ELEMENTS = [*sorted(shorten_chains.ZERO_OF_ZERO), *sorted(shorten_chains.OTHERS), "Add", "Mul", "Sub"]


def both(model: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch) -> tuple[Streaming | None, Streaming | None]:
    """Return what is said of a model with chains shortened wherever they can be, and what without."""
    monkeypatch.setattr(shorten_chains, "FEWEST_LEFT_OUT", len(model.graph.node) + 1)
    short = survey.survey(Model(model))
    monkeypatch.setattr(survey, "shortened", lambda _scope, _facts: None)
    return short, survey.survey(Model(model))


def with_chains(model: onnx.ModelProto, seed: int) -> onnx.ModelProto:
    """Return a model with a few functions of elements behind each of its values that are made by nodes, of floats."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    inferred = onnx.shape_inference.infer_shapes(model)
    floats = {
        value.name for value in inferred.graph.value_info if value.type.tensor_type.elem_type == TensorProto.FLOAT
    }
    nodes, named = list[NodeProto](), dict[str, str]()
    for node in model.graph.node:
        made = NodeProto()
        made.CopyFrom(node)
        made.input[:] = [named.get(name, name) for name in node.input]
        nodes.append(made)
        for name in node.output:
            last = name
            for step in range(draw.randrange(4) if name in floats else 0):
                op_type = draw.choice(ELEMENTS)
                inputs = [last, "one_number"] if op_type in shorten_chains.WITH_A_NUMBER else [last]
                last = f"{name}_chain{step}"
                nodes.append(helper.make_node(op_type, inputs, [last]))
            named[name] = last
    result = onnx.ModelProto()
    result.CopyFrom(model)
    del result.graph.node[:]
    result.graph.node.extend(nodes)
    result.graph.initializer.append(numpy_helper.from_array(np.array(0.5, np.float32), "one_number"))
    return result


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_fixtures_are_said_the_same_of(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short, whole = both(load(path).proto, monkeypatch)
    assert short == whole


@pytest.mark.parametrize("seed", range(24))
def test_random_networks_with_chains_are_said_the_same_of(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    short, whole = both(with_chains(random_network(seed).model, seed), monkeypatch)
    assert short == whole


def test_a_chain_is_left_out_but_for_one_node_that_changes_zeros() -> None:
    names = ["X", "a", "b", "c", "Y"]
    operators = ("Relu", "Sigmoid", "Sigmoid", "Tanh")
    nodes = [helper.make_node(op, [one], [other]) for op, one, other in zip(operators, names, names[1:], strict=False)]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["T", "B", 4])],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, ["T", "B", 4])],
    )
    held = Model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
    scope = next(walk(held.proto))
    left = shorten_chains.shortened(scope, Facts(held))
    assert left is not None
    assert [(node.op_type, list(node.input)) for node in left] == [("Sigmoid", ["X"]), ("Tanh", ["b"])]
