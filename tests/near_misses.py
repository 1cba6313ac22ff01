"""Cells that look like GRUs and are none, each with what is to be said of it: unrolled, as a Loop and as a Scan.

A cell appends one step to the nodes of a graph and returns its new states. ``says`` is what the sentence on it has to
hold; every cell is one recurrence, so there is one sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import onnx
from onnx import TensorProto, helper

from masked_loops import Nodes

if TYPE_CHECKING:
    from collections.abc import Callable

T, B, I, H = 4, 2, 3, 5
CONTAINERS = ("unrolled", "loop", "scan")
Array = np.ndarray[Any, np.dtype[Any]]
RNG = np.random.default_rng(11)
W = {g: RNG.uniform(-0.5, 0.5, (I, H)).astype(np.float32) for g in "zrnfioc"}
R = {g: RNG.uniform(-0.5, 0.5, (H, H)).astype(np.float32) for g in "zrnfioc"}
KEEP = np.linspace(0.1, 0.9, H)
BIAS = {g: RNG.uniform(-0.5, 0.5, H).astype(np.float32) for g in "zrnfiocp"}


class Step:
    """The nodes of one step: x and the states by name, and the parts that most cells have."""

    def __init__(self, nodes: Nodes, x: str, states: list[str]) -> None:
        self.nodes, self.x, self.states, self.h = nodes, x, states, states[0]

    def __call__(self, op: str, *inputs: str, **attributes: Any) -> str:
        return str(self.nodes(op, *inputs, **attributes))

    def const(self, value: Any, kind: Any = np.float32) -> str:
        return str(self.nodes.const(np.asarray(value, kind), kind))

    def w(self, g: str, x: str | None = None) -> str:
        """The input's share of a gate."""
        return self("Add", self("MatMul", x or self.x, self.const(W[g])), self.const(BIAS[g]))

    def r(self, g: str, h: str | None = None) -> str:
        """The state's share of a gate."""
        return self("MatMul", h or self.h, self.const(R[g]))

    def pre(self, g: str, h: str | None = None) -> str:
        return self("Add", self.w(g), self.r(g, h))

    def gate(self, g: str, h: str | None = None) -> str:
        return self("Sigmoid", self.pre(g, h))

    def mul(self, *parts: str) -> str:
        first, *rest = parts
        for part in rest:
            first = self("Mul", first, part)
        return first

    def add(self, *parts: str) -> str:
        first, *rest = parts
        for part in rest:
            first = self("Add", first, part)
        return first

    def rest(self, gate: str) -> str:
        """1 - a gate."""
        return self("Sub", self.const(1), gate)

    def n(self, r: str | None = None, function: str = "Tanh", **attributes: Any) -> str:
        """The candidate, reset after the product."""
        return self(function, self.inner(r), **attributes)

    def inner(self, r: str | None = None) -> str:
        r = r or self.gate("r")
        return self.add(self.w("n"), self.mul(r, self.add(self.r("n"), self.const(BIAS["c"]))))

    def blend(self, z: str, n: str, h: str | None = None) -> str:
        return self.add(self.mul(z, h or self.h), self.mul(self.rest(z), n))

    def norm(self, v: str) -> str:
        return self("LayerNormalization", v, self.const(np.ones(H)), axis=-1)

    def norm_in_parts(self, v: str) -> str:
        centred = self("Sub", v, self("ReduceMean", v, axes=[-1]))
        variance = self("ReduceMean", self.mul(centred, centred), axes=[-1])
        return self("Div", centred, self("Sqrt", self.add(variance, self.const(1e-3))))

    def half(self, v: str) -> str:
        """A value rounded to float16, in the step."""
        return self("Cast", self("Cast", v, to=TensorProto.FLOAT16), to=TensorProto.FLOAT)

    def quantised(self, v: str) -> str:
        scale, zero = self.const(0.01), self.const(128, np.uint8)
        return self("DequantizeLinear", self("QuantizeLinear", v, scale, zero), scale, zero)


