"""The file of measured costs of a pass, as its fit writes it: a line for each figure, and for each row."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def spelled(costs: DataclassInstance, rows: str) -> str:
    """Return costs as JSON.

    Args:
        costs: The figures, and rows of them.
        rows: The name of the field that holds those, its last.

    """
    figures: dict[str, Any] = asdict(costs)
    listed = ",\n".join(f"  {json.dumps(row)}" for row in figures.pop(rows))
    lines = "".join(f' "{name}": {json.dumps(value)},\n' for name, value in figures.items())
    return f'{{\n{lines} "{rows}": [\n{listed}\n ]\n}}\n'
