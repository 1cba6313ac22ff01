"""Cells as people and exporters write them now and then, and masks that are no sequence_lens, in every container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
import zoo
from lowering import op_types, run
from masked_loops import Nodes
from spelling import spell
from spelling.judge import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Array = np.ndarray[Any, np.dtype[Any]]
Step = "Callable[[Nodes, str, str, list[str]], tuple[list[str], list[str]]]"
T, B, I, H = 5, 2, 3, 4
CONTAINERS = ("unrolled", "loop", "scan")
RNG = np.random.default_rng(7)
W, R, V = (RNG.normal(size=(3 * H, n)).astype(np.float32) for n in (I, H, H))
WB, RB = (RNG.normal(size=3 * H).astype(np.float32) for _ in range(2))


def gates(b: Nodes, gx: str, gh: str, h: str) -> str:
    """Append what comes after both products."""
    zx, rx, nx = b("Split", gx, outputs=3, axis=-1)
    zh, rh, nh = b("Split", gh, outputs=3, axis=-1)
    z, r = b("Sigmoid", b("Add", zx, zh)), b("Sigmoid", b("Add", rx, rh))
    n = b("Tanh", b("Add", nx, b("Mul", r, nh)))
    return str(b("Add", n, b("Mul", z, b("Sub", h, n))))


def affine(b: Nodes, x: str, weight: Array, bias: Array) -> str:
    """Append x Wᵀ + b."""
    return str(b("Add", b("MatMul", x, b.const(weight.T, np.float32)), b.const(bias, np.float32)))


def cell(b: Nodes, x: str, h: str, weight: Array = W) -> str:
    """Append a step."""
    return gates(b, affine(b, x, weight, WB), affine(b, h, R, RB), h)


def value(name: str, shape: list[int] | None, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    """Declare a value."""
    return helper.make_tensor_value_info(name, kind, shape)


def spelled(
    container: str,
    step: Any,
    *,
    states: int = 1,
    outputs: int = 1,
    shape: tuple[int, ...] = (T, B, I),
    state: tuple[int, ...] = (B, H),
    functions: list[onnx.FunctionProto] | None = None,
) -> onnx.ModelProto:
    """Return a model whose steps are ``step(nodes, t, states) -> (states, outputs)``; x is read by ``t``."""
    e = Nodes("main_")
    last = [f"h{n}" for n in range(states)]
    if container == "unrolled":
        rows = []
        for t in range(T):
            last, ys = step(e, e.const(t), last)
            rows.append(ys)
        stacked = [e("Concat", *(e("Unsqueeze", r[n], e.const([0])) for r in rows), axis=0) for n in range(outputs)]
    else:
        b = Nodes("body_")
        names = [f"s{n}" for n in range(states)]
        new, ys = step(b, "t", names)
        kept = [value(b("Identity", name), None) for name in (*new, *ys)]
        carried = [value(name, None) for name in names]
        if container == "loop":
            go = value(b("Identity", "go"), [], TensorProto.BOOL)
            infos = [value("t", [], TensorProto.INT64), value("go", [], TensorProto.BOOL), *carried]
            body = helper.make_graph(b.nodes, "step", infos, [go, *kept], b.initializers)
            found = e("Loop", e.const(T), e.const(1, bool), *last, outputs=states + outputs, body=body)
        else:
            after = value(b("Add", "t", b.const(1)), None, TensorProto.INT64)
            infos = [*carried, value("t", None, TensorProto.INT64), value("unread", None)]
            body = helper.make_graph(b.nodes, "step", infos, [*kept[:states], after, *kept[states:]], b.initializers)
            given = [*last, e.const(0), "x"]
            found = e("Scan", *given, outputs=states + outputs + 1, body=body, num_scan_inputs=1)
            found = found[:states] + found[states + 1 :]
        last, stacked = found[:states], found[states:]
    results = [*last, *stacked]
    for number, name in enumerate(results):
        e.nodes.append(helper.make_node("Identity", [name], [f"out{number}"]))
    inputs = [value("x", list(shape)), *(value(f"h{n}", list(state)) for n in range(states))]
    inputs += [value(name, [B], TensorProto.INT64) for name in ("lens", "others")]
    graph = helper.make_graph(
        e.nodes, "unusual", inputs, [value(f"out{n}", None) for n in range(len(results))], e.initializers
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, functions=functions or [])


def feeds(model: onnx.ModelProto) -> Iterator[dict[str, Array]]:
    """Yield inputs of several sizes; lengths may be negative or more than T."""
    for seed, scale in enumerate((1, 5, 0.3, 1)):
        rng = np.random.default_rng(seed)
        fed: dict[str, Array] = {}
        for info in model.graph.input:
            shape = [dim.dim_value for dim in info.type.tensor_type.shape.dim]
            if info.type.tensor_type.elem_type == TensorProto.INT64:
                fed[info.name] = rng.integers(-1, T + 3, shape)
            else:
                fed[info.name] = (rng.normal(size=shape) * scale).astype(np.float32)
        yield fed


def fused(model: onnx.ModelProto) -> onnx.ModelProto:
    """Fuse, and hold what comes of it to what there was."""
    made = gru_lower.fuse(model, verify=False).model
    assert isinstance(made, onnx.ModelProto)
    for fed in feeds(model):
        before, after = run(model, fed), run(made, fed)
        for name, array in before.items():
            np.testing.assert_allclose(after[name], array, atol=2e-5, rtol=2e-5)
    return made


def read(b: Nodes, t: str) -> str:
    """Append x of step t."""
    return str(b("Gather", "x", t, axis=0))


# -- what is one -----------------------------------------------------------------------------------------


def test_nodes_of_two_directions_may_stand_in_either_order() -> None:
    spelled_ = spell(53049, "unrolled")
    assert judge(spelled_, lambda model: gru_lower.fuse(model, verify=False)).outcome == "fused"


def of_vectors(b: Nodes, t: str, h: list[str]) -> Any:
    new = cell(b, read(b, t), h[0])
    return [new], [new]


def by_matrix_first(b: Nodes, t: str, h: list[str]) -> Any:
    gx, gh = (
        b("Add", b("MatMul", b.const(m, np.float32), v), b.const(c, np.float32))
        for m, v, c in ((W, read(b, t), WB), (R, h[0], RB))
    )
    zx, rx, nx = b("Split", gx, outputs=3, axis=0)
    zh, rh, nh = b("Split", gh, outputs=3, axis=0)
    z, r = b("Sigmoid", b("Add", zx, zh)), b("Sigmoid", b("Add", rx, rh))
    n = b("Tanh", b("Add", nx, b("Mul", r, nh)))
    new = b("Add", n, b("Mul", z, b("Sub", h[0], n)))
    return [new], [new]


def all_gates_at_once(equation: str) -> Any:
    """Return a step whose matrices have an axis of their own for the gates."""

    def step(b: Nodes, t: str, h: list[str]) -> Any:
        parts, axis = [], 1 if equation else 0
        for v, m, c in ((read(b, t), W, WB), (h[0], R, RB)):
            weight = m.reshape(3, H, -1)
            if equation:
                made = b("Einsum", v, b.const(weight, np.float32), equation=equation)
                made = b("Add", made, b.const(c.reshape(3, H), np.float32))
            else:
                made = b("MatMul", b("Unsqueeze", v, b.const([0])), b.const(weight.transpose(0, 2, 1), np.float32))
                made = b("Add", made, b.const(c.reshape(3, 1, H), np.float32))
            parts.append([b("Gather", made, b.const(n), axis=axis) for n in range(3)])
        (zx, rx, nx), (zh, rh, nh) = parts
        z, r = b("Sigmoid", b("Add", zx, zh)), b("Sigmoid", b("Add", rx, rh))
        n = b("Tanh", b("Add", nx, b("Mul", r, nh)))
        new = b("Add", n, b("Mul", z, b("Sub", h[0], n)))
        return [new], [new]

    return step


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(
    ("step", "batched"),
    [
        (of_vectors, False),
        (by_matrix_first, False),
        (all_gates_at_once(""), True),
        (all_gates_at_once("bi,ghi->bgh"), True),
    ],
    ids=["vectors", "matrix first", "stacked matrices", "einsum"],
)
def test_products_of_every_shape_are_read(container: str, step: Any, *, batched: bool) -> None:
    one = spelled(container, step) if batched else spelled(container, step, shape=(T, I), state=(H,))
    made = fused(one)
    assert not op_types(made) & {"Loop", "Scan", "Sigmoid", "Tanh"}


@pytest.mark.parametrize("container", CONTAINERS)
def test_both_directions_in_one_body_are_two_grus(container: str) -> None:
    def step(b: Nodes, t: str, h: list[str]) -> Any:
        forth = cell(b, read(b, t), h[0])
        back = cell(b, read(b, b("Sub", b.const(T - 1), t)), h[1], W[::-1])
        return [forth, back], [forth, back]

    made = fused(spelled(container, step, states=2, outputs=2))
    assert not op_types(made) & {"Loop", "Scan", "Sigmoid", "Tanh"}


def test_what_comes_of_unrolled_cells_is_the_node_alone() -> None:
    native = helper.make_node("GRU", ["X", "W", "R"], ["Y", "Y_h"], hidden_size=H)
    graph = helper.make_graph(
        [native],
        "one",
        [value("X", [T, 1, I])],
        [value("Y", None), value("Y_h", None)],
        [numpy_helper.from_array(W[None], "W"), numpy_helper.from_array(R[None], "R")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    made = gru_lower.fuse(gru_lower.lower(model, form="unroll", verify=False).model, verify=False).model
    assert [(node.op_type, list(node.output)) for node in made.graph.node] == [("GRU", ["Y", "Y_h"])]


# -- functions -------------------------------------------------------------------------------------------


class InFunction(Nodes):
    """Nodes of a function, which has no initializers."""

    def const(self, array: Any, dtype: Any = np.int64) -> str:
        name = f"{self.prefix}k{len(self.nodes)}"
        tensor = numpy_helper.from_array(np.array(array, dtype), name)
        self.nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        return name


def function(name: str, inputs: list[str], write: Callable[[Nodes], str]) -> onnx.FunctionProto:
    """Return a function of one output."""
    b = InFunction(f"{name}_")
    result = write(b)
    return helper.make_function("my", name, inputs, [result], b.nodes, [helper.make_opsetid("", 17)])


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_step_that_is_a_function_is_read(container: str) -> None:
    def step(b: Nodes, t: str, h: list[str]) -> Any:
        new = b("Cell", read(b, t), h[0], domain="my")
        return [new], [new]

    model = spelled(container, step, functions=[function("Cell", ["x", "h"], lambda b: cell(b, "x", "h"))])
    made = gru_lower.fuse(model)
    assert made.report.verification.status == "equivalent"
    assert "Cell" not in {node.op_type for node in fused(model).graph.node}


@pytest.mark.parametrize("container", CONTAINERS)
def test_functions_of_other_weights_in_each_call_are_told_apart(container: str) -> None:
    linear = function("Linear", ["v", "w", "c"], lambda b: str(b("Add", b("MatMul", "v", b("Transpose", "w")), "c")))
    sigma = function("Sigma", ["v"], lambda b: str(b("Sigmoid", "v")))

    def step(b: Nodes, t: str, h: list[str]) -> Any:
        given = ((read(b, t), W, WB), (h[0], R, RB))
        gx, gh = (b("Linear", v, b.const(m, np.float32), b.const(c, np.float32), domain="my") for v, m, c in given)
        zx, rx, nx = b("Split", gx, outputs=3, axis=-1)
        zh, rh, nh = b("Split", gh, outputs=3, axis=-1)
        z, r = (b("Sigma", b("Add", p, q), domain="my") for p, q in ((zx, zh), (rx, rh)))
        n = b("Tanh", b("Add", nx, b("Mul", r, nh)))
        new = b("Add", n, b("Mul", z, b("Sub", h[0], n)))
        return [new], [new]

    made = fused(spelled(container, step, functions=[linear, sigma]))
    assert not {node.op_type for node in made.graph.node} & {"Loop", "Scan", "Linear", "Sigma"}


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_loop_around_a_gru_stays_and_the_gru_does_not(container: str) -> None:
    def step(b: Nodes, t: str, h: list[str]) -> Any:
        new = cell(b, read(b, t), h[0])
        return [new], [new]

    inner = spelled(container, step).graph
    around = Nodes("around_")
    row = around("Gather", "xs", "k", axis=0)
    around.nodes[-1].output[0] = "x"
    assert row
    body = helper.make_graph(
        [*around.nodes, helper.make_node("Identity", ["on"], ["on_"]), *inner.node],
        "each",
        [value("k", [], TensorProto.INT64), value("on", [], TensorProto.BOOL)],
        [value("on_", [], TensorProto.BOOL), value("out0", None)],
        [*around.initializers, *inner.initializer],
    )
    e = Nodes("main_")
    e.nodes.append(helper.make_node("Loop", [e.const(3), e.const(1, bool)], ["all"], body=body))
    graph = helper.make_graph(
        e.nodes, "g", [value("xs", [3, T, B, I]), value("h0", [B, H])], [value("all", None)], e.initializers
    )
    made = fused(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
    assert [node.op_type for node in made.graph.node] == ["Loop"]
    assert not op_types(made) & {"Scan", "Sigmoid", "Tanh"}
    assert "GRU" in op_types(made)


# -- what is none: whatever becomes of these, the numbers have to stay --------------------------------------


def live(b: Nodes, t: str, lens: str = "lens", op: str = "Less") -> str:
    """Append the mask of step t, [B,1]."""
    return str(b("Unsqueeze", b(op, t, lens), b.const([1])))


class Now(NamedTuple):
    """Where a step is: the nodes, the new state, the state before, the step's number, and the state that is kept."""

    b: Nodes
    n: str
    h: str
    t: str = ""
    k: str = ""


