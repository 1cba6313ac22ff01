"""The grid of GRU features and random GRUs, rewritten for a target: right in its engine, or refused with a reason."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from strategies import AnyOf, random_case
from tests_live.rewriting import COMMANDS, Refused, followed
from tests_live.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strategies import GruCase
    from tests_live.engine import Engine
    from tests_live.engines import Kind
    from tests_live.grid import Cell

LOG = logging.getLogger(__name__)  # with -rP --log-level=INFO it tells what floors are made of
RANDOM = 60
DTYPES = AnyOf((np.float32, np.float32, np.float64, np.float16))


def open_dims(case: GruCase) -> dict[str, int]:
    """Return the lengths of the symbolic dims."""
    return {} if case.static else {"T": case.sizes[0], "N": case.sizes[1]}


class Trial:
    """Models of one target in its engine.

    Attributes:
        right: How many were right.
        refused: Why others were refused, by name.
        failed: What came of the rest, by name.

    """

    def __init__(self, engine: Engine, kind: Kind) -> None:
        """Begin with nothing."""
        self._engine, self._kind = engine, kind
        self.right = 0
        self.refused: dict[str, str] = {}
        self.failed: dict[str, str] = {}

    def __call__(self, name: str, case: GruCase, command: str, target: str, **options: Any) -> None:
        """Rewrite a case, and run what comes of it."""
        if case.dtype.name in self._kind.lacks_types:
            self.refused[name] = f"it has no tensors of {case.dtype.name}"
            return
        try:
            model = followed(command, case.model(), target, open_dims(case), **options).model
        except Refused as refused:
            self.refused[name] = str(refused)
            return
        feeds = case.feeds()
        if self._kind.finite:
            feeds = {key: np.nan_to_num(array) for key, array in feeds.items()}
        outcome = self._engine.run(model, feeds)
        verdict = judge(outcome, case.expected(), case.dtype, self._engine.tolerance)
        self.right += verdict.verdict == "right"
        known = self._kind.fails.get(name, self._kind.fails.get(name.partition(":")[0]))
        if verdict.verdict != "right" and (known is None or known not in verdict.reason):
            self.failed[name] = f"{verdict.verdict}: {verdict.reason}"


@pytest.fixture
def trial(engine: Engine, kind: Kind) -> Trial:
    """A trial in the engine."""
    return Trial(engine, kind)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("dims", ["static", "dynamic"])
def test_the_grid(kind: Kind, trial: Trial, chosen: list[Cell], command: str, dims: str) -> None:
    """Every cell is right, once the flags are given that a refusal asks for; those that no flag helps are known."""
    for cell in chosen:
        case = cell.case(**({"static": False} if dims == "dynamic" else {}))
        trial(cell.name, case, command, kind.target)
    assert not trial.failed
    unhelped = {name: why for name, why in trial.refused.items() if not any(each in name for each in kind.refuses)}
    assert not unhelped


def test_a_form(kind: Kind, trial: Trial, chosen: list[Cell], form: str) -> None:
    """Every cell that can be written in this form is right, whichever one the target likes best."""
    for cell in chosen:
        if form == "step" and "sequence_lens" in cell.knobs:  # its lengths are those of more steps
            continue
        trial(cell.name, cell.case(**({"T": 1} if form == "step" else {})), "lower", kind.target, form=form)
    LOG.info("%s right", trial.right)
    assert not trial.failed
    assert trial.right >= kind.form_right, trial.refused


def test_portable(kind: Kind, trial: Trial, chosen: list[Cell]) -> None:
    """Every cell, written for every target at once, is right in this one."""
    for cell in chosen:
        trial(cell.name, cell.case(), "lower", "portable")
    assert {name: why for name, why in trial.failed.items() if name not in kind.not_portable} == {}
    unhelped = {name for name in trial.refused if "sequence_lens" not in name and name not in kind.not_portable}
    assert not unhelped


def draws(every: int) -> Iterator[tuple[str, GruCase]]:
    """Yield random cases; their description is what they are known by."""
    for seed in range(0, RANDOM, every):
        case = random_case(np.random.default_rng(seed), dtype=DTYPES)
        if case.jumps and case.dtype == np.float16:  # a rounding error may be a large one there
            case = random_case(np.random.default_rng(seed), dtype=np.float32)
        yield f"{seed}: {case}", case


@pytest.mark.parametrize("command", COMMANDS)
def test_random_models(kind: Kind, trial: Trial, every: int, command: str) -> None:
    """Sixty GRUs from anywhere in the grid are right, or gru-lower says why they cannot be had."""
    for name, case in draws(every):
        constant = case.sequence_lens is not None and not case.sequence_lens.any()
        if kind.constant_outputs or not constant:
            trial(name, case, command, kind.target)
    LOG.info("%s right", trial.right)
    assert not trial.failed
    assert trial.right >= kind.random_right, trial.refused
