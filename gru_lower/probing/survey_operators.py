"""Which operators a target runs right, and in which opsets, of those that lowered and legalised GRUs are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

from gru_lower.light_dataclass import dataclass
from gru_lower.probing import operator_models
from gru_lower.probing.spelling_models import SPELLINGS
from gru_lower.targets.profile import ControlFlow, OpLimit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gru_lower.probing.probe_model import ProbeModel
    from gru_lower.probing.run_models import ModelRuns

FIRST_SCAN = 9
"""The opset from which Scan serves a GRU."""


@dataclass(frozen=True)
class Survey:
    """Which operators a target runs right.

    Attributes:
        forbid: Operators that are right nowhere; Scan and Loop are told of by ``flow``.
        avoid: Functions that are wrong for large values, as those are that take e to the power of any value; and
            operators that are not right in every way that lowering writes them.
        limits: Operators that are right in some opsets: the range around the one the rest is probed at.
        flow: Which repetitions are right.

    """

    forbid: tuple[str, ...]
    avoid: tuple[str, ...]
    limits: dict[str, OpLimit]
    flow: ControlFlow


def survey(
    opsets: tuple[int, int],
    preferred: int,
    runs: ModelRuns,
    *,
    every_version: bool,
) -> Survey:
    """Run the models of all operators.

    Args:
        opsets: The oldest and the newest opset the target takes.
        preferred: The opset the rest is probed at.
        runs: Runs labelled models and gives their verdicts.
        every_version: Whether to run each operator in every opset in which it changed, or in the preferred one alone.

    """
    oldest, newest = opsets
    versions = {op: _versions(op, opsets) for op in operator_models.OPERATORS}
    if not every_version:
        versions = {op: [opset for opset in found if opset <= preferred][-1:] for op, found in versions.items()}
    tried = [(op, opset) for op, found in versions.items() for opset in found]
    models: list[tuple[str, ProbeModel | None]] = [
        (f"{op} at opset {opset}", operator_models.operator_model(op, opset)) for op, opset in tried
    ]
    right = {key for key, verdict in zip(tried, runs.verdicts("operators", models), strict=True) if verdict == "right"}
    forbid, limits = [], {}
    for op, found in versions.items():
        good = [opset for opset in found if (op, opset) in right]
        if found and not good:
            forbid.append(op)
        elif len(good) < len(found):
            low = high = found.index(max((opset for opset in good if opset <= preferred), default=good[0]))
            while low > 0 and found[low - 1] in good:
                low -= 1
            while high + 1 < len(found) and found[high + 1] in good:
                high += 1
            last = found[high + 1] - 1 if high + 1 < len(found) else newest
            limits[op] = OpLimit(opset=(found[low] if low else oldest, last))
    flow = _control_flow(forbid, preferred, runs)
    taken = [
        op for op in operator_models.RESPELLED if operator_models.OPERATORS[op][0] <= preferred and op not in forbid
    ]
    avoid = _wrong_for_large_values(taken, preferred, runs) + _wrong_as_written(forbid, preferred, runs)
    return Survey(tuple(op for op in forbid if op not in ("Scan", "Loop")), avoid, limits, flow)


def _wrong_for_large_values(
    functions: Sequence[str],
    opset: int,
    runs: ModelRuns,
) -> tuple[str, ...]:
    """Return the functions that are not right for large values, but for Tanh where Sigmoid is not either."""
    tried = ["Sigmoid", *functions]
    models = [
        (f"{op} of large values", operator_models.operator_model(op, opset, factor=operator_models.LARGE))
        for op in tried
    ]
    found = dict(zip(tried, runs.verdicts("operators", models), strict=True))
    sound = found.pop("Sigmoid") == "right"
    return tuple(op for op, verdict in found.items() if verdict != "right" and (sound or op != "Tanh"))


def _wrong_as_written(forbid: Sequence[str], opset: int, runs: ModelRuns) -> tuple[str, ...]:
    """Return the operators that are right, but not in every way that a lowering may write them."""
    needed = {name: op for name, (op, _) in SPELLINGS.items() if op not in forbid}
    models = [(name, operator_models.operator_model(name, opset)) for name in needed]
    verdicts = dict(zip(needed, runs.verdicts("spellings", models), strict=True))
    found = (op for name, op in needed.items() if op and verdicts[name] != "right")
    return tuple(dict.fromkeys(found))


def _versions(op: str, opsets: tuple[int, int]) -> list[int]:
    """Return the opsets in which an operator changed, and the first it is probed at, within a range."""
    oldest, newest = opsets
    first = max(oldest, operator_models.OPERATORS[op][0])
    since = {onnx.defs.get_schema(op, opset).since_version for opset in range(first, newest + 1)}
    return sorted({max(first, opset) for opset in since})


def _control_flow(
    forbid: Iterable[str],
    opset: int,
    runs: ModelRuns,
) -> ControlFlow:
    scan, loop = "Scan" not in forbid, "Loop" not in forbid
    if not scan or opset < FIRST_SCAN:
        return ControlFlow(scan, loop, dynamic_trip_count=loop)
    backwards, dynamic = runs.verdicts(
        "Scan",
        [
            ("backwards", operator_models.operator_model("Scan", opset, reverse=True)),
            ("dynamic", operator_models.operator_model("Scan", opset, dynamic=True)),
        ],
    )
    return ControlFlow(scan, loop, backwards == "right", dynamic == "right")