@dataclass(frozen=True)
class NearMiss:
    """One cell.

    Attributes:
        step: Appends a step and returns the new states.
        says: What the sentence on it holds.
        states: How many it carries.
        containers: Where it can be spelled.

    """

    step: Callable[[Step], list[str]]
    says: tuple[str, ...]
    states: int = 1
    containers: tuple[str, ...] = CONTAINERS


def value(name: str, shape: list[int] | None, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    """Declare a value."""
    return helper.make_tensor_value_info(name, kind, shape)


def spelled(miss: NearMiss, container: str) -> onnx.ModelProto:
    """Return a model whose recurrence is a cell."""
    e, states = Nodes("main_"), [f"h{k}" for k in range(miss.states)]
    if container == "unrolled":
        rows = []
        for t in range(T):
            states = miss.step(Step(e, e("Gather", "x", e.const(t), axis=0), states))
            rows.append(e("Unsqueeze", states[0], e.const([0])))
        stacked, last = e("Concat", *rows, axis=0), states[0]
    else:
        b, inner = Nodes("body_"), [f"s{k}" for k in range(miss.states)]
        x = b("Gather", "x", "t", axis=0) if container == "loop" else "xt"
        new = [b("Identity", state) for state in miss.step(Step(b, x, inner))]
        y = b("Identity", new[0])
        carried, kept = [value(name, [B, H]) for name in inner], [value(name, [B, H]) for name in new]
        if container == "loop":
            ins = [value("t", [], TensorProto.INT64), value("go", [], TensorProto.BOOL), *carried]
            outs = [value(b("Identity", "go"), [], TensorProto.BOOL), *kept, value(y, [B, H])]
            body = helper.make_graph(b.nodes, "step", ins, outs, b.initializers)
            found = e("Loop", e.const(T), "", *states, outputs=miss.states + 1, body=body)
        else:
            body = helper.make_graph(
                b.nodes, "step", [*carried, value("xt", [B, I])], [*kept, value(y, [B, H])], b.initializers
            )
            found = e("Scan", *states, "x", outputs=miss.states + 1, body=body, num_scan_inputs=1)
        last, stacked = found[0], found[-1]
    for name, given in (("Y", stacked), ("last", last)):
        e.nodes.append(helper.make_node("Identity", [given], [name]))
    inputs = [value("x", [T, B, I]), *(value(f"h{k}", [B, H]) for k in range(miss.states))]
    graph = helper.make_graph(
        e.nodes, "near miss", inputs, [value("Y", [T, B, H]), value("last", [B, H])], e.initializers
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


CELLS: dict[str, NearMiss] = {}
Made = TypeVar("Made", bound="Callable[[Step], str | tuple[str, ...]]")


def near_miss(*says: str, states: int = 1, containers: tuple[str, ...] = CONTAINERS) -> Callable[[Made], Made]:
    """Enter a cell by its function's name."""

    def enter(step: Made) -> Made:
        def listed(s: Step) -> list[str]:
            made = step(s)
            return [made] if isinstance(made, str) else list(made)

        CELLS[step.__name__] = NearMiss(listed, says, states, containers)
        return step

    return enter


# -- named cells ---------------------------------------------------------------------------------------------------


@near_miss("minimal gated unit", "same gate")
def minimal_gated_unit(s: Step) -> str:
    f = s.gate("f")
    return s.blend(s.rest(f), s("Tanh", s.add(s.w("n"), s.r("n", s.mul(f, s.h)))))


@near_miss("minimal gated unit", "same gate")
def coupled_after(s: Step) -> str:
    z = s.gate("z")
    return s.blend(z, s.n(z))


@near_miss("same gate")
def coupled_complement_after(s: Step) -> str:
    z = s.gate("z")
    return s.blend(z, s.n(s.rest(z)))


@near_miss("UGRNN", "no reset gate")
def ugrnn(s: Step) -> str:
    return s.blend(s.gate("z"), s("Tanh", s.pre("n")))


@near_miss("Li-GRU", "no reset gate", "Relu")
def li_gru(s: Step) -> str:
    return s.blend(s.gate("z"), s("Relu", s.pre("n")))


@near_miss("Li-GRU", "no reset gate")
def li_gru_leaky(s: Step) -> str:
    return s.blend(s.gate("z"), s("LeakyRelu", s.pre("n"), alpha=0.01))


@near_miss("minGRU", "neither")
def min_gru(s: Step) -> str:
    return s.blend(s("Sigmoid", s.w("z")), s.w("n"))


@near_miss("minGRU", "neither")
def min_gru_tanh(s: Step) -> str:
    return s.blend(s.rest(s("Sigmoid", s.w("z"))), s("Tanh", s.w("n")))


@near_miss("minGRU", "neither")
def min_gru_g(s: Step) -> str:
    v = s.w("n")
    g = s("Where", s("GreaterOrEqual", v, s.const(0)), s.add(v, s.const(0.5)), s("Sigmoid", v))
    return s.blend(s("Sigmoid", s.w("z")), g)


@near_miss("LSTM", states=2)
def lstm(s: Step) -> tuple[str, str]:
    c = s.add(s.mul(s.gate("f"), s.states[1]), s.mul(s.gate("i"), s("Tanh", s.pre("c"))))
    return s.mul(s.gate("o"), s("Tanh", c)), c


@near_miss("LSTM", states=2)
def lstm_coupled(s: Step) -> tuple[str, str]:
    f = s.gate("f")
    c = s.add(s.mul(f, s.states[1]), s.mul(s.rest(f), s("Tanh", s.pre("c"))))
    return s.mul(s.gate("o"), s("Tanh", c)), c


@near_miss("LSTM", states=2)
def lstm_peephole(s: Step) -> tuple[str, str]:
    peep = s.mul(s.states[1], s.const(BIAS["p"]))
    f, i = s("Sigmoid", s.add(s.pre("f"), peep)), s("Sigmoid", s.add(s.pre("i"), peep))
    c = s.add(s.mul(f, s.states[1]), s.mul(i, s("Tanh", s.pre("c"))))
    return s.mul(s.gate("o"), s("Tanh", c)), c


@near_miss("no gate")
def elman(s: Step) -> str:
    return s("Tanh", s.pre("n"))


@near_miss("no gate")
def elman_relu(s: Step) -> str:
    return s("Relu", s.pre("n"))


@near_miss("constant", "leaky")
def leaky_integrator(s: Step) -> str:
    return s.add(s.mul(s.const(0.9), s.h), s.mul(s.const(0.1), s("Tanh", s.pre("n"))))


@near_miss("the candidate reads the state itself", "no matrix")
def bistable(s: Step) -> str:
    a = s.add(s.const(1), s("Tanh", s.pre("r")))
    return s.blend(s.gate("z"), s("Tanh", s.add(s.w("n"), s.mul(a, s.h))))


@near_miss("two gates")
def forget_and_input(s: Step) -> str:
    return s.add(s.mul(s.gate("f"), s.h), s.mul(s.gate("i"), s("Tanh", s.pre("n"))))


# -- the update ----------------------------------------------------------------------------------------------------


@near_miss("shares", "1")
def shares_beyond_one(s: Step) -> str:
    z = s.gate("z")
    return s.add(s.mul(z, s.h), s.mul(s("Sub", s.const(2), z), s.n()))


@near_miss("two gates", "1 minus")
def reset_for_complement(s: Step) -> str:
    z, r = s.gate("z"), s.gate("r")
    return s.add(s.mul(z, s.h), s.mul(s.rest(r), s.n(r)))


@near_miss("two gates")
def reset_for_update(s: Step) -> str:
    z, r = s.gate("z"), s.gate("r")
    return s.add(s.mul(r, s.h), s.mul(s.rest(z), s.n(r)))


@near_miss("candidate", "whole")
def no_complement(s: Step) -> str:
    return s.add(s.mul(s.gate("z"), s.h), s.n())


@near_miss("squared")
def update_squared(s: Step) -> str:
    z = s.gate("z")
    return s.blend(s.mul(z, z), s.n())


@near_miss("update gate is multiplied", "product")
def update_times_reset(s: Step) -> str:
    r = s.gate("r")
    return s.blend(s.mul(s.gate("z"), r), s.n(r))


@near_miss("0.9")
def update_scaled(s: Step) -> str:
    return s.blend(s.mul(s.gate("z"), s.const(0.9)), s.n())


@near_miss("update gate", "multiplied")
def attention_update(s: Step) -> str:
    attention = s("Sigmoid", s("ReduceSum", s.x, s.const([1], np.int64), keepdims=1))
    return s.blend(s.mul(s.gate("z"), attention), s.n())


@near_miss("zoneout", "0.1")
def zoneout_constant(s: Step) -> str:
    return s.add(s.mul(s.const(0.1), s.h), s.mul(s.const(0.9), s.blend(s.gate("z"), s.n())))


@near_miss("zoneout")
def zoneout_vector(s: Step) -> str:
    return s.add(s.mul(s.const(KEEP), s.h), s.mul(s.const(1 - KEEP), s.blend(s.gate("z"), s.n())))


@near_miss("random", "RandomUniformLike")
def zoneout_drawn(s: Step) -> str:
    drawn = s("Cast", s("Less", s("RandomUniformLike", s.h), s.const(0.1)), to=TensorProto.FLOAT)
    return s.add(s.mul(drawn, s.h), s.mul(s.rest(drawn), s.blend(s.gate("z"), s.n())))


@near_miss("residual")
def residual(s: Step) -> str:
    return s.add(s.blend(s.gate("z"), s.n()), s.h)


@near_miss("0.5")
def residual_halved(s: Step) -> str:
    return s.add(s.blend(s.gate("z"), s.n()), s.mul(s.h, s.const(0.5)))


@near_miss("added")
def input_added(s: Step) -> str:
    return s.add(s.blend(s.gate("z"), s.n()), s("MatMul", s.x, s.const(W["o"])))


@near_miss("added")
def constant_added(s: Step) -> str:
    return s.add(s.blend(s.gate("z"), s.n()), s.const(0.125))


@near_miss("0.9")
def state_scaled(s: Step) -> str:
    return s.mul(s.blend(s.gate("z"), s.n()), s.const(0.9))


@near_miss("Tanh of")
def state_squashed(s: Step) -> str:
    return s("Tanh", s.blend(s.gate("z"), s.n()))


@near_miss("Clip")
def state_clipped(s: Step) -> str:
    return s("Clip", s.blend(s.gate("z"), s.n()), s.const(-0.3), s.const(0.3))


@near_miss("LayerNormalization")
def state_normalised(s: Step) -> str:
    return s.norm(s.blend(s.gate("z"), s.n()))


@near_miss("Floor")
def state_rounded(s: Step) -> str:
    return s.mul(s("Floor", s.mul(s.blend(s.gate("z"), s.n()), s.const(64))), s.const(1 / 64))


# -- gates ---------------------------------------------------------------------------------------------------------


@near_miss("update gate", "candidate")
def update_reads_candidate(s: Step) -> str:
    n = s.n()
    return s.blend(s("Sigmoid", s.add(s.w("z"), s.r("z", n))), n)


@near_miss("update gate", "peephole")
def update_peephole(s: Step) -> str:
    z = s("Sigmoid", s.add(s.pre("z"), s.mul(s.h, s.const(BIAS["p"]))))
    return s.blend(z, s.n())


@near_miss("update gate", "peephole")
def update_peephole_alone(s: Step) -> str:
    return s.blend(s("Sigmoid", s.add(s.w("z"), s.mul(s.h, s.const(BIAS["p"])))), s.n())


@near_miss("reset gate", "peephole")
def reset_peephole(s: Step) -> str:
    r = s("Sigmoid", s.add(s.pre("r"), s.mul(s.h, s.const(BIAS["p"]))))
    return s.blend(s.gate("z"), s.n(r))


@near_miss("update gate", "state itself")
def update_reads_state_bare(s: Step) -> str:
    return s.blend(s("Sigmoid", s.add(s.pre("z"), s.h)), s.n())


@near_miss("update gate", "LayerNormalization")
def norm_on_update(s: Step) -> str:
    return s.blend(s("Sigmoid", s.norm(s.pre("z"))), s.n())


@near_miss("reset gate", "LayerNormalization")
def norm_on_reset(s: Step) -> str:
    return s.blend(s.gate("z"), s.n(s("Sigmoid", s.norm(s.pre("r")))))


@near_miss("candidate", "LayerNormalization")
def norm_on_candidate(s: Step) -> str:
    return s.blend(s.gate("z"), s("Tanh", s.norm(s.inner())))


@near_miss("LayerNormalization")
def norm_on_state_share(s: Step) -> str:
    return s.blend(s("Sigmoid", s.add(s.w("z"), s.norm(s.r("z")))), s.n())


@near_miss("update gate", "normalisation")
def norm_in_parts_on_update(s: Step) -> str:
    return s.blend(s("Sigmoid", s.norm_in_parts(s.pre("z"))), s.n())


@near_miss("LayerNormalization")
def norms_on_all(s: Step) -> str:
    r = s("Sigmoid", s.norm(s.pre("r")))
    return s.blend(s("Sigmoid", s.norm(s.pre("z"))), s("Tanh", s.norm(s.inner(r))))


@near_miss("update gate", "does not read the state")
def update_of_input(s: Step) -> str:
    return s.blend(s("Sigmoid", s.w("z")), s.n())


@near_miss("update gate", "does not read the input")
def update_of_state(s: Step) -> str:
    return s.blend(s("Sigmoid", s.add(s.r("z"), s.const(BIAS["z"]))), s.n())


@near_miss("reset gate", "does not read the state")
def reset_of_input(s: Step) -> str:
    return s.blend(s.gate("z"), s.n(s("Sigmoid", s.w("r"))))


@near_miss("reset gate", "does not read the input")
def reset_of_state(s: Step) -> str:
    return s.blend(s.gate("z"), s.n(s("Sigmoid", s.add(s.r("r"), s.const(BIAS["r"])))))


@near_miss("reset gate", "HardSigmoid", "Sigmoid")
def functions_of_two_gates(s: Step) -> str:
    return s.blend(s.gate("z"), s.n(s("HardSigmoid", s.pre("r"))))


@near_miss("reset gate", "Tanh")
def reset_tanh(s: Step) -> str:
    return s.blend(s.gate("z"), s.n(s("Tanh", s.pre("r"))))


@near_miss("update gate", "HardSwish")
def update_hardswish(s: Step) -> str:
    return s.blend(s("HardSwish", s.pre("z")), s.n())


@near_miss("update gate", "Tanh", "state")
def update_reads_function_of_state(s: Step) -> str:
    return s.blend(s.gate("z", s("Tanh", s.h)), s.n())


@near_miss("update gate", "square")
def update_reads_square_of_state(s: Step) -> str:
    return s.blend(s.gate("z", s.mul(s.h, s.h)), s.n())


@near_miss("update gate", "reset")
def update_reads_reset_state(s: Step) -> str:
    r = s.gate("r")
    return s.blend(s.gate("z", s.mul(r, s.h)), s.n(r))


@near_miss("clipped")
def clip_of_one_gate(s: Step) -> str:
    return s.blend(s("Sigmoid", s("Clip", s.pre("z"), s.const(-0.3), s.const(0.3))), s.n())


# -- the candidate -------------------------------------------------------------------------------------------------


@near_miss("candidate", "HardSwish")
def candidate_hardswish(s: Step) -> str:
    return s.blend(s.gate("z"), s.n(function="HardSwish"))


@near_miss("candidate", "Sin")
def candidate_sin(s: Step) -> str:
    return s.blend(s.gate("z"), s.n(function="Sin"))


@near_miss("candidate", "Selu")
def candidate_selu(s: Step) -> str:
    return s.blend(s.gate("z"), s.n(function="Selu"))


@near_miss("candidate", "Softmax")
def candidate_softmax(s: Step) -> str:
    return s.blend(s.gate("z"), s.n(function="Softmax", axis=-1))


@near_miss("candidate", "added")
def behind_candidate(s: Step) -> str:
    return s.blend(s.gate("z"), s.add(s.n(), s.const(BIAS["p"])))


@near_miss("candidate", "multiplied")
def gate_on_candidate(s: Step) -> str:
    return s.blend(s.gate("z"), s.mul(s("Tanh", s.pre("n")), s.gate("r")))


@near_miss("candidate", "0.5")
def candidate_of_two_tanh(s: Step) -> str:
    return s.blend(s.gate("z"), s.add(s.mul(s.n(), s.const(0.5)), s.mul(s("Tanh", s.pre("o")), s.const(0.5))))


@near_miss("reset gate", "input")
def reset_on_input(s: Step) -> str:
    w = s.w("n")
    return s.blend(s.gate("z"), s("Tanh", s.add(w, s.mul(s.gate("r"), w))))


@near_miss("reset gate", "input")
def reset_on_all(s: Step) -> str:
    return s.blend(s.gate("z"), s("Tanh", s.mul(s.gate("r"), s.pre("n"))))


@near_miss("reset gate", "input")
def reset_on_input_beside_state(s: Step) -> str:
    return s.blend(s.gate("z"), s("Tanh", s.add(s.mul(s.gate("r"), s.w("n")), s.r("n"))))


@near_miss("reset gate")
def reset_before_and_after(s: Step) -> str:
    r = s.gate("r")
    return s.blend(s.gate("z"), s("Tanh", s.add(s.w("n"), s.mul(r, s.r("n", s.mul(r, s.h))))))


@near_miss("reset gate", "squared")
def reset_squared(s: Step) -> str:
    r = s.gate("r")
    return s.blend(s.gate("z"), s.n(s.mul(r, r)))


@near_miss("candidate", "outside of the reset gate")
def state_beside_reset(s: Step) -> str:
    return s.blend(s.gate("z"), s("Tanh", s.add(s.inner(), s.r("o"))))


@near_miss("candidate", "peephole")
def candidate_peephole(s: Step) -> str:
    return s.blend(s.gate("z"), s("Tanh", s.add(s.inner(), s.mul(s.h, s.const(BIAS["p"])))))


@near_miss("more than one gate")
def two_reset_gates(s: Step) -> str:
    both = s.add(s.mul(s.gate("r"), s.r("n")), s.mul(s.gate("o"), s.r("o")))
    return s.blend(s.gate("z"), s("Tanh", s.add(s.w("n"), both)))


@near_miss("candidate", "does not read the state")
def candidate_of_input(s: Step) -> str:
    return s.blend(s.gate("z"), s("Tanh", s.w("n")))


@near_miss("same input")
def two_inputs(s: Step) -> str:
    z = s("Sigmoid", s.add(s.w("z", s("Tanh", s.x)), s.r("z")))
    return s.blend(z, s.n())


# -- numbers -------------------------------------------------------------------------------------------------------


@near_miss("mixed precision", "float16")
def mixed_precision(s: Step) -> str:
    return s.half(s.blend(s.gate("z"), s.n()))


@near_miss("mixed precision", "float16")
def mixed_precision_gate(s: Step) -> str:
    return s.blend(s("Sigmoid", s.half(s.pre("z"))), s.n())


@near_miss("quantised", "QuantizeLinear")
def quantised_state(s: Step) -> str:
    return s.quantised(s.blend(s.gate("z"), s.n()))


@near_miss("quantised", "QuantizeLinear")
def quantised_products(s: Step) -> str:
    h = s.quantised(s.h)
    inner = s.add(s.w("n"), s.mul(s.gate("r", h), s.r("n", h)))
    return s.blend(s.gate("z", h), s("Tanh", inner))


@near_miss("quantised", "DynamicQuantizeLinear")
def quantised_by_itself(s: Step) -> str:
    rounded, scale, zero = s.nodes("DynamicQuantizeLinear", s.h, outputs=3)
    weight = s.const(np.round(R["z"] * 100), np.int8)
    product = s("Cast", s("MatMulInteger", rounded, weight, zero), to=TensorProto.FLOAT)
    z = s("Sigmoid", s.add(s.w("z"), s.mul(product, s.mul(scale, s.const(0.01)))))
    return s.blend(z, s.n())


# -- several states ------------------------------------------------------------------------------------------------


@near_miss("before the last", states=2)
def older_state_in_update(s: Step) -> tuple[str, str]:
    return s.blend(s.gate("z", s.states[1]), s.n()), s.h


@near_miss("before the last", states=2)
def older_state_blended(s: Step) -> tuple[str, str]:
    return s.blend(s.gate("z"), s.n(), s.states[1]), s.h
