"""Numbers that are odd in a model give no warnings of numpy's, whatever the caller has set."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
import zoo


@pytest.mark.filterwarnings("error")
def test_numpy_neither_warns_nor_raises() -> None:
    model = zoo.gru_model(initializers=zoo.weights().values())
    none = numpy_helper.from_array(np.zeros((0, 3), np.float32), "none")
    huge = numpy_helper.from_array(np.full(3, 1e30, np.float32), "huge")
    model.graph.initializer.extend([none, huge])
    model.graph.node.extend(
        [
            helper.make_node("ReduceMean", ["none"], ["mean"], axes=[0]),
            helper.make_node("Cast", ["huge"], ["half"], to=TensorProto.FLOAT16),
            helper.make_node("Mul", ["huge", "huge"], ["beyond"]),
        ]
    )
    with np.errstate(all="raise"):
        assert gru_lower.inspect(model).sites
        gru_lower.check(model)
        assert gru_lower.lower(model, verify=False).report.sites
