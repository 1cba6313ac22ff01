"""Several GRUs side by side that become one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.graph import model as graph_model
from gru_lower.proving.prove import prove
from lowering import lower, run

if TYPE_CHECKING:
    from pathlib import Path

T, B = 5, 2


@dataclass(frozen=True)
class Kind:
    """What all GRUs of a model have in common."""

    opset: int = 17
    direction: str = "forward"
    lbr: int = 1
    layout: int = 0
    clip: float | None = None
    g: str = "Tanh"
    lens: bool = False
    initial: str = ""
    dynamic: bool = False

    @property
    def D(self) -> int:
        return 2 if self.direction == "bidirectional" else 1


class Builder:
    """Writes a model of GRUs."""

    def __init__(self, kind: Kind) -> None:
        self.kind, self.rng = kind, np.random.default_rng(0)
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self.inputs: dict[str, np.ndarray[Any, Any]] = {}
        self.outputs: dict[str, tuple[Any, ...]] = {}

    def x(self, name: str, width: int) -> str:
        lead = (B, T) if self.kind.layout else (T, B)
        self.inputs[name] = self.rng.standard_normal((*lead, width)).astype(np.float32)
        return name

    def gru(
        self, name: str, x: str, width: int, H: int, *, bias: bool = True, outputs: str = "Y Y_h", **more: Any
    ) -> None:
        """Add one; its outputs are outputs of the model."""
        k = self.kind
        shapes = {"W": (k.D, 3 * H, width), "R": (k.D, 3 * H, H), "B": (k.D, 6 * H)}
        given = [x]
        for key, shape in shapes.items():
            given.append(f"{name}_{key}" if bias or key != "B" else "")
            if given[-1]:
                array = (self.rng.standard_normal(shape) * 0.5).astype(np.float32)
                self.tensors.append(numpy_helper.from_array(array, given[-1]))
        given += ["lens" if k.lens else "", f"{name}_h0" if k.initial else ""]
        state = (B, k.D, H) if k.layout else (k.D, B, H)
        if k.initial == "fed":
            self.inputs[f"{name}_h0"] = self.rng.uniform(-1, 1, state).astype(np.float32)
        elif k.initial:
            values = np.zeros(state) if k.initial == "zeros" else self.rng.uniform(-1, 1, state)
            self.tensors.append(numpy_helper.from_array(values.astype(np.float32), f"{name}_h0"))
        y = (B, T, k.D, H) if k.layout else (T, k.D, B, H)
        made = [f"{name}_{key}" if key in outputs.split() else "" for key in ("Y", "Y_h")]
        self.outputs |= {value: shape for value, shape in zip(made, (y, state), strict=True) if value}
        attributes: dict[str, Any] = {"hidden_size": H, "direction": k.direction, "linear_before_reset": k.lbr} | more
        attributes |= {"activations": ["Sigmoid", k.g] * k.D}
        attributes |= {"clip": k.clip} if k.clip else {}
        attributes |= {"layout": 1} if k.layout else {}
        self.nodes.append(helper.make_node("GRU", given, made, name=name, **attributes))

    def model(self) -> onnx.ModelProto:
        if self.kind.lens:
            self.inputs["lens"] = np.array([T, 2], np.int32)

        def info(name: str, shape: tuple[Any, ...], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
            dims = ["T" if dim == T else "N" if dim == B else dim for dim in shape] if self.kind.dynamic else shape
            return helper.make_tensor_value_info(name, kind, dims)

        graph = helper.make_graph(
            self.nodes,
            "grus",
            [
                info(name, array.shape, helper.np_dtype_to_tensor_dtype(array.dtype))
                for name, array in self.inputs.items()
            ],
            [info(name, shape) for name, shape in self.outputs.items()],
            self.tensors,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.kind.opset)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model


def merge(model: onnx.ModelProto, options: str = "") -> tuple[onnx.ModelProto, int]:
    """Return the model merged, and how many GRUs it has."""
    made, _ = lower(model, f"merge-gru{options}")
    onnx.checker.check_model(made, full_check=True)
    return made, sum(node.op_type == "GRU" for node in made.graph.node)


def agree(model: onnx.ModelProto, made: onnx.ModelProto, feeds: dict[str, Any]) -> None:
    found = run(made, feeds)
    for name, expected in run(model, feeds).items():
        np.testing.assert_allclose(found[name], expected, atol=2e-6, err_msg=name)


@given(
    kind=st.builds(
        Kind,
        opset=st.sampled_from((11, 17, 22)),
        direction=st.sampled_from(("forward", "reverse", "bidirectional")),
        lbr=st.sampled_from((0, 1)),
        clip=st.sampled_from((None, 0.3)),
        g=st.sampled_from(("Tanh", "Relu")),
        lens=st.booleans(),
        initial=st.sampled_from(("", "zeros", "constant", "fed")),
        dynamic=st.booleans(),
    ),
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    shared=st.booleans(),
    bias=st.sampled_from(((True, True), (True, False), (False, False))),
    outputs=st.sampled_from((("Y", "Y"), ("Y_h", "Y"), ("Y Y_h", "Y_h"))),
)
def test_any_number_of_any_kind(
    kind: Kind, sizes: list[int], *, shared: bool, bias: tuple[bool, bool], outputs: tuple[str, str]
) -> None:
    """Over one input or their own, of any sizes; what each gave is what it gives."""
    b = Builder(kind)
    for place, H in enumerate(sizes):
        first = place == 0
        x, width = (b.x("X", 3), 3) if shared and first else ("X", 3) if shared else (b.x(f"X{place}", H + 1), H + 1)
        b.gru(f"g{place}", x, width, H, bias=bias[not first], outputs=outputs[not first])
    model = b.model()
    made, left = merge(model)
    assert left == 1
    agree(model, made, b.inputs)


def test_batch_major() -> None:
    b = Builder(Kind(layout=1, initial="fed"))
    for place, H in enumerate((2, 3)):
        b.gru(f"g{place}", b.x(f"X{place}", 4), 4, H)
    model = b.model()
    made, left = merge(model)
    assert left == 1
    lowered = gru_lower.lower(model, passes="merge-gru,lower-gru")
    assert lowered.report.verification.status == "equivalent"
    assert {node.op_type for node in lowered.model.graph.node}.isdisjoint({"GRU"})
    assert [site.action for site in lowered.report.sites] == ["merged", "merged", "lowered"]
    assert made.graph.output == model.graph.output


@pytest.mark.parametrize(
    ("why", "options"),
    [
        ("depends", ""),
        ("length", ""),
        ("reset", ""),
        ("lens", ""),
        ("weights", ""),
        ("large", "{hidden=4}"),
        ("batch", "{values=9}"),
    ],
)
def test_what_stays_apart(why: str, options: str) -> None:
    """One needs the other, they differ, or there is too much of them."""
    b = Builder(Kind())
    b.gru("g0", b.x("X0", 3), 3, 3, outputs="Y")
    x = b.x("X1", 3)
    if why == "depends":
        b.nodes.append(helper.make_node("Squeeze", ["g0_Y", "one"], ["X2"]))
        b.tensors.append(numpy_helper.from_array(np.array([1]), "one"))
        b.nodes.append(helper.make_node("Add", ["X2", x], ["X3"]))
        x = "X3"
    if why == "length":
        b.inputs[x] = b.inputs[x][:3]
    more: dict[str, Any] = {"linear_before_reset": 0} if why == "reset" else {}
    b.gru("g1", x, 3, 3, outputs="Y_h", **more)
    if why == "lens":
        b.nodes[-1].input[4] = "own"
        b.tensors.append(numpy_helper.from_array(np.array([2, 3], np.int32), "own"))
    if why == "weights":
        b.inputs["g1_R"] = numpy_helper.to_array(b.tensors.pop(-2))
    model = b.model()
    made, left = merge(model, options)
    assert left == 2
    assert made.SerializeToString() == model.SerializeToString()


def test_pairs_that_wait_for_each_other_are_not_crossed() -> None:
    """A leads to D and C leads to B: A and B, C and D would be a circle; A and C, B and D are none."""
    b = Builder(Kind())
    b.tensors.append(numpy_helper.from_array(np.array([1]), "one"))
    for first, second in (("A", "D"), ("C", "B")):
        b.gru(first, b.x(f"X{first}", 3), 3, 3, outputs="Y")
        b.nodes.append(helper.make_node("Squeeze", [f"{first}_Y", "one"], [f"X{second}"]))
        b.gru(second, f"X{second}", 3, 3, outputs="Y")
    model = b.model()
    made, left = merge(model)
    assert left == 2
    agree(model, made, b.inputs)


@pytest.mark.parametrize("passes", ["merge-gru", "lower-gru", "merge-gru,lower-gru"])
def test_nodes_out_of_order(passes: str) -> None:
    """Taken by onnxruntime. Nothing tells there what comes first; what is lowered is put in order."""
    b = Builder(Kind())
    b.gru("A", b.x("X", 3), 3, 3, outputs="Y")
    b.tensors.append(numpy_helper.from_array(np.array([1]), "one"))
    b.nodes.append(helper.make_node("Squeeze", ["A_Y", "one"], ["XB"]))
    b.gru("B", "XB", 3, 3, outputs="Y")
    model = b.model()
    disordered = onnx.ModelProto.FromString(model.SerializeToString())
    del disordered.graph.node[:]
    disordered.graph.node.extend(reversed(model.graph.node))
    made, result = lower(disordered, passes)
    assert all(site.action != "merged" for site in result.sites)
    if "lower-gru" in passes:
        onnx.checker.check_model(made, full_check=True)
    agree(model, made, b.inputs)


def test_as_many_as_fit() -> None:
    """Five of H = 3 within 7 are two pairs and one."""
    b = Builder(Kind())
    for place in range(5):
        b.gru(f"g{place}", b.x(f"X{place}", 2), 2, 3)
    model = b.model()
    made, left = merge(model, "{hidden=7}")
    assert left == 3
    agree(model, made, b.inputs)


def test_weights_in_a_file_stay_there(tmp_path: Path) -> None:
    b = Builder(Kind())
    for place in range(2):
        b.gru(f"g{place}", b.x(f"X{place}", 2), 2, 3)
    path = tmp_path / "model.onnx"
    onnx.save(b.model(), path, save_as_external_data=True, size_threshold=0)
    result = gru_lower.lower(path, passes="merge-gru", verify=False)
    assert sum(node.op_type == "GRU" for node in result.model.graph.node) == 2


def test_a_speech_model_of_small_grus(shared: Path) -> None:
    """Its 14 GRUs are 10, and lowered they are half as many Scans; each of the 14 is proved to be there."""
    path = shared / "models" / "gtcrn_stream_simple" / "model.onnx"
    merged, apart = (gru_lower.lower(path, passes=passes) for passes in ("merge-gru,lower-gru", "lower-gru"))
    assert merged.report.verification.status == "equivalent"
    there = prove(graph_model.load(path), graph_model.parse(merged.model.SerializeToString()))
    assert [proof.proved for proof in there] == [True] * 14
    scans = [sum(node.op_type == "Scan" for node in each.model.graph.node) for each in (merged, apart)]
    assert scans == [2, 4]
