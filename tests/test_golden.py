"""Each form of each variant as text: a change in what a lowering writes shows as a change a person can read.

``python tests/update_golden.py`` rewrites the texts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper

from gru_lower.graph.scopes import walk
from gru_lower.gru import reference
from gru_lower.gru.spec import INPUTS
from update_golden import GOLDEN, cases, expectation, lowered, readable, source

Arrays = dict[str, npt.NDArray[Any]]

CASES = cases()


def feeds(model: onnx.ModelProto, T: int, N: int) -> Arrays:
    """Draw inputs: X and states at random, each sequence of another length, every condition true."""
    rng, drawn = np.random.default_rng(11), {}
    constant = {tensor.name for tensor in model.graph.initializer}
    for value in model.graph.input:
        kind = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        dims = [dim.dim_value or {"T": T, "N": N}[dim.dim_param] for dim in value.type.tensor_type.shape.dim]
        if kind == np.int32:
            drawn[value.name] = np.array([T, T // 2, 0], np.int32)[:N]
        elif kind == np.bool_:
            drawn[value.name] = np.ones(dims, np.bool_)
        elif value.name not in constant:
            drawn[value.name] = rng.standard_normal(dims).astype(np.float32)
    return drawn


def constants(model: onnx.ModelProto) -> Arrays:
    """Return the values of every initializer and Constant of every scope, by name."""
    found: Arrays = {}
    for scope in walk(model):
        found |= {name: numpy_helper.to_array(tensor) for name, tensor in scope.initializers.items()}
        nodes = [node for node in scope.nodes if node.op_type == "Constant"]
        found |= {node.output[0]: numpy_helper.to_array(node.attribute[0].t) for node in nodes}
    return found


def expected(model: onnx.ModelProto, given: Arrays) -> list[npt.NDArray[np.float64]]:
    """Return what the model's one GRU gives by the float64 reference."""
    (node,) = (node for scope in walk(model) for node in scope.nodes if node.op_type == "GRU")
    values = constants(model) | given
    arrays = {key: values[name] for key, name in zip(INPUTS, node.input, strict=False) if name}
    attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    arguments: dict[str, Any] = {**arrays, **attributes}
    results = reference.gru(**arguments)
    return [result for result, name in zip(results, node.output, strict=False) if name]


def run(model: onnx.ModelProto, given: Arrays) -> list[npt.NDArray[Any]]:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    results: list[npt.NDArray[Any]] = session.run(None, given)
    return results


def test_every_model_has_an_expectation() -> None:
    models = {path.name.removesuffix(".onnxtxt") for path in GOLDEN.iterdir() if path.name.count(".") == 1}
    assert models == {name for name, _ in CASES}


@pytest.mark.parametrize(("name", "form"), CASES)
def test_the_text_is_the_expected_one(name: str, form: str) -> None:
    assert readable(lowered(name, form)) == expectation(name, form).read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "form"), CASES)
def test_no_gru_is_left_and_the_model_is_whole(name: str, form: str) -> None:
    model = lowered(name, form)
    assert [node for scope in walk(model) for node in scope.nodes if node.op_type == "GRU"] == []
    onnx.checker.check_model(model, full_check=True)


@pytest.mark.parametrize(("T", "N"), [(4, 3), (1, 1), (7, 2)])
@pytest.mark.parametrize(("name", "form"), CASES)
def test_it_computes_a_gru(name: str, form: str, T: int, N: int) -> None:
    model = source(name)
    given = feeds(model, T, N)
    for right, actual in zip(expected(model, given), run(lowered(name, form), given), strict=True):
        np.testing.assert_allclose(actual, right, rtol=1e-5, atol=1e-6)


def test_the_other_branch_is_left_alone() -> None:
    given = feeds(source("in_if"), 4, 3) | {"wanted": np.zeros((), np.bool_)}
    (zeros,) = run(lowered("in_if", "scan"), given)
    assert zeros.shape == (4, 1, 3, 2)
    assert not zeros.any()
