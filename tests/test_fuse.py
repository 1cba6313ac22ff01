"""Fusing: real exports, chains the project lowered itself, what stays, and what a user reads of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.graph.scopes import is_onnx, walk
from lowering import run
from spelling import mutate, spell
from spelling.judge import judge
from strategies import WEIGHTS, random_case
from update_fusing import FIRST_STEP_STAYS, NO_GRU, PAGE, page, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

Array = np.ndarray[Any, np.dtype[Any]]
TOLERANCE = 5e-6

BROKEN_AS_EXPORTED = {
    # The exporter lost the index that outputs are written to: it computes something else than the framework did.
    "tf2onnx__hand_while_ta_reverse",
}
STEP_OPERATORS = {"Loop", "Scan", "Sigmoid", "Tanh", "HardSigmoid", "Relu", "Softsign", "Exp"}


def samples(shared: Path, *kinds: str) -> Iterator[str]:
    """Yield the names of exports of some kinds."""
    for row in rows(shared):
        if row["kind"] in kinds:
            yield row["sample"]


def recorded(folder: Path) -> Iterator[dict[str, Array]]:
    """Yield the framework's own inputs and outputs: one file, or two with other sizes."""
    for name in ("io.npz", "io2.npz"):
        if (folder / name).exists():
            with np.load(folder / name) as file:
                yield dict(file)


def equals_framework(model: onnx.ModelProto, folder: Path, tolerance: float = TOLERANCE) -> None:
    """Assert that a model computes what the framework did."""
    for values in recorded(folder):
        given = {name.removeprefix("in__"): value for name, value in values.items() if name.startswith("in__")}
        inputs = {value.name for value in model.graph.input}
        results = run(model, {name: value for name, value in given.items() if name in inputs})
        for name, value in values.items():
            if name.startswith("out__"):
                np.testing.assert_allclose(
                    results[name[5:]], value, atol=tolerance, rtol=tolerance, err_msg=folder.name
                )


def equals_original(model: onnx.ModelProto, original: onnx.ModelProto, folder: Path) -> None:
    """Assert that a model computes what another one does, on the recorded inputs."""
    for values in recorded(folder):
        feeds = {name[4:]: value for name, value in values.items() if name.startswith("in__")}
        before, after = run(original, feeds), run(model, feeds)
        for name, value in before.items():
            np.testing.assert_allclose(after[name], value, atol=TOLERANCE, rtol=TOLERANCE, err_msg=folder.name)


def grus(model: onnx.ModelProto) -> int:
    """Count GRU nodes."""
    return sum(is_onnx(node, "GRU") for scope in walk(model) for node in scope.nodes)


def operators(model: onnx.ModelProto) -> set[str]:
    """Return the operators a model uses."""
    return {node.op_type for scope in walk(model) for node in scope.nodes}


def test_every_decomposed_export_becomes_gru_nodes(shared: Path) -> None:
    tried = 0
    for name in samples(shared, "decomposed"):
        folder = shared / "exports" / name
        result = gru_lower.fuse(folder / "model.onnx", verify=False)
        if name in NO_GRU:
            assert not any(site.action == "fused" for site in result.report.sites), f"{name} fuses now"
            continue
        assert grus(result.model), name
        if name not in FIRST_STEP_STAYS:
            assert not operators(result.model) & STEP_OPERATORS, name
        onnx.checker.check_model(result.model)
        if name in BROKEN_AS_EXPORTED:
            equals_original(result.model, onnx.load(folder / "model.onnx"), folder)
        else:
            equals_framework(result.model, folder)
        tried += 1
    assert tried > 100


@pytest.mark.slow
def test_the_table_of_exporters_says_what_is_so(shared: Path) -> None:
    assert page(shared) == PAGE.read_text(encoding="utf-8"), "write it anew: python tests/update_fusing.py"


