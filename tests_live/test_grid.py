"""The grid of GRU features: what the engine makes of the node is what was written down, lowered it is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from strategies import ACTIVATIONS, AnyOf, random_case
from tests_live import native
from tests_live.forms import FORMS, Refused, best
from tests_live.grid import cells
from tests_live.measure import in_form, measure_native
from tests_live.verdict import judge

if TYPE_CHECKING:
    from strategies import GruCase
    from tests_live.engine import Engine
    from tests_live.engines import Kind

KNOBS = {
    "dtype": AnyOf((np.float32, np.float32, np.float64, np.float16)),
    # A jump, as ThresholdedRelu has one, makes a rounding error a large one.
    "activation": AnyOf(tuple(name for name in ACTIVATIONS if name != "ThresholdedRelu")),
    # Affine and ScaledTanh without parameters are the constant 0, on which tract's optimiser fails.
    **dict.fromkeys(("activation_alpha", "activation_beta"), AnyOf(("exact", "long"))),
}


def known_dims(case: GruCase) -> dict[str, int]:
    """Return the batch, where X leaves it symbolic and a constant tells it all the same."""
    told = {"initial_h", "sequence_lens"} & case.constants and not case.static
    return {"N": case.sizes[1]} if told else {}


def test_the_node_itself(engine: Engine) -> None:
    """A cell that an engine's new version runs otherwise is to be written down: what targets promise rests on it."""
    table = measure_native(engine)
    assert {name: verdict.verdict for name, verdict in table.items()} == native.read(engine.name)


def test_a_form(engine: Engine, kind: Kind, form: str) -> None:
    """Every cell that gru-lower writes in this form, and the engine has the type and the opset for, is right."""
    table = in_form(engine, FORMS[form])
    known = {cell.name: cell.case() for cell in cells()}
    failed = {
        name: verdict
        for name, verdict in table.items()
        if verdict.verdict not in ("right", "refused")
        and known[name].dtype.name in kind.dtypes
        and kind.opsets[0] <= known[name].opset <= kind.opsets[1]
        and name not in kind.except_for.get(form, ())
    }
    assert not failed
    assert sum(verdict.verdict == "right" for verdict in table.values()) >= 40


def test_the_best_form(engine: Engine, kind: Kind) -> None:
    """Every cell is right, unless the engine lacks its type or opset."""
    failed, right = {}, 0
    for cell in cells():
        case = cell.case(**({"static": True} if kind.static else {}))
        try:
            model = best(kind, case.model(), case.dtype.name, known_dims(case))
        except Refused as refused:
            if case.dtype.name in kind.dtypes and case.opset <= kind.opsets[1]:
                failed[cell.name] = str(refused)
            continue
        verdict = judge(engine.run(model, case.feeds()), case.expected(), case.dtype)
        right += verdict.verdict == "right"
        if verdict.verdict != "right":
            failed[cell.name] = f"{verdict.verdict}: {verdict.reason}"
    assert not failed
    assert right >= 60


def test_random_models(engine: Engine, kind: Kind) -> None:
    """Sixty GRUs from anywhere in the grid are right, or gru-lower says why they cannot be had."""
    failed, right = {}, 0
    for seed in range(60):
        static = {"static": True} if kind.static else {}
        case = random_case(np.random.default_rng(seed), **KNOBS, **static)
        try:
            model = best(kind, case.model(), case.dtype.name, known_dims(case))
        except Refused:
            continue
        verdict = judge(engine.run(model, case.feeds()), case.expected(), case.dtype)
        right += verdict.verdict == "right"
        if verdict.verdict != "right" and not any(bug in verdict.reason for bug in kind.bugs):
            failed[seed] = f"{case}: {verdict.verdict}: {verdict.reason}"
    assert not failed
    assert right >= 20
