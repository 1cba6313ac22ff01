"""What exporters compute shapes with comes out as in onnx's reference; whatever is unusual is left to it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from gru_lower.graph.shape_operators import compute_simply

ROOT = Path(__file__).resolve().parents[1]
Array = np.ndarray[Any, np.dtype[Any]]


def ints(*values: int) -> Array:
    return np.array(values, np.int64)


SIMPLE: list[tuple[str, list[Array], dict[str, Any]]] = [
    ("Gather", [ints(4, 5, 6), np.array(1, np.int64)], {}),
    ("Gather", [ints(4, 5, 6), np.array(-1, np.int64)], {"axis": 0}),
    ("Gather", [ints(4, 5, 6), ints(2, 0)], {}),
    ("Gather", [ints(4, 5, 6).reshape(3, 1), ints(2, -3)], {"axis": -2}),
    ("Unsqueeze", [np.array(7, np.int64), ints(0)], {}),
    ("Unsqueeze", [np.array(7, np.int64), ints(-1)], {}),
    ("Concat", [ints(1), ints(2, 3), ints()], {"axis": 0}),
    ("ConstantOfShape", [ints(2, 3)], {}),
    ("ConstantOfShape", [ints(2, 0)], {"value": helper.make_tensor("v", TensorProto.FLOAT16, [1], [1.5])}),
    ("ConstantOfShape", [ints()], {"value": helper.make_tensor("v", TensorProto.INT64, [1], [-1])}),
]
UNUSUAL: list[tuple[str, list[Array], dict[str, Any]]] = [
    ("Gather", [ints(4, 5, 6), np.array(3, np.int64)], {}),
    ("Gather", [ints(4, 5, 6), np.array(1, np.int64)], {"axis": 1}),
    ("Gather", [ints(4), ints()], {}),
    ("Unsqueeze", [ints(7), ints(0)], {}),
    ("Unsqueeze", [np.array(7, np.int64), ints(1)], {}),
    ("Concat", [ints(1), np.array([2.0], np.float32)], {"axis": 0}),
    ("Concat", [np.array(1, np.int64)], {"axis": 0}),
    ("Concat", [ints(1)], {}),
    ("ConstantOfShape", [ints(-1)], {}),
    ("ConstantOfShape", [ints(2)], {"value": helper.make_tensor("v", TensorProto.FLOAT, [2], [1.5, 2.0])}),
    ("Add", [ints(1), ints(2)], {}),
]


@pytest.mark.parametrize(("op_type", "inputs", "attributes"), SIMPLE)
def test_it_is_what_the_reference_computes(op_type: str, inputs: list[Array], attributes: dict[str, Any]) -> None:
    names = [f"x{place}" for place in range(len(inputs))]
    node = helper.make_node(op_type, names, ["y"], **attributes)
    (found,) = compute_simply(node, inputs, 17) or []
    results: Any = ReferenceEvaluator(node).run(None, dict(zip(names, inputs, strict=True)))
    (expected,) = results
    assert isinstance(found, np.ndarray)
    assert (found.dtype, found.shape, found.tolist()) == (expected.dtype, expected.shape, expected.tolist())


@pytest.mark.parametrize(("op_type", "inputs", "attributes"), UNUSUAL)
def test_what_is_unusual_is_left(op_type: str, inputs: list[Array], attributes: dict[str, Any]) -> None:
    node = helper.make_node(op_type, [f"x{place}" for place in range(len(inputs))], ["y"], **attributes)
    assert compute_simply(node, inputs, 17) is None


@pytest.mark.parametrize("command", ["inspect", "check"])
def test_looking_at_a_model_loads_neither_a_runtime_nor_what_fuses(command: str) -> None:
    program = (
        "import sys; from gru_lower.cli.main import run; code = run(sys.argv[1:]);"
        "print(*(name for name in ('onnxruntime', 'onnx.reference', 'gru_lower.passes.fuse_gru.fuse_gru')"
        " if name in sys.modules), file=sys.stderr, end=''); sys.exit(code)"
    )
    words = [sys.executable, "-c", program, command, str(ROOT / "fixtures" / "digits_gru.onnx")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr == ""
