"""Weights that several GRUs share are one constant when they are lowered, wherever the GRUs stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.graph import model as graph_model
from gru_lower.proving.prove import prove
from lowering import holds_gru, run

if TYPE_CHECKING:
    from pathlib import Path

Array = np.ndarray[Any, Any]
T, N, I, H, K = 4, 2, 3, 24, 4
PACKINGS = ("plain", "none", "inside", "fused", "block", "double", "triple")
RNG = np.random.default_rng(0)
WEIGHTS = {
    "W": RNG.standard_normal((1, 3 * H, I)).astype(np.float32),
    "R": RNG.standard_normal((1, 3 * H, H)).astype(np.float32),
    "B": RNG.standard_normal((1, 6 * H)).astype(np.float32),
}


def gru(number: int, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node("GRU", [f"X{number}", *WEIGHTS], [f"Y{number}"], hidden_size=H, **attributes)


def value(name: str, rank: int) -> onnx.ValueInfoProto:
    shapes: dict[int, list[int | str | None]] = {3: ["T", "N", I], 4: [None] * 4, 0: []}
    dims = shapes[rank]
    return helper.make_tensor_value_info(name, TensorProto.BOOL if not rank else TensorProto.FLOAT, dims)


def model_of(nodes: list[onnx.NodeProto], **kwargs: Any) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [value("yes", 0), *(value(f"X{k}", 3) for k in range(K))],
        [value(f"Y{k}", 4) for k in range(K)],
        [numpy_helper.from_array(array, name) for name, array in WEIGHTS.items()],
    )
    kwargs = {"ir_version": 8, "opset_imports": [helper.make_opsetid("", 17)]} | kwargs
    return helper.make_model(graph, **kwargs)


def side_by_side(**kwargs: Any) -> onnx.ModelProto:
    return model_of([gru(k) for k in range(K)], **kwargs)


def in_branches() -> onnx.ModelProto:
    """Two GRUs in the branches of an If, the others beside it."""
    branches = {
        f"{which}_branch": helper.make_graph(
            [helper.make_node("GRU", ["X0", *WEIGHTS], [f"{which}_Y"], hidden_size=H, direction=direction)],
            which,
            [],
            [value(f"{which}_Y", 4)],
        )
        for which, direction in (("then", "forward"), ("else", "reverse"))
    }
    return model_of([helper.make_node("If", ["yes"], ["Y0"], **branches), *(gru(k) for k in range(1, K))])


def in_a_function() -> onnx.ModelProto:
    """All GRUs in a function that holds the weights itself."""
    constants = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array))
        for name, array in WEIGHTS.items()
    ]
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    xs, ys = ([f"{letter}{k}" for k in range(K)] for letter in "XY")
    function = helper.make_function("own", "Tower", xs, ys, [*constants, *(gru(k) for k in range(K))], imports[:1])
    model = model_of([helper.make_node("Tower", xs, ys, domain="own")], opset_imports=imports, functions=[function])
    del model.graph.initializer[:]
    return model


def constants_of(model: onnx.ModelProto) -> int:
    """Return the bytes of all constants, wherever they stand."""

    def of(nodes: Any, initializers: Any = ()) -> int:
        size = int(sum(tensor.ByteSize() for tensor in initializers))
        for attribute in (attribute for node in nodes for attribute in node.attribute):
            inner = of(attribute.g.node, attribute.g.initializer) if attribute.HasField("g") else attribute.t.ByteSize()
            size += int(inner)
        return size

    return of(model.graph.node, model.graph.initializer) + sum(of(function.node) for function in model.functions)


def check(model: onnx.ModelProto, lowered: onnx.ModelProto) -> None:
    """Both give the same, with either branch."""
    onnx.checker.check_model(lowered, full_check=True)
    assert not holds_gru(lowered)
    for yes in (True, False):
        feeds = {f"X{k}": RNG.standard_normal((T, N, I)).astype(np.float32) for k in range(K)} | {"yes": np.array(yes)}
        for name, expected in run(model, feeds).items():
            np.testing.assert_allclose(run(lowered, feeds)[name], expected, atol=1e-5)


@pytest.mark.parametrize(
    "passes", [*(f"form=scan,packing={p}" for p in PACKINGS), "form=loop", "form=loop,vocabulary=minimal"]
)
def test_constants_do_not_multiply(passes: str) -> None:
    """As many bytes for four GRUs as for one; `plain` keeps what a body reads in the body."""
    model = side_by_side()
    single = model_of([gru(0)])
    del single.graph.output[1:]
    sizes = [
        constants_of(gru_lower.lower(each, passes=f"lower-gru{{{passes}}}", verify=False).model)
        for each in (model, single)
    ]
    lowered = gru_lower.lower(model, passes=f"lower-gru{{{passes}}}").model
    check(model, lowered)
    body = WEIGHTS["R"].nbytes + WEIGHTS["B"].nbytes
    small = (600 + 4 * (2 * H) ** 2) * K  # shapes, and what a packing adds states with
    assert sizes[0] < sizes[1] + small + (body * K if "plain" in passes else 0)


@pytest.mark.parametrize("form", ["scan", "loop", "unroll"])
@pytest.mark.parametrize("make", [side_by_side, in_branches, in_a_function])
def test_wherever_they_stand(form: Any, make: Any) -> None:
    """In branches and functions too, and for static sizes."""
    model = make()
    if form == "unroll":
        for value_info in model.graph.input[1:]:
            for dim, size in zip(value_info.type.tensor_type.shape.dim, (T, N), strict=False):
                dim.dim_value = size
        if model.functions:
            return  # a function has no shapes
    lowered = gru_lower.lower(model, form=form).model
    check(model, lowered)
    assert constants_of(lowered) < 1.1 * constants_of(model) + 600 * K
    names = [tensor.name for tensor in lowered.graph.initializer if tensor.name.startswith(("W/", "R/", "B/"))]
    assert model.functions or {"W/Wz", "R/Rh", "B/bz"} <= set(names)
    for proof in prove(*(graph_model.parse(each.SerializeToString()) for each in (model, lowered))):
        assert proof.proved or make is in_a_function, proof


def test_where_initializers_have_to_be_inputs() -> None:
    """IR version 3: what is shared are Constant nodes of the graph."""
    model = side_by_side(ir_version=3, opset_imports=[helper.make_opsetid("", 9)])
    for name, array in WEIGHTS.items():
        model.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape))
    lowered = gru_lower.lower(model, form="scan").model
    check(model, lowered)
    assert constants_of(lowered) < constants_of(model) + 1000 * K


def test_other_attributes_cut_what_they_need() -> None:
    """A GRU with linear_before_reset keeps a bias apart that the others add; a reverse one reads the same weights."""
    nodes = [gru(0), gru(1, linear_before_reset=1), gru(2, direction="reverse"), gru(3, linear_before_reset=1)]
    model = model_of(nodes)
    check(model, gru_lower.lower(model, form="scan").model)


def test_external_weights_stay_views(tmp_path: Path) -> None:
    """Each view stands there once."""
    path = tmp_path / "m.onnx"
    onnx.save(side_by_side(), path, save_as_external_data=True, location="m.data", size_threshold=0)
    lowered = gru_lower.lower(path, form="scan")
    views = [tensor for tensor in lowered.model.graph.initializer if tensor.external_data]
    assert len(views) == 6
    assert lowered.report.verification.status == "equivalent"


def test_what_is_kept_adds_nothing() -> None:
    """Where an operator is missing, no constant comes that nobody reads."""
    model = side_by_side()
    result = gru_lower.lower(model, passes="lower-gru{form=scan,forbid=Scan}", verify=False)
    assert result.model.SerializeToString() == model.SerializeToString()


@pytest.mark.parametrize("make", [side_by_side, in_branches, in_a_function])
def test_fused_again_they_are_shared(make: Any) -> None:
    """Loops of one set of matrices become GRUs of one W, R and B."""
    model = make()
    lowered = gru_lower.lower(model, form="loop", verify=False).model
    fused = gru_lower.fuse(lowered).model
    onnx.checker.check_model(fused, full_check=True)
    assert holds_gru(fused)
    assert constants_of(fused) < 1.1 * constants_of(model) + 600 * K
    feeds = {f"X{k}": RNG.standard_normal((T, N, I)).astype(np.float32) for k in range(K)} | {"yes": np.ones((), bool)}
    for name, expected in run(model, feeds).items():
        np.testing.assert_allclose(run(fused, feeds)[name], expected, atol=1e-5)
