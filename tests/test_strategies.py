"""The shared strategy is sound: legal models, fixed knobs kept, and the whole grid reached."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import ACTIVATIONS, BFLOAT16, AnyOf, GruCase, gru_cases, random_case


@pytest.mark.parametrize("opset", [1, 3, range(7, 25)])
@given(data=st.data())
def test_the_strategy_makes_legal_models(opset: int | range, data: st.DataObject) -> None:
    case = data.draw(gru_cases(opset=opset))
    model = case.model()
    onnx.checker.check_model(model, full_check=True)
    assert [output.name for output in model.graph.output] == list(case.expected())
    assert set(case.feeds()) | case.constants == set(case.inputs)
    assert all(np.isfinite(values).all() for values in case.expected().values())


@given(gru_cases(T=AnyOf((0, 1)), N=AnyOf((0, 1))))
def test_the_strategy_makes_empty_sizes(case: GruCase) -> None:
    onnx.checker.check_model(case.model(), full_check=True)
    assert case.runs_in_onnxruntime <= (0 not in case.sizes)
    T, N, _I, H, D = case.sizes
    shape = (N, T, D, H) if case.attributes.get("layout") else (T, D, N, H)
    assert "Y" not in case.outputs or case.expected()["Y"].shape == shape


def test_a_fixed_knob_is_kept_and_an_unknown_one_refused() -> None:
    case = random_case(np.random.default_rng(0), dtype=BFLOAT16, T=20, layout=1, direction="reverse", clip=2.0)
    assert (case.opset >= 22, case.X.shape[1], case.attributes["clip"]) == (True, 20, 2.0)
    with pytest.raises(TypeError, match="no such knob: layuot"):
        random_case(np.random.default_rng(0), layuot=1)


def test_a_seed_fixes_the_case() -> None:
    one, other = (random_case(np.random.default_rng(5)) for _ in range(2))
    assert one.model().SerializeToString(deterministic=True) == other.model().SerializeToString(deterministic=True)
    np.testing.assert_array_equal(one.X, other.X)


def test_the_whole_grid_is_reached() -> None:
    rng = np.random.default_rng(0)
    cases = [random_case(rng) for _ in range(1000)]
    assert {case.opset for case in cases} == set(range(7, 25))
    assert {str(case.dtype) for case in cases} == {"float16", "bfloat16", "float32", "float64"}
    names = {name.lower() for case in cases for name in case.attributes.get("activations", ())}
    assert names == {name.lower() for name in ACTIVATIONS}
    assert {case.outputs for case in cases} == {("Y", "Y_h"), ("Y",), ("Y_h",)}
    optional = ({"B", "sequence_lens", "initial_h"} & set(case.inputs) for case in cases)
    assert len({frozenset(present) for present in optional}) == 8
    ragged = [case.sequence_lens for case in cases if case.sequence_lens is not None]
    assert any(0 in lens and lens.any() for lens in ragged)
    assert any(np.isnan(case.X).any() for case in cases)
    for attribute in ("activation_alpha", "clip", "direction", "hidden_size", "layout", "linear_before_reset"):
        assert {attribute in case.attributes for case in cases} == {True, False}, attribute
    assert sum(case.runs_in_onnxruntime for case in cases) > 300
