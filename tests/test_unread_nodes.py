"""What is written holds no node and no constant that nobody reads: there are engines that compute them all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from gru_lower.graph.scopes import node_uses, walk
from gru_lower.targets import read_profile
from live_grid import Cell, Refused, cells, followed
from lowering import hold, lower
from strategies import WEIGHTS, random_case

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx

    from strategies import GruCase

FORMS = {name: read_profile.load(name).forms for name in read_profile.names()}
EVERY = [(target, form) for target, forms in FORMS.items() for form in forms]
QUICK = [("portable", "step"), ("portable", "unroll"), ("onnxruntime", "scan"), ("onnxruntime", "loop")]
LENS = {"sequence_lens": (0, 0, 0), "constants": WEIGHTS | {"sequence_lens"}}
MORE = [
    Cell("lengths of 0", LENS),
    Cell("lengths of 0 bidirectional", LENS | {"direction": "bidirectional", "linear_before_reset": 0}),
    Cell("lengths of 1 at most", LENS | {"sequence_lens": (1, 0, 1), "linear_before_reset": 0}),
    Cell("computed weights without reset", {"constants": frozenset(), "linear_before_reset": 0}),
]


def unread(model: onnx.ModelProto) -> Iterator[str]:
    """Yield the operators and constants of a model whose values nobody uses."""
    for scope in walk(model):
        read = {value.name for value in scope.proto.output} | {name for node in scope.nodes for name in node_uses(node)}
        yield from (node.op_type for node in scope.nodes if not read.intersection(node.output))
        yield from (name for name in scope.initializers if name not in read)


def of_form(form: str, **knobs: object) -> Iterator[tuple[str, GruCase]]:
    """Yield every cell that there is in a form."""
    for cell in [*cells(), *MORE]:
        if form != "step" or "sequence_lens" not in cell.knobs:
            yield cell.name, cell.case(**({"T": 1} if form == "step" else {}), **knobs)


def hold_form(target: str, form: str, **knobs: object) -> None:
    found = {}
    for name, case in of_form(form, **knobs):
        dims = {} if case.static else {"T": case.sizes[0], "N": case.sizes[1]}
        try:
            found[name] = list(unread(followed("lower", case.model(), target, dims, form=form).model))
        except Refused:
            continue
    assert {name: left for name, left in found.items() if left} == {}
    assert found or knobs


@pytest.mark.parametrize(("target", "form"), QUICK)
def test_no_node_of_the_grid_is_unread(target: str, form: str) -> None:
    hold_form(target, form)


@pytest.mark.slow
@pytest.mark.parametrize(("target", "form"), EVERY)
def test_no_node_of_the_grid_is_unread_in_any_target(target: str, form: str) -> None:
    if (target, form) not in QUICK:
        hold_form(target, form)
    hold_form(target, form, static=False)


@pytest.mark.parametrize("vocabulary", ["gemm", "matmul", "minimal"])
@pytest.mark.parametrize("knobs", [each.knobs for each in MORE] + [{"linear_before_reset": 0}, {"bias": False}])
def test_without_a_target_either(vocabulary: str, knobs: dict[str, object]) -> None:
    case = random_case(
        np.random.default_rng(3), **{
            "opset": 17, "dtype": np.float32, "static": True, "layout": None, "activations": None, "clip": None, "T": 3,
            "N": 3, "H": 4, "hidden_size": 4, "bias": True, "initial_h": False, "nan_padding": False, "direction": None,
            "linear_before_reset": 1, "sequence_lens": None, "constants": WEIGHTS, **knobs,
        },
    )  # fmt: skip
    model, _ = lower(case.model(), f"lower-gru{{form=unroll,vocabulary={vocabulary}}}")
    assert list(unread(model)) == []
    hold(case, model)
