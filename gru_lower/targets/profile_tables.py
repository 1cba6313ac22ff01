"""Profiles as tables: one row a target, one column a feature; or one target, one row an option."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from gru_lower.light_dataclass import dataclass
from gru_lower.targets.option_axes import AXES, OPTIONS, describe
from gru_lower.targets.profile import COLUMNS, FORMS, MARKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.targets.profile import Cell, Column, Profile

Mark = Literal["right", "wrong", "rejected", "unknown"]
FEATURES: dict[str, tuple[str, ...]] = {
    "lbr1": ("lbr1",),
    "lbr0": ("lbr0",),
    "rev": ("reverse",),
    "bidi": ("bidirectional",),
    "lay1": ("layout1",),
    "lens": ("lens",),
    "h0": ("initial_h",),
    "clip": ("clip",),
    "relu": ("g_Relu",),
    "hsig": ("f_HardSigmoid",),
    "fp16": ("float16",),
    "dynT": ("dynamic_time",),
    "dynN": ("dynamic_batch",),
    "noB": ("no_B",),
    "-Yh": ("only_Y",),
    "-Y": ("only_Y_h",),
}
"""What the table of all targets shows, and the options behind it."""
RANK: dict[Mark, int] = {"right": 0, "unknown": 1, "rejected": 2, "wrong": 3}


@dataclass(frozen=True)
class Row:
    """One target in the table of all.

    Attributes:
        name: The target.
        version: Its version.
        evidence: ``"run"``, or ``"read"`` if any cell shown was only read about.
        before: How the GRU node fares, by feature.
        after: How it fares legalised or lowered: the best of the node and the forms.
        forms: The forms it takes.

    """

    name: str
    version: str
    evidence: str
    before: dict[str, Mark]
    after: dict[str, Mark]
    forms: tuple[str, ...]


def row(profile: Profile) -> Row:
    """Return a target's row."""
    gru = profile.columns.get("gru")
    taken = [gru, *(profile.columns.get(form) for form in profile.forms)]
    shown = [cell for column in taken if column for options in FEATURES.values() for cell in _cells(column, options)]
    return Row(
        profile.name,
        profile.version,
        "read" if profile.evidence == "read" or any(cell.evidence == "read" for cell in shown) else "run",
        {feature: _mark(gru, options) for feature, options in FEATURES.items()},
        {feature: _best(taken, options, profile) for feature, options in FEATURES.items()},
        profile.forms,
    )


def _cells(column: Column, options: Sequence[str]) -> list[Cell]:
    return [column.cells[option] for option in options if option in column.cells]


def _mark(column: Column | None, options: Sequence[str]) -> Mark:
    marks: list[Mark] = [
        column.cells[option].verdict if column is not None and option in column.cells else "unknown"
        for option in options
    ]
    return max(marks, key=RANK.__getitem__)


def _best(columns: Sequence[Column | None], options: Sequence[str], profile: Profile) -> Mark:
    """Return the best mark of a feature in any column; GRUs that would be wrong are never written, but refused."""
    marks: list[Mark] = [_mark(column, options) for column in columns]
    if "dynamic_time" in options and not set(profile.forms) & {"scan", "loop"} and marks[0] != "right":
        return "rejected"
    if profile.static and any(option.startswith("dynamic_") for option in options):
        return "rejected"
    best = min(marks, key=RANK.__getitem__)
    return "rejected" if best == "wrong" else best


def meaning(feature: str) -> str:
    """Return what a column of the table of all targets is, in the operator's words."""
    return ", ".join(describe(option) for option in FEATURES[feature])


def markdown(profiles: Sequence[Profile]) -> str:
    """Return a table of all targets as Markdown: in each cell before and after, or one mark where both are right."""
    lines = [f"|target|evidence|{'|'.join(FEATURES)}|forms|", f"|---|---|{'---|' * len(FEATURES)}---|"]
    for each in map(row, profiles):
        pairs = [(each.before[feature], each.after[feature]) for feature in FEATURES]
        marks = [
            MARKS["right"] if pair == ("right", "right") else "→".join(MARKS[mark] for mark in pair) for pair in pairs
        ]
        name = f"{each.name} {each.version}".strip()
        lines.append(f"|{name}|{each.evidence}|{'|'.join(marks)}|{', '.join(each.forms)}|")
    return "\n".join(lines)


def option_rows(profile: Profile) -> list[tuple[str, str, list[Mark]]]:
    """Return the table of one target: axis, option, and the mark in each column that the profile has."""
    columns = [name for name in COLUMNS if name in profile.columns]
    return [
        (axis, describe(option), [_mark(profile.columns[name], [option]) for name in columns])
        for axis, options in AXES.items()
        for option in options
    ]


def to_dict(profile: Profile) -> dict[str, Any]:
    """Return a profile as JSON, every cell in full."""
    flow = profile.control_flow

    def cell(each: Cell) -> dict[str, str]:
        return {"verdict": each.verdict, "evidence": each.evidence, "version": each.version, "source": each.source}

    return {
        "name": profile.name,
        "summary": profile.summary,
        "version": profile.version,
        "evidence": profile.evidence,
        "source": profile.source,
        "opset": list(profile.opset),
        "static": profile.static,
        "dtypes": list(profile.dtypes),
        "forms": list(profile.forms),
        "vocabulary": profile.vocabulary,
        "state_rank": profile.state_rank,
        "steps": profile.steps,
        "mask": profile.mask,
        "functions": profile.functions,
        "axes": profile.axes,
        "name_outputs": profile.name_outputs,
        "quantised_weights": profile.quantised_weights,
        "own_constants": profile.own_constants,
        "max_nodes": profile.max_nodes,
        "avoid": list(profile.avoid),
        "avoid_at_one_unit": list(profile.avoid_at_one_unit),
        "forbid": list(profile.forbid),
        "allow": list(profile.allow),
        "control_flow": {key: getattr(flow, key) for key in ("scan", "loop", "reverse", "dynamic_trip_count")},
        "ops": {
            op: {
                "opset": None if limit.opset is None else list(limit.opset),
                "types": list(limit.types),
                "max_rank": limit.max_rank,
                "constants": limit.constants,
                "int32": limit.int32,
            }
            for op, limit in profile.ops.items()
        },
        "columns": {
            name: {
                "pairs": column.pairs,
                "cells": {option: cell(column.cells[option]) for option in OPTIONS if option in column.cells},
                "together": [{"options": sorted(each.options), **cell(each.cell)} for each in column.together],
            }
            for name, column in profile.columns.items()
        },
    }


__all__ = ["FEATURES", "FORMS", "Row", "markdown", "option_rows", "row", "to_dict"]
