"""Gates computed together, projections in one product and a bounded Tanh give the same numbers, whatever the GRU."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import gru_lower
from lowering import hold, holds_gru, lower, op_types, run
from strategies import WEIGHTS, AnyOf, GruCase, gru_cases, random_case

SPELLINGS = st.fixed_dictionaries(
    {
        "gates": st.sampled_from(("apart", "joined", "whole")),
        "projection": st.sampled_from(("apart", "whole", "with-state")),
        "tanh": st.sampled_from(("auto", "bounded")),
        "vocabulary": st.sampled_from(("gemm", "matmul", "minimal")),
        "state_rank": st.sampled_from((2, 3)),
        "forbid": st.sampled_from(("", "Split")),
        "packing": st.sampled_from(("plain", "none")),
    }
)


@settings(max_examples=3 * settings().max_examples)
@given(
    case=gru_cases(dtype=AnyOf((np.float32, np.float64))),
    form=st.sampled_from(("scan", "loop", "unroll", "step")),
    how=SPELLINGS,
)
def test_every_spelling_equals_the_reference(case: GruCase, form: str, how: dict[str, str | int]) -> None:
    assume(not (case.jumps and case.dtype != np.float64))
    options = ",".join(f"{key}={value}" for key, value in how.items() if value != "")
    lowered, result = lower(case.model(), f"lower-gru{{form={form},{options}}}")
    if result.sites[0].action == "lowered":
        assert not holds_gru(lowered)
        hold(case, lowered)


@pytest.mark.parametrize(("gates", "products"), [("apart", 6), ("joined", 4), ("whole", 2)])
def test_so_many_products_a_step(gates: str, products: int) -> None:
    """What this is for: a wider product is quicker than several narrow ones."""
    case = _case(linear_before_reset=1)
    projection = "whole" if gates == "whole" else "apart"
    lowered, _ = lower(case.model(), f"lower-gru{{form=step,gates={gates},projection={projection}}}")
    assert sum(node.op_type == "Gemm" for node in lowered.graph.node) == products
    hold(case, lowered)


@pytest.mark.parametrize(("linear_before_reset", "products"), [(0, 2), (1, 3)])
@pytest.mark.parametrize("vocabulary", ["gemm", "matmul"])
def test_x_and_the_state_are_one_product(linear_before_reset: int, products: int, vocabulary: str) -> None:
    case = _case(linear_before_reset)
    how = f"vocabulary={vocabulary},state_rank=3,projection=with-state"
    lowered, _ = lower(case.model(), f"lower-gru{{form=step,{how}}}")
    assert sum(node.op_type in ("Gemm", "MatMul") for node in lowered.graph.node) == products
    hold(case, lowered)


@pytest.mark.parametrize("gates", ["apart", "joined"])
@pytest.mark.parametrize("vocabulary", ["gemm", "matmul"])
def test_a_step_from_zeros_has_no_reset_gate(gates: str, vocabulary: str) -> None:
    """It would scale a state that is zeros: a third of the product, which few runtimes leave out by themselves."""
    case = replace(_case(linear_before_reset=0), initial_h=None)
    how = f"vocabulary={vocabulary},state_rank=3,gates={gates},projection=whole"
    lowered, _ = lower(case.model(), f"lower-gru{{form=step,{how}}}")
    (weights,) = [tensor for tensor in lowered.graph.initializer if len(tensor.dims) == 2]
    assert sorted(weights.dims) == [16, 64]
    hold(case, lowered)


def test_several_steps_have_projections_of_their_own() -> None:
    """Where X and the state cannot be joined, with-state is what whole is."""
    case = _case(linear_before_reset=0, length=3)
    whole, _ = lower(case.model(), "lower-gru{form=unroll,gates=joined,projection=whole}")
    joined, _ = lower(case.model(), "lower-gru{form=unroll,gates=joined,projection=with-state}")
    assert joined.SerializeToString() == whole.SerializeToString()


def test_weights_stay_as_many_bytes() -> None:
    case = _case(linear_before_reset=0)
    apart, _ = lower(case.model(), "lower-gru{form=step}")
    for projection in ("whole", "with-state"):
        joined, _ = lower(case.model(), f"lower-gru{{form=step,gates=joined,projection={projection}}}")
        assert joined.ByteSize() < 1.1 * apart.ByteSize()


def test_tanh_of_large_values_is_bounded_first() -> None:
    """OpenCV 5's Tanh is not a number from 45 on: no value it is given is larger than 20."""
    case = _case(linear_before_reset=1)
    large = replace(case, X=case.X * np.float32(1000))
    lowered, _ = lower(large.model(), "lower-gru{form=step,tanh=bounded}")
    assert "Clip" in op_types(lowered)
    hold(large, lowered)


def test_no_function_stands_right_behind_a_sum() -> None:
    """QNN's NPU joins an Add and the function behind it, and computes both to 8 bits then."""
    for linear_before_reset in (0, 1):
        case = _case(linear_before_reset, length=3)
        lowered, _ = lower(case.model(), "lower-gru{form=unroll,vocabulary=matmul,functions=bounded}")
        makers = {name: node.op_type for node in lowered.graph.node for name in node.output}
        read = {makers[node.input[0]] for node in lowered.graph.node if node.op_type in ("Sigmoid", "Tanh")}
        assert read == {"Clip"}
        hold(case, lowered)
        assert gru_lower.fuse(lowered, require=1).model.graph.node


def test_a_bound_is_left_away_where_there_is_no_clip() -> None:
    case = _case(linear_before_reset=1)
    without, _ = lower(case.model(), "lower-gru{form=step,functions=bounded,forbid=Clip}")
    plain, _ = lower(case.model(), "lower-gru{form=step}")
    assert without.SerializeToString() == plain.SerializeToString()


def test_without_the_options_nothing_changes() -> None:
    case = _case(linear_before_reset=1)
    plain, _ = lower(case.model(), "lower-gru{form=step}")
    named, _ = lower(case.model(), "lower-gru{form=step,gates=apart,projection=apart,tanh=auto}")
    assert plain.SerializeToString() == named.SerializeToString()


def test_joined_gates_fuse_back() -> None:
    case = _case(linear_before_reset=1, length=3)
    lowered, _ = lower(case.model(), "lower-gru{form=unroll,gates=whole,projection=whole}")
    fused = gru_lower.fuse(lowered, require=1).model
    for name, array in run(case.model(), case.feeds()).items():
        np.testing.assert_allclose(run(fused, case.feeds())[name], array, atol=1e-5)


def _case(linear_before_reset: int, length: int = 1) -> GruCase:
    return random_case(
        np.random.default_rng(1), opset=17, dtype=np.float32, direction="forward", sequence_lens=None, T=length, N=2,
        H=32, I=16, hidden_size=32, initial_h=True, static=True, layout=None, activations=None,
        outputs=("Y", "Y_h"), clip=None, linear_before_reset=linear_before_reset, constants=WEIGHTS, bias=True,
    )  # fmt: skip
