"""How far a value is read is a part of what it is: Slices from 0, bounds and narrow types are not passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.api.prove_pair import prove_pair
from gru_lower.graph import model as graph_model
from lowering import op_types, run
from masked_loops import Nodes, weights
from mutating.extents_run import outcomes
from strategies import WEIGHTS, random_case

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.api.shared_options import Form
    from gru_lower.verification.sites.site import Site

Array = np.ndarray[Any, np.dtype[Any]]
I, H = 3, 4
SIZES = ((2, 2), (3, 3), (5, 7), (6, 20), (60, 20), (60, 2))


def looped(
    before: Callable[[Nodes], tuple[str, str]],
    after: Callable[[Nodes, str, str], list[str]],
    carrier: str = "loop",
    in_body: Callable[[Nodes], str] | None = None,
) -> onnx.ModelProto:
    """Return a GRU over inputs x [T,B,I] and h0 [M,H], with nodes in front of it and behind it.

    Args:
        before: Appends nodes; returns X and the state to begin with.
        after: Appends nodes behind Y and the last state; returns the outputs.
        carrier: "loop", "scan" or "unrolled" (3 steps).
        in_body: Appends nodes to a Loop's body, whose counter is i; returns the input of the step.

    """
    w, e = weights(), Nodes("main_")
    x, h0 = before(e)
    if carrier == "unrolled":
        state, rows = h0, []
        for t in range(3):
            state = e.cell(e("Gather", x, e.const(t), axis=0), state, 1)
            rows.append(e("Unsqueeze", state, e.const([0])))
        last, y = state, e("Concat", *rows, axis=0)
    else:
        b = Nodes("body_")
        read = "xt" if carrier == "scan" else in_body(b) if in_body else b("Gather", x, "i", axis=0)
        new = b.cell(read, "h", 1)
        kept = [b("Identity", new), b("Identity", new)]
        infos = [helper.make_tensor_value_info("h", TensorProto.FLOAT, None)]
        if carrier == "scan":
            infos.append(helper.make_tensor_value_info("xt", TensorProto.FLOAT, None))
        else:
            kept.insert(0, b("Identity", "go"))
            infos[:0] = [
                helper.make_tensor_value_info("i", TensorProto.INT64, []),
                helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            ]
        kinds = [TensorProto.BOOL, TensorProto.FLOAT, TensorProto.FLOAT][3 - len(kept) :]
        outs = [helper.make_tensor_value_info(n, k, None) for n, k in zip(kept, kinds, strict=True)]
        body = helper.make_graph(b.nodes, "step", infos, outs, b.initializers)
        if carrier == "scan":
            last, y = e("Scan", h0, x, outputs=2, body=body, num_scan_inputs=1)
        else:
            trips = e("Gather", e("Shape", x), e.const(0))
            last, y = e("Loop", trips, e.const(1, bool), h0, outputs=2, body=body)
    outputs = after(e, y, last)
    for number, name in enumerate(outputs):
        e.nodes.append(helper.make_node("Identity", [name], [f"out{number}"]))
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [3 if carrier == "unrolled" else "T", "B", I]),
        helper.make_tensor_value_info("h0", TensorProto.FLOAT, ["M", H]),
    ]
    given = {"Wt": w["W"].T, "Rt": w["R"].T, "Wb": w["B"][: 3 * H], "Rb": w["B"][3 * H :]}
    tensors = [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in given.items()]
    results = [helper.make_tensor_value_info(f"out{n}", TensorProto.FLOAT, None) for n in range(len(outputs))]
    graph = helper.make_graph(e.nodes, "extents", inputs, results, [*tensors, *e.initializers])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def cut(e: Nodes, value: str, end: int | str, axis: int, start: int = 0) -> str:
    """Append a Slice up to a number or a value."""
    to = end if isinstance(end, str) else e.const([end])
    return str(e("Slice", value, e.const([start]), to, e.const([axis])))


def size(e: Nodes, value: str, axis: int) -> str:
    """Append the length of an axis, (1)."""
    return str(e("Slice", e("Shape", value), e.const([axis]), e.const([axis + 1])))


def whole(_e: Nodes) -> tuple[str, str]:
    return "x", "h0"


def both(_e: Nodes, y: str, last: str) -> list[str]:
    return [y, last]


def turned(e: Nodes, value: str, axis: int) -> str:
    """Append the turning of an axis."""
    return str(e("Slice", value, e.const([-1]), e.const([-(2**31)]), e.const([axis]), e.const([-1])))


BEFORE: dict[str, Callable[[Nodes], tuple[str, str]]] = {
    "a state of the largest batch": lambda e: ("x", cut(e, "h0", size(e, "x", 1), 0)),
    "the first of a batch": lambda e: (cut(e, "x", 4, 1), cut(e, "h0", 4, 0)),
    "the first of a batch, turned twice": lambda e: (
        turned(e, turned(e, cut(e, "x", 4, 1), 1), 1),
        cut(e, "h0", 4, 0),
    ),
    "the first of a batch, gathered": lambda e: (e("Gather", "x", e.const([0, 1]), axis=1), cut(e, "h0", 2, 0)),
    "the first steps": lambda e: (cut(e, "x", 50, 0), "h0"),
    "the first steps, all but one": lambda e: (cut(e, "x", -1, 0), "h0"),
    "all, by a large number": lambda e: (cut(e, "x", 2**31 - 1, 1), "h0"),
    "a batch whose size is in a shape": lambda e: (
        e("Expand", "x", e("Concat", e.const([1]), size(e, "h0", 0), e.const([1]), axis=0)),
        "h0",
    ),
}
AFTER: dict[str, Callable[[Nodes, str, str], list[str]]] = {
    "the first of a batch": lambda e, y, last: [cut(e, y, 16, 1), cut(e, last, 16, 0)],
    "the first steps": lambda e, y, last: [cut(e, y, 50, 0), last],
    "all, and the first": lambda e, y, last: [y, cut(e, y, 16, 1), last],
    "the first, turned": lambda e, y, _last: [turned(e, cut(e, y, 50, 0), 0), turned(e, cut(e, y, 16, 1), 0)],
    "the last, turned": lambda e, y, _last: [cut(e, turned(e, y, 0), 50, 0)],
    "its own batch and no more": lambda e, y, last: [cut(e, y, size(e, "x", 1), 1), last],
    "as many as another has": lambda e, y, last: [cut(e, y, size(e, "h0", 0), 1), last],
    "all but the last 9": lambda e, y, last: [cut(e, y, -9, 1), cut(e, last, 2**31, 0, -9)],
}


def hold_fused(model: onnx.ModelProto, more_states: tuple[int, ...] = (0,)) -> onnx.ModelProto:
    """Fuse, and hold the result to the model; it may have more states than sequences."""
    made: onnx.ModelProto = gru_lower.fuse(model, verify=False).model
    for steps, batch in SIZES:
        for states in (batch + more for more in more_states):
            rng = np.random.default_rng([steps, batch, states])
            steps_ = model.graph.input[0].type.tensor_type.shape.dim[0].dim_value or steps
            fed = {
                "x": rng.standard_normal((steps_, batch, I)).astype(np.float32),
                "h0": rng.standard_normal((states, H)).astype(np.float32),
            }
            before, after = run(model, fed), run(made, fed)
            for name, array in before.items():
                np.testing.assert_allclose(after[name], array, atol=2e-5, rtol=2e-5)
    return made


@pytest.mark.parametrize("carrier", ["loop", "scan", "unrolled"])
@pytest.mark.parametrize("what", BEFORE)
def test_what_a_recurrence_reads_in_part_is_not_read_whole(carrier: str, what: str) -> None:
    if carrier == "unrolled" and what.endswith("but one"):
        pytest.skip("its 3 steps are then not there")
    made = hold_fused(looped(BEFORE[what], both, carrier), (0, 3) if "largest" in what else (0,))
    if "shape" not in what and not what.endswith("but one"):  # of one step, that may be none
        assert not op_types(made) & {"Loop", "Scan", "Sigmoid"}


@pytest.mark.parametrize("carrier", ["loop", "scan", "unrolled"])
@pytest.mark.parametrize("what", AFTER)
def test_what_is_read_of_states_in_part_stays_a_part(carrier: str, what: str) -> None:
    made = hold_fused(looped(whole, AFTER[what], carrier))
    assert not op_types(made) & {"Loop", "Scan", "Sigmoid"}


def test_a_slice_in_a_body_is_kept_or_the_loop_is() -> None:
    def read(b: Nodes) -> str:
        return cut(b, b("Gather", "x", "i", axis=0), 4, 0)

    hold_fused(looped(lambda e: ("x", cut(e, "h0", 4, 0)), both, in_body=read))


# -- proofs ----------------------------------------------------------------------------------------------


def proved(one: onnx.ModelProto, other: onnx.ModelProto) -> tuple[bool, list[Site]]:
    """Prove a pair of models."""
    left, right = (graph_model.parse(model.SerializeToString()) for model in (one, other))
    sites = prove_pair(left, right)
    return bool(sites) and all(site.code is None for site in sites), sites


def lowered_gru(form: Form = "loop", **knobs: Any) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """Return a GRU with open sizes, and what it is lowered to."""
    fixed = {"sequence_lens": "ragged", "initial_h": True, "layout": None, "direction": "forward", "opset": 17} | knobs
    case = random_case(
        np.random.default_rng(3), dtype=np.float32, constants=WEIGHTS, static=False, activations=None, clip=None,
        outputs=("Y", "Y_h"), nan_padding=False, I=I, H=H, N=2, T=4, **fixed,
    )  # fmt: skip
    model = case.model()
    return model, gru_lower.lower(model, form=form, verify=False).model


def test_a_proof_says_for_what_sizes_it_holds() -> None:
    _, sites = proved(*lowered_gru())
    assert sites[0].preconditions == ("T >= 1", "N >= 1")
    assert "T >= 1" in sites[0].message
    assert sites[0].to_dict()["preconditions"] == ["T >= 1", "N >= 1"]


def test_lengths_that_a_gru_takes_to_be_equal_are_said() -> None:
    model, _ = lowered_gru()
    next(v for v in model.graph.input if v.name == "initial_h").type.tensor_type.shape.dim[1].dim_param = "M"
    made = gru_lower.lower(model, form="loop", verify=False).model
    is_proved, sites = proved(model, made)
    assert is_proved
    assert "M = N" in sites[0].preconditions


@pytest.mark.parametrize(
    "narrow", [TensorProto.INT8, TensorProto.UINT8, TensorProto.INT16, TensorProto.FLOAT16, TensorProto.BOOL]
)
def test_lengths_in_a_type_that_does_not_hold_them_are_not_proved(narrow: int) -> None:
    model, made = lowered_gru()
    names = ["gru/narrow", "gru/lens"]
    nodes = [
        helper.make_node("Cast", ["sequence_lens"], names[:1], to=narrow),
        helper.make_node("Cast", names[:1], names[1:], to=TensorProto.INT32),
    ]
    for node in made.graph.node:
        for place, name in enumerate(node.input):
            if name == "sequence_lens":
                node.input[place] = names[1]
    given = [*nodes, *(onnx.NodeProto.FromString(node.SerializeToString()) for node in made.graph.node)]
    del made.graph.node[:]
    made.graph.node.extend(given)
    assert not proved(model, made)[0]


@pytest.mark.parametrize("axis", [0, 1])
def test_a_model_that_takes_fewer_sizes_is_not_proved(axis: int) -> None:
    model, made = lowered_gru()
    assert proved(model, made)[0]
    made.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = 5
    is_proved, sites = proved(model, made)
    assert not is_proved
    assert "takes" in sites[0].message


def test_a_model_whose_sizes_have_to_be_equal_is_not_proved_to_be_one_whose_need_not() -> None:
    model, made = lowered_gru()
    for value in made.graph.input:
        if value.name == "initial_h":
            value.type.tensor_type.shape.dim[1].dim_param = "T"
    assert not proved(model, made)[0]


@pytest.mark.slow
def test_no_mutant_beyond_dims_of_7_is_proved_and_none_is_fused_to_something_else() -> None:
    seen = list(outcomes(60, 5))
    assert sum(outcome.changed for outcome in seen) > 24
    assert sum(outcome.proved for outcome in seen) > 3
    assert not [outcome.name for outcome in seen if outcome.false_proof or outcome.fused_wrongly]


@pytest.mark.extents
@pytest.mark.parametrize("seed", range(10))
def test_none_of_500_mutants_is_proved_or_fused_to_something_else(seed: int) -> None:
    assert not [outcome.name for outcome in outcomes(500, 100 + seed) if outcome.false_proof or outcome.fused_wrongly]