def masked(kept: Callable[[Now], str], out: Callable[[Now], str], *, back: bool = False) -> Any:
    """Return a masked step; ``kept`` and ``out`` write its state and its output."""

    def step(b: Nodes, t: str, h: list[str]) -> Any:
        new = cell(b, read(b, b("Sub", b.const(T - 1), t) if back else t), h[0])
        state = kept(Now(b, new, h[0], t))
        return [state], [out(Now(b, new, h[0], t, state))]

    return step


def chosen(b: Nodes, mask: str, one: str, other: str | None = None) -> str:
    return str(b("Where", mask, one, other or b.const(0, np.float32)))


MASKS: dict[str, tuple[bool, Any]] = {
    "the operator's own": (
        True,
        masked(lambda s: chosen(s.b, live(s.b, s.t), s.n, s.h), lambda s: chosen(s.b, live(s.b, s.t), s.n)),
    ),
    "lengths are one more": (
        True,
        masked(
            lambda s: chosen(s.b, live(s.b, s.t, op="LessOrEqual"), s.n, s.h),
            lambda s: chosen(s.b, live(s.b, s.t, op="LessOrEqual"), s.n),
        ),
    ),
    "x backwards, mask forwards": (
        True,
        masked(lambda s: chosen(s.b, live(s.b, s.t), s.n, s.h), lambda s: chosen(s.b, live(s.b, s.t), s.n), back=True),
    ),
    "outputs by other lengths": (
        False,
        masked(lambda s: chosen(s.b, live(s.b, s.t), s.n, s.h), lambda s: chosen(s.b, live(s.b, s.t, "others"), s.n)),
    ),
    "outputs one longer": (
        False,
        masked(
            lambda s: chosen(s.b, live(s.b, s.t), s.n, s.h),
            lambda s: chosen(s.b, live(s.b, s.t, op="LessOrEqual"), s.k),
        ),
    ),
    "kept where the mask is true": (
        False,
        masked(
            lambda s: chosen(s.b, live(s.b, s.t), s.h, s.n),
            lambda s: chosen(s.b, live(s.b, s.t), s.b.const(0, np.float32), s.n),
        ),
    ),
    "outputs not zeroed": (
        False,
        masked(lambda s: chosen(s.b, live(s.b, s.t), s.n, s.h), lambda s: s.n),
    ),
    "outputs the state before": (
        False,
        masked(lambda s: chosen(s.b, live(s.b, s.t), s.n, s.h), lambda s: chosen(s.b, live(s.b, s.t), s.h)),
    ),
    "outputs one past the length": (
        False,
        masked(
            lambda s: chosen(s.b, live(s.b, s.t), s.n, s.h),
            lambda s: chosen(s.b, live(s.b, s.t), s.n, s.b.const(1, np.float32)),
        ),
    ),
    "state zeroed": (False, masked(lambda s: chosen(s.b, live(s.b, s.t), s.n), lambda s: s.k)),
    "state set back": (
        False,
        masked(lambda s: chosen(s.b, live(s.b, s.t), s.n, "h0"), lambda s: chosen(s.b, live(s.b, s.t), s.n)),
    ),
    "mask of every other step": (
        False,
        masked(
            lambda s: chosen(s.b, live(s.b, s.b("Mul", s.t, s.b.const(2))), s.n, s.h),
            lambda s: chosen(s.b, live(s.b, s.b("Mul", s.t, s.b.const(2))), s.n),
        ),
    ),
    "a part of the features kept": (
        False,
        masked(lambda s: chosen(s.b, s.b.const([True, False, False, True], bool), s.h, s.n), lambda s: s.k),
    ),
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("mask", MASKS)
def test_masks_become_sequence_lens_only_where_they_are(container: str, mask: str) -> None:
    is_one, step = MASKS[mask]
    made = fused(spelled(container, step))
    assert ("GRU" in op_types(made)) == is_one


def other_gate(b: Nodes, t: str, h: list[str]) -> Any:
    """Two states, each of which reads the other's."""
    one, two = cell(b, read(b, t), h[1]), cell(b, read(b, t), h[0], W[::-1])
    return [one, two], [one]


def changed(change: Callable[[Now], str]) -> Any:
    """Return a step whose new state is changed before it is kept."""

    def step(b: Nodes, t: str, h: list[str]) -> Any:
        new = change(Now(b, cell(b, read(b, t), h[0]), h[0]))
        return [new], [new]

    return step


def scaled(b: Nodes, t: str, h: list[str]) -> Any:
    """Keep a state twice as large as the one the cell reads."""
    new = cell(b, read(b, t), b("Mul", h[0], b.const(0.5, np.float32)))
    return [b("Mul", new, b.const(2, np.float32))], [new]


NEAR: dict[str, tuple[int, Any]] = {
    "states crossed": (2, other_gate),
    "zoneout": (
        1,
        changed(
            lambda s: s.b(
                "Add", s.b("Mul", s.h, s.b.const(0.1, np.float32)), s.b("Mul", s.n, s.b.const(0.9, np.float32))
            )
        ),
    ),
    "sequences exchanged": (1, changed(lambda s: s.b("Gather", s.n, s.b.const([1, 0]), axis=0))),
    "features rolled": (1, changed(lambda s: s.b("Gather", s.n, s.b.const([1, 2, 3, 0]), axis=1))),
    "negated": (1, changed(lambda s: s.b("Neg", s.n))),
    "softmax": (1, changed(lambda s: s.b("Softmax", s.n, axis=-1))),
    "mean over the batch": (1, changed(lambda s: s.b("Mul", s.n, s.b("ReduceMean", s.h, axes=[0], keepdims=1)))),
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("which", NEAR)
def test_states_that_are_changed_make_no_gru(container: str, which: str) -> None:
    states, step = NEAR[which]
    assert "GRU" not in op_types(fused(spelled(container, step, states=states)))


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_state_that_is_kept_twice_as_large_computes_the_same(container: str) -> None:
    fused(spelled(container, scaled))


NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize("numbers", [(0, 5, 0), (0.0, NAN, 1.0), (0.0, INFINITE, 1.0), (0.0, 5.0, NAN)])
def test_a_range_that_is_none_is_left_alone_without_a_word(numbers: tuple[Any, ...]) -> None:
    model = zoo.gru_model(initializers=zoo.weights().values())
    kind = np.float32 if isinstance(numbers[0], float) else np.int64
    for name, number in zip("abc", numbers, strict=True):
        model.graph.initializer.append(numpy_helper.from_array(np.array(number, kind), name))
    model.graph.node.append(helper.make_node("Range", ["a", "b", "c"], ["r"]))
    assert not [each for each in gru_lower.inspect(model).diagnostics if each.code == "GL018"]
