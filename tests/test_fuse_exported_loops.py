"""Cells as exporters leave them in graphs: split into sequences, turned in time, feeding each other, in a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.graph.scopes import is_onnx

if TYPE_CHECKING:
    from collections.abc import Sequence

T, B, I, H = 5, 2, 3, 4


class Graph:
    """Collects the nodes and constants of a model, or of a loop's body."""

    def __init__(self) -> None:
        """Start with the constants that every model here has."""
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray[Any, Any]] = {
            "sizes": np.array([H] * 3),
            "four": np.array(H),
            "zero": np.array(0),
            "yes": np.ones((), bool),
            **{f"t{i}": np.array(i) for i in range(T)},
            "ends": np.array([-(2**31)]),
            "minus": np.array([-1]),
            "axes": np.array([0]),
        }

    def op(self, op: str, given: Sequence[str], made: str, **attributes: Any) -> str:
        """Append a node with one output and return the output's name."""
        self.nodes.append(helper.make_node(op, list(given), [made], **attributes))
        return made

    def weights(self, prefix: str, size: int) -> None:
        """Add the weights of a cell."""
        rng = np.random.default_rng(len(self.constants))
        for name, shape in (("W", (size, 3 * H)), ("R", (H, 3 * H)), ("b", (3 * H,)), ("c", (3 * H,))):
            self.constants[prefix + name] = rng.uniform(-0.5, 0.5, shape).astype(np.float32)

    def cell(self, prefix: str, x: str, state: str, made: str, *, weights: str = "", sequences: str = "") -> str:
        """Append a cell: its chunks are outputs of a Split, or of a SplitToSequence by one size or by all sizes."""
        a = self.op("Add", [self.op("MatMul", [x, f"{weights}W"], f"{prefix}xw"), f"{weights}b"], f"{prefix}xb")
        b = self.op("Add", [self.op("MatMul", [state, f"{weights}R"], f"{prefix}hr"), f"{weights}c"], f"{prefix}hb")
        parts: dict[str, list[str]] = {}
        for given in (a, b):
            if not sequences:
                parts[given] = [f"{given}{gate}" for gate in "zrn"]
                self.nodes.append(helper.make_node("Split", [given, "sizes"], parts[given], axis=1))
                continue
            chunks = self.op("SplitToSequence", [given, sequences], f"{given}s", axis=1)
            parts[given] = [self.op("SequenceAt", [chunks, f"t{i}"], f"{given}{i}") for i in range(3)]
        (xz, xr, xn), (hz, hr, hn) = parts[a], parts[b]
        z = self.op("Sigmoid", [self.op("Add", [xz, hz], f"{prefix}pz")], f"{prefix}z")
        r = self.op("Sigmoid", [self.op("Add", [xr, hr], f"{prefix}pr")], f"{prefix}r")
        p = self.op("Add", [xn, self.op("Mul", [r, hn], f"{prefix}rn")], f"{prefix}pn")
        n = self.op("Tanh", [p], f"{prefix}n")
        d = self.op("Mul", [z, self.op("Sub", [state, n], f"{prefix}d")], f"{prefix}zd")
        return self.op("Add", [n, d], made)

    def model(self, inputs: dict[str, Sequence[int | str]], *outputs: str) -> onnx.ModelProto:
        """Return the model."""
        graph = helper.make_graph(
            self.nodes,
            "model",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in inputs.items()],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            [numpy_helper.from_array(array, name) for name, array in self.constants.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def fused(model: onnx.ModelProto, count: int, **options: Any) -> list[onnx.NodeProto]:
    """Fuse, verified; return the GRUs."""
    result = gru_lower.fuse(model, require=count, **options)
    assert result.report.verification.status == "equivalent"
    return [node for node in result.model.graph.node if is_onnx(node, "GRU")]


def directions(grus: Sequence[onnx.NodeProto]) -> list[str]:
    return [next((a.s.decode() for a in node.attribute if a.name == "direction"), "forward") for node in grus]


@pytest.mark.parametrize("sequences", ["four", "sizes"])
def test_chunks_in_a_sequence_are_a_split(sequences: str) -> None:
    graph, state = Graph(), "h0"
    graph.weights("", I)
    for t in range(3):
        state = graph.cell(
            f"s{t}", graph.op("Gather", ["X", f"t{t}"], f"x{t}"), state, f"h{t + 1}", sequences=sequences
        )
    assert len(fused(graph.model({"X": [3, B, I], "h0": [B, H]}, state), 1)) == 1


@pytest.mark.parametrize("layers", [2, 3])
def test_steps_that_feed_each_other_are_grus_of_their_own(layers: int) -> None:
    graph, state = Graph(), "h0"
    graph.weights("", H)
    graph.constants["M"] = np.random.default_rng(1).uniform(-0.5, 0.5, (H, H)).astype(np.float32)
    for k in range(layers):
        message = graph.op("MatMul", ["A", graph.op("MatMul", [state, "M"], f"sm{k}")], f"m{k}")
        state = graph.cell(f"s{k}", message, state, f"h{k + 1}")
    model = graph.model({"A": [B, B], "h0": [B, H]}, state)
    assert len(fused(model, layers, steps=True)) == layers
    assert [site.code for site in gru_lower.fuse(model).report.sites] == ["GL802"]


def turned(graph: Graph, value: str, made: str) -> str:
    return graph.op("Slice", [value, "minus", "ends", "axes", "minus"], made)


def unrolled(graph: Graph, prefix: str, x: str) -> str:
    state = "h0"
    states = []
    for t in range(T):
        read = graph.op("Gather", [x, f"t{t}"], f"{prefix}x{t}")
        state = graph.cell(f"{prefix}{t}", read, state, f"{prefix}h{t}", weights=prefix)
        states.append(graph.op("Unsqueeze", [state, "axes"], f"{prefix}u{t}"))
    return graph.op("Concat", states, f"{prefix}Y", axis=0)


@pytest.mark.parametrize("length", [T, "T"])
def test_unrolled_cells_over_a_turned_input(length: int | str) -> None:
    graph = Graph()
    graph.weights("b", I)
    made = turned(graph, unrolled(graph, "b", turned(graph, "X", "Xr")), "Y")
    grus = fused(graph.model({"X": [length, B, I], "h0": [B, H]}, made), 1)
    assert directions(grus) == (["reverse"] if length == T else ["forward"])


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_stack_of_both_directions(layers: int) -> None:
    graph, x = Graph(), "X"
    for layer in range(layers):
        for way in "fb":
            graph.weights(f"{way}{layer}", 2 * H if layer else I)
        forward = unrolled(graph, f"f{layer}", x)
        backward = turned(graph, unrolled(graph, f"b{layer}", turned(graph, x, f"Xr{layer}")), f"back{layer}")
        x = graph.op("Concat", [forward, backward], f"Y{layer}", axis=2)
    model = graph.model({"X": [T, B, I], "h0": [B, H]}, x)
    result = gru_lower.fuse(model, require=2 * layers)
    grus = [node for node in result.model.graph.node if is_onnx(node, "GRU")]
    assert directions(grus) == ["bidirectional"] * layers
    assert not [node for node in result.model.graph.node if node.op_type == "Slice"]


def loop_over(graph: Graph, x: str, tail: str) -> str:
    """Append a Loop that collects something in a sequence, as a scripted loop does; return it stacked."""
    body, info = Graph(), helper.make_tensor_value_info
    body.op("Gather", [x, "i"], "x")
    body.cell("c", "x", "h", "Ht", weights="w")
    kept = body.op("Tanh", [body.op("MatMul", ["Ht", "P"], "y")], "ty") if tail == "layer" else "Ht"
    body.op("SequenceInsert", ["seen", kept], "seen1")
    body.op("Identity", ["yes"], "still")
    states = [
        info("h", TensorProto.FLOAT, [B, H]),
        helper.make_tensor_sequence_value_info("seen", TensorProto.FLOAT, None),
    ]
    after = [
        info("Ht", TensorProto.FLOAT, [B, H]),
        helper.make_tensor_sequence_value_info("seen1", TensorProto.FLOAT, None),
    ]
    made = helper.make_graph(
        body.nodes,
        "body",
        [info("i", TensorProto.INT64, []), info("go", TensorProto.BOOL, []), *states],
        [info("still", TensorProto.BOOL, []), *after],
    )
    trips = graph.op("Gather", [graph.op("Shape", [x], "sizes_of_x"), "zero"], "trips")
    start = graph.op("SequenceEmpty", [], "none")
    graph.nodes.append(helper.make_node("Loop", [trips, "yes", "h0", start], ["last", "all"], body=made))
    return graph.op("ConcatFromSequence", ["all"], "Y", axis=0, new_axis=1)


@pytest.mark.parametrize("tail", ["states", "layer"])
@pytest.mark.parametrize("length", [T, "T"])
def test_a_loop_that_collects_in_a_sequence(tail: str, length: int | str) -> None:
    graph = Graph()
    graph.weights("w", I)
    graph.constants["P"] = np.random.default_rng(1).uniform(-0.5, 0.5, (H, I)).astype(np.float32)
    model = graph.model({"X": [length, B, I], "h0": [B, H]}, loop_over(graph, "X", tail), "last")
    result = gru_lower.fuse(model, require=1)
    assert result.report.verification.status == "equivalent"
    assert sum(node.op_type == "Loop" for node in result.model.graph.node) == (tail == "layer")


def test_a_loop_that_feeds_back_what_it_collects_stays() -> None:
    """The state is not only collected: the next step adds it to its input."""
    graph = Graph()
    graph.weights("w", I)
    graph.constants["P"] = np.random.default_rng(1).uniform(-0.5, 0.5, (H, I)).astype(np.float32)
    body, info = Graph(), helper.make_tensor_value_info
    body.op("Add", [body.op("Gather", ["X", "i"], "g"), "y"], "x")
    body.cell("c", "x", "h", "Ht", weights="w")
    body.op("Tanh", [body.op("MatMul", ["Ht", "P"], "yp")], "y1")
    body.op("Identity", ["go"], "still")
    before = [info("h", TensorProto.FLOAT, [B, H]), info("y", TensorProto.FLOAT, [B, I])]
    after = [info("Ht", TensorProto.FLOAT, [B, H]), info("y1", TensorProto.FLOAT, [B, I])]
    made = helper.make_graph(
        body.nodes,
        "body",
        [info("i", TensorProto.INT64, []), info("go", TensorProto.BOOL, []), *before],
        [info("still", TensorProto.BOOL, []), *after],
    )
    graph.nodes.append(helper.make_node("Loop", ["four", "", "h0", "y0"], ["last", "y"], body=made))
    result = gru_lower.fuse(graph.model({"X": [H, B, I], "h0": [B, H], "y0": [B, I]}, "last", "y"))
    assert not any(is_onnx(node, "GRU") for node in result.model.graph.node)


def projected(graph: Graph, how: str) -> tuple[str, dict[str, Sequence[int | str]]]:
    """Append what projects the input to the gates ahead; return it, and the model's inputs."""
    rng = np.random.default_rng(3)
    sizes: dict[str, tuple[int, ...]] = {"W": (I, 3 * H), "scale": (3 * H,), "mean": (3 * H,), "K": (3 * H, I, 1)}
    for name, shape in sizes.items():
        graph.constants[name] = rng.uniform(-0.5, 0.5, shape).astype(np.float32)
    graph.constants["var"] = rng.uniform(0.5, 2, (3 * H,)).astype(np.float32)
    graph.constants |= {"flat": np.array([-1, 3 * H]), "back": np.array([T, -1, 3 * H])}
    dims: Sequence[int | str] = [T, "B", 3 * H if how == "caller" else I]
    if how == "caller":
        return "X", {"X": dims, "h0": ["B", H]}
    made = graph.op("MatMul", ["X", "W"], "P0")
    if how == "batch normalization":
        flat = graph.op("Reshape", [made, "flat"], "P1")
        made = graph.op("BatchNormalization", [flat, "scale", "c", "mean", "var"], "P2")
        made = graph.op("Reshape", [made, "back"], "P")
    elif how == "convolution":
        made = graph.op("Conv", [graph.op("Transpose", ["X"], "P1", perm=[1, 2, 0]), "K", "b"], "P2")
        made = graph.op("Transpose", [made], "P", perm=[2, 0, 1])
    elif how == "layer normalization":
        made = graph.op("LayerNormalization", [made, "scale", "b"], "P", axis=-1)
    else:
        made = graph.op("Relu", [made], "P")
    return made, {"X": dims, "h0": ["B", H]}


def projected_model(how: str, *, peephole: bool = False) -> onnx.ModelProto:
    """Return unrolled steps of a GRU whose gates read what is projected as it is."""
    graph, state = Graph(), "h0"
    graph.weights("", I)
    p, inputs = projected(graph, how)
    for t in range(T):
        a = graph.op("Gather", [p, f"t{t}"], f"a{t}")
        b = graph.op("Add", [graph.op("MatMul", [state, "R"], f"hr{t}"), "c"], f"b{t}")
        graph.nodes += [
            helper.make_node("Split", [each, "sizes"], [f"{each}{gate}" for gate in "zrn"], axis=1) for each in (a, b)
        ]
        pz = graph.op("Add", [f"{a}z", f"{b}z"], f"pz{t}")
        if peephole:
            pz = graph.op("Add", [pz, graph.op("Tanh", [state], f"peep{t}")], f"pp{t}")
        z = graph.op("Sigmoid", [pz], f"z{t}")
        r = graph.op("Sigmoid", [graph.op("Add", [f"{a}r", f"{b}r"], f"pr{t}")], f"r{t}")
        n = graph.op("Tanh", [graph.op("Add", [f"{a}n", graph.op("Mul", [r, f"{b}n"], f"rn{t}")], f"pn{t}")], f"n{t}")
        d = graph.op("Mul", [z, graph.op("Sub", [state, n], f"d{t}")], f"zd{t}")
        state = graph.op("Add", [n, d], f"h{t + 1}")
    return graph.model(inputs, state)


@pytest.mark.parametrize("how", ["layer normalization", "rectified", "caller"])
def test_gates_that_are_projected_ahead_are_a_gru_where_that_is_asked_for(how: str) -> None:
    model = projected_model(how)
    result = gru_lower.fuse(model)
    assert [(site.action, site.code) for site in result.report.sites] == [("kept", "GL809")]
    (gru,) = fused(model, 1, projected=True)
    result = gru_lower.fuse(model, projected=True)
    w = next(tensor for tensor in result.model.graph.initializer if tensor.name == gru.input[1])
    assert np.array_equal(numpy_helper.to_array(w)[0], np.eye(3 * H, dtype=np.float32))


@pytest.mark.parametrize("how", ["batch normalization", "convolution"])
def test_what_scales_or_multiplies_ahead_folds_into_w(how: str) -> None:
    (gru,) = fused(projected_model(how), 1)
    assert gru.input[0] == "X"


def test_a_gate_that_reads_the_state_by_itself_is_not_projected_ahead() -> None:
    model = projected_model("caller", peephole=True)
    result = gru_lower.fuse(model, projected=True)
    assert not any(is_onnx(node, "GRU") for node in result.model.graph.node)
    assert [site.code for site in result.report.sites] == ["GL801"]


def on_learned_state(*, linear_before_reset: bool, off: float = 0.0) -> onnx.ModelProto:
    """Return unrolled steps whose first one has a learned state of it folded in, as optimizers leave them."""
    graph, rng = Graph(), np.random.default_rng(5)
    graph.weights("", I)
    learned = rng.uniform(-1, 1, (H,)).astype(np.float32)
    own = graph.constants
    folded = (learned @ own["R"] + own["c"] + np.float32(off)).astype(np.float32)
    own |= {"learned": learned, "one": np.array(1, np.float32)}
    for place, gate in enumerate("zrn"):
        stretch = slice(place * H, (place + 1) * H)
        own |= {f"k{gate}": folded[stretch], f"W{gate}": own["W"][:, stretch], f"R{gate}": own["R"][:, stretch]}
        own |= {f"b{gate}": own["b"][stretch], f"c{gate}": own["c"][stretch]}
    state = ""
    for t in range(T):
        x = graph.op("Gather", ["X", f"t{t}"], f"x{t}")
        a = {
            gate: graph.op("Add", [graph.op("MatMul", [x, f"W{gate}"], f"w{gate}{t}"), f"b{gate}"], f"a{gate}{t}")
            for gate in "zrn"
        }
        u = {
            gate: graph.op("Add", [graph.op("MatMul", [state, f"R{gate}"], f"m{gate}{t}"), f"c{gate}"], f"u{gate}{t}")
            if state
            else f"k{gate}"
            for gate in "zrn"
        }
        z, r = (graph.op("Sigmoid", [graph.op("Add", [a[g], u[g]], f"p{g}{t}")], f"{g}{t}") for g in "zr")
        if linear_before_reset:
            reset = graph.op("Mul", [r, u["n"]], f"rn{t}")
        else:
            reset = graph.op("MatMul", [graph.op("Mul", [r, state or "learned"], f"rh{t}"), "Rn"], f"rn{t}")
        n = graph.op("Tanh", [graph.op("Add", [a["n"], reset], f"pn{t}")], f"n{t}")
        kept = graph.op("Mul", [z, state or "learned"], f"zh{t}")
        new = graph.op("Mul", [graph.op("Sub", ["one", z], f"iz{t}"), n], f"zn{t}")
        state = graph.op("Add", [kept, new], f"h{t + 1}")
    return graph.model({"X": [T, "B", I]}, state)


@pytest.mark.parametrize("linear_before_reset", [False, True])
def test_a_learned_first_state_that_was_folded_is_initial_h(linear_before_reset: bool) -> None:  # noqa: FBT001
    model = on_learned_state(linear_before_reset=linear_before_reset)
    result = gru_lower.fuse(model, require=1)
    assert result.report.verification.status == "equivalent"
    (gru,) = fused(model, 1)
    assert len(gru.input) > 5
    assert not any(node.op_type == "Sigmoid" for node in result.model.graph.node)


def test_another_constant_in_the_first_step_is_no_state_of_the_others() -> None:
    result = gru_lower.fuse(on_learned_state(linear_before_reset=True, off=0.01), require=1)
    assert any(node.op_type == "Sigmoid" for node in result.model.graph.node)  # the first step stays