def test_what_is_no_gru_stays_to_the_byte(shared: Path) -> None:
    for name in samples(shared, "negative", "masked", "intact"):
        folder = shared / "exports" / name
        read = (folder / "model.onnx").read_bytes()
        result = gru_lower.fuse(read, verify=False)
        assert result.model.SerializeToString(deterministic=True) == onnx.load_model_from_string(
            read
        ).SerializeToString(deterministic=True), name


def test_single_steps_fuse_on_request_only(shared: Path) -> None:
    folder = shared / "exports" / "keras_torch__grucell_step_resetbefore"
    assert not grus(gru_lower.fuse(folder / "model.onnx", verify=False).model)
    (seen,) = gru_lower.inspect(folder / "model.onnx").sites
    assert "one step, decomposed: gru_lower.fuse(steps=True)" in seen.message
    fused = gru_lower.fuse(folder / "model.onnx", steps=True)
    assert grus(fused.model) == 1
    assert fused.report.verification.status == "equivalent"
    equals_framework(fused.model, folder)


@pytest.mark.parametrize("linear_before_reset", [0, 1])
@pytest.mark.parametrize("form", ["unroll", "loop", "scan"])
def test_weights_come_back_bit_for_bit(form: str, linear_before_reset: int) -> None:
    model, w, r = one_gru(linear_before_reset)
    packing = "fused" if form == "scan" else "none"
    lowered = gru_lower.lower(model, passes=f"lower-gru{{form={form},packing={packing}}}", verify=False).model
    result = gru_lower.fuse(lowered)
    assert result.report.verification.status == "equivalent"
    (node,) = [node for node in result.model.graph.node if node.op_type == "GRU"]
    there = {tensor.name: numpy_helper.to_array(tensor) for tensor in result.model.graph.initializer}
    np.testing.assert_array_equal(there[node.input[1]], w)
    np.testing.assert_array_equal(there[node.input[2]], r)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("form", "packing"),
    [("unroll", "none"), ("loop", "none"), ("scan", "none"), ("scan", "inside"), ("scan", "fused")],
)
def test_what_was_lowered_comes_back(form: str, packing: str, seed: int) -> None:
    """Whatever the direction, the layout and the sizes that are open; two directions come back as one GRU."""
    case = random_case(
        np.random.default_rng(seed), opset=17, dtype=np.float32, constants=WEIGHTS, sequence_lens=None,
        activations=None, static=form == "unroll" or seed % 2 == 0, I=3, H=4, N=1 + seed % 3 // 2, T=5,
    )  # fmt: skip
    model = case.model()
    if form == "unroll":
        for value in (*model.graph.input, *model.graph.output):
            axis = 0 if case.attributes.get("layout") else len(value.type.tensor_type.shape.dim) - 2
            value.type.tensor_type.shape.dim[axis].dim_param = "N"
    lowered = gru_lower.lower(model, passes=f"lower-gru{{form={form},packing={packing}}}", verify=False).model
    result = gru_lower.fuse(lowered)
    assert result.report.verification.status == "equivalent", (case, result.report.diagnostics)
    assert grus(result.model) == 1, case
    assert not operators(result.model) & STEP_OPERATORS


def test_layers_that_begin_with_the_same_input_are_judged_on_one_batch() -> None:
    """The second layer's nodes stand behind the first's GRU, whose batch is that of the second."""
    rng = np.random.default_rng(2)
    shapes = {"W": (1, 12, 4), "R": (1, 12, 4), "B": (1, 24)}
    weights = {
        f"{name}{layer}": rng.standard_normal(shape).astype(np.float32)
        for layer in (1, 2)
        for name, shape in shapes.items()
    }
    nodes = [
        helper.make_node("GRU", ["X", "W1", "R1", "B1", "", "h"], ["Y1", ""], hidden_size=4, linear_before_reset=1),
        helper.make_node("Squeeze", ["Y1", "one"], ["X2"]),
        helper.make_node("GRU", ["X2", "W2", "R2", "B2", "", "h"], ["Y"], hidden_size=4, linear_before_reset=1),
    ]
    graph = helper.make_graph(
        nodes,
        "two",
        [
            helper.make_tensor_value_info("X", TensorProto.FLOAT, [3, "batch", 4]),
            helper.make_tensor_value_info("h", TensorProto.FLOAT, [1, "batch", 4]),
        ],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in {**weights, "one": np.array([1])}.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    lowered = gru_lower.lower(model, passes="lower-gru{form=unroll,vocabulary=minimal}", verify=False).model
    result = gru_lower.fuse(lowered)
    assert grus(result.model) == 2, result.report.diagnostics


def one_gru(linear_before_reset: int, steps: int = 5) -> tuple[onnx.ModelProto, Array, Array]:
    """Return a model of one GRU with random weights, W and R."""
    rng = np.random.default_rng(1)
    w, r = (rng.standard_normal(shape).astype(np.float32) for shape in ((1, 12, 3), (1, 12, 4)))
    b = rng.standard_normal((1, 24)).astype(np.float32)
    node = helper.make_node(
        "GRU", ["X", "W", "R", "B", "", "h0"], ["Y", "Y_h"], hidden_size=4, linear_before_reset=linear_before_reset
    )
    graph = helper.make_graph(
        [node],
        "one",
        [
            helper.make_tensor_value_info("X", TensorProto.FLOAT, [steps, 2, 3]),
            helper.make_tensor_value_info("h0", TensorProto.FLOAT, [1, 2, 4]),
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("Y", "Y_h")],
        [numpy_helper.from_array(array, name) for array, name in ((w, "W"), (r, "R"), (b, "B"))],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), w, r


def unrolled(
    step: Callable[[Cell, int, str], str], *, steps: int = 4, outputs: Sequence[str] = ("h",)
) -> onnx.ModelProto:
    """Return a hand-written loop of cells, unrolled.

    Args:
        step: Writes one step and returns the name of the new state.
        steps: How many.
        outputs: The graph's outputs: ``h`` is the last state.

    """
    cell = Cell()
    state = "h0"
    for time in range(steps):
        cell.node("Gather", ["x", cell.constant(np.array(time))], f"x{time}", axis=0)
        state = step(cell, time, state)
    cell.node("Identity", [state], "h")
    graph = helper.make_graph(
        cell.nodes,
        "cells",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [steps, 2, 3]),
            helper.make_tensor_value_info("h0", TensorProto.FLOAT, [2, 4]),
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        cell.initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


class Cell:
    """Writes the nodes of cells with seeded weights."""

    def __init__(self) -> None:
        """Draw the weights."""
        rng = np.random.default_rng(3)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[TensorProto] = []
        for gate in "zrn":
            for name, shape in ((f"W{gate}", (3, 4)), (f"R{gate}", (4, 4)), (f"b{gate}", (4,))):
                self.constant(rng.standard_normal(shape).astype(np.float32), name)
        self.constant(np.array(1, np.float32), "one")

    def constant(self, array: Array, name: str = "") -> str:
        """Add an initializer."""
        name = name or f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add a node."""
        self.nodes.append(helper.make_node(op, list(inputs), [output], **attributes))
        return output

    def gate(self, gate: str, time: int, state: str, *, function: str = "Sigmoid", x: str = "", r: str = "") -> str:
        """Write f(x W + state R + b)."""
        name = f"{gate}{time}"
        self.node("MatMul", [x or f"x{time}", f"W{gate}"], f"{name}/x")
        self.node("MatMul", [state, r or f"R{gate}"], f"{name}/h")
        self.node("Sum", [f"{name}/x", f"{name}/h", f"b{gate}"], f"{name}/pre")
        return self.node(function, [f"{name}/pre"], name)

    def step(self, time: int, state: str, *, x: str = "") -> str:
        """Write a whole step with linear_before_reset = 0."""
        z, r = self.gate("z", time, state, x=x), self.gate("r", time, state, x=x)
        n = self.gate("n", time, self.node("Mul", [r, state], f"rh{time}"), function="Tanh", x=x)
        return self.update(time, z, n, state)

    def update(self, time: int, z: str, n: str, state: str) -> str:
        """Write n + z (state - n)."""
        self.node("Sub", [state, n], f"d{time}")
        self.node("Mul", [z, f"d{time}"], f"zd{time}")
        return self.node("Add", [n, f"zd{time}"], f"h{time + 1}")


def fused(model: onnx.ModelProto, **options: Any) -> gru_lower.Result[onnx.ModelProto]:
    """Fuse, and hold the result to the original on inputs of every size of state."""
    result = gru_lower.fuse(model, **options)
    assert result.report.verification.status in ("equivalent", "not_run")
    rng = np.random.default_rng(0)
    for scale in (0, 1, 30):
        feeds = {
            value.name: (rng.standard_normal([d.dim_value for d in value.type.tensor_type.shape.dim]) * scale).astype(
                np.float32
            )
            for value in model.graph.input
        }
        before, after = run(model, feeds), run(result.model, feeds)
        for name, value in before.items():
            np.testing.assert_allclose(after[name], value, atol=2e-6, rtol=2e-6)
    return result


def test_a_state_used_elsewhere_comes_from_Y() -> None:
    model = unrolled(lambda cell, time, state: cell.step(time, state), outputs=("h", "h2"))
    result = fused(model)
    assert grus(result.model) == 1
    assert not operators(result.model) & STEP_OPERATORS
    assert [value.name for value in result.model.graph.output] == ["h", "h2"]


def test_a_gate_used_elsewhere_is_computed_from_the_states_of_the_gru() -> None:
    model = unrolled(lambda cell, time, state: cell.step(time, state), outputs=("h", "z2"))
    result = fused(model)
    assert grus(result.model) == 1
    assert sum(node.op_type == "Sigmoid" for node in result.model.graph.node) == 1


def test_layers_above_one_another_become_one_gru_each() -> None:
    def two(cell: Cell, time: int, state: str) -> str:
        below = cell.step(time, state)
        if not time:
            cell.node("Mul", ["h0", "one"], "g0")
        above = f"g{time}"
        for gate in "zrn":
            if not time:
                rng = np.random.default_rng(ord(gate))
                cell.constant(rng.standard_normal((4, 4)).astype(np.float32), f"V{gate}")
            cell.node("MatMul", [below, f"V{gate}"], f"{gate}{time}/V")
        z, r = (
            cell.node(
                "Sigmoid",
                [
                    cell.node(
                        "Add",
                        [f"{gate}{time}/V", cell.node("MatMul", [above, f"R{gate}"], f"a{gate}{time}")],
                        f"p{gate}{time}",
                    )
                ],
                f"s{gate}{time}",
            )
            for gate in "zr"
        )
        reset = cell.node("MatMul", [cell.node("Mul", [r, above], f"q{time}"), "Rn"], f"qn{time}")
        n = cell.node("Tanh", [cell.node("Add", [f"n{time}/V", reset], f"pn{time}")], f"m{time}")
        cell.node("Sub", ["one", z], f"u{time}")
        cell.node(
            "Add",
            [cell.node("Mul", [z, above], f"k{time}"), cell.node("Mul", [f"u{time}", n], f"l{time}")],
            f"g{time + 1}",
        )
        return below

    result = fused(unrolled(two, outputs=("h", "g4")))
    assert grus(result.model) == 2
    assert not operators(result.model) & STEP_OPERATORS


def test_an_input_that_hangs_on_the_state_is_feedback() -> None:
    def feedback(cell: Cell, time: int, state: str) -> str:
        if not time:
            cell.constant(np.random.default_rng(7).standard_normal((4, 3)).astype(np.float32), "out")
        cell.node("Relu", [cell.node("MatMul", [state, "out"], f"o{time}")], f"fed{time}")
        return cell.step(time, state, x=f"fed{time}")

    result = fused(unrolled(feedback))
    assert not grus(result.model)
    assert any("feeds back" in site.message for site in result.report.sites)


def test_other_weights_in_one_step_split_the_row() -> None:
    def changed(cell: Cell, time: int, state: str) -> str:
        if time != 2:
            return cell.step(time, state)
        cell.constant(np.random.default_rng(9).standard_normal((4, 4)).astype(np.float32), "other")
        z, r = cell.gate("z", time, state, r="other"), cell.gate("r", time, state)
        n = cell.gate("n", time, cell.node("Mul", [r, state], f"rh{time}"), function="Tanh")
        return cell.update(time, z, n, state)

    result = fused(unrolled(changed, steps=5))
    assert [site.spec.seq_length for site in result.report.sites if site.action == "fused"] == [2, 2]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("two", "do not come to 1"),
        ("same gate", "the reset gate and the update gate are the same gate"),
        ("no reset", "a UGRNN: it has no reset gate"),
        ("extra", "is added behind the candidate's function"),
    ],
)
def test_what_does_not_fit_is_named(wrong: str, words: str) -> None:
    def step(cell: Cell, time: int, state: str) -> str:
        z = cell.gate("z", time, state)
        r = z if wrong == "same gate" else cell.gate("r", time, state)
        gated = state if wrong == "no reset" else cell.node("Mul", [r, state], f"rh{time}")
        n = cell.gate("n", time, gated, function="Tanh")
        if wrong == "extra":
            n = cell.node("Add", [n, f"n{time}/pre"], f"nn{time}")
        if wrong == "two":
            if not time:
                cell.constant(np.array(2, np.float32), "two")
            keep = cell.node("Sub", ["two", z], f"u{time}")
            cell.node(
                "Add",
                [cell.node("Mul", [z, state], f"a{time}"), cell.node("Mul", [keep, n], f"b{time}")],
                f"h{time + 1}",
            )
            return f"h{time + 1}"
        return cell.update(time, z, n, state)

    model = unrolled(step)
    assert not grus(fused(model).model)
    seen = [site for site in gru_lower.inspect(model).sites if site.action == "seen"]
    assert any(words in site.message for site in seen), [site.message for site in seen]
    assert not any("a constant is added" in site.message for site in seen)


def test_require_counts_what_was_fused() -> None:
    model = unrolled(lambda cell, time, state: cell.step(time, state))
    assert gru_lower.fuse(model, require=1, verify=False).report.sites
    with pytest.raises(gru_lower.Remaining, match="1 GRUs were fused, 2 were required"):
        gru_lower.fuse(model, require=2, verify=False)


def test_inspect_tells_what_fusing_would_do() -> None:
    (site,) = gru_lower.inspect(unrolled(lambda cell, time, state: cell.step(time, state))).sites
    assert site.action == "seen"
    assert "gru_lower.fuse makes a GRU of it" in site.message


@pytest.mark.parametrize("container", ["unrolled", "scan", "loop"])
def test_random_spellings_fuse_and_compute_the_same(container: str) -> None:
    seeds = range(25)
    found = {seed: judge(spell(seed, container, lengths=False), fuse_unverified) for seed in seeds}
    wrong = {seed: verdict for seed, verdict in found.items() if verdict.outcome in ("wrong", "error")}
    assert not wrong
    assert sum(verdict.outcome == "fused" for verdict in found.values()) >= 0.8 * len(found)


@pytest.mark.parametrize("container", ["unrolled", "scan", "loop"])
def test_near_misses_keep_their_numbers(container: str) -> None:
    for seed in range(40):
        near = mutate(seed, container)
        verdict = judge(near, fuse_unverified)
        assert verdict.outcome in ("left", "partly") or "r in n" in near.why, (seed, near.why, verdict)


def test_what_another_loop_left_behind_may_feed_back() -> None:
    """A leaf that stands for itself was once looked into without end."""
    verdict = judge(mutate(90126, "loop"), fuse_unverified)
    assert verdict.outcome == "left", verdict


def fuse_unverified(model: onnx.ModelProto) -> gru_lower.Result[onnx.ModelProto]:
    """Fuse without the net that running region and GRU side by side would be."""
    return gru_lower.fuse(model, verify=False)
