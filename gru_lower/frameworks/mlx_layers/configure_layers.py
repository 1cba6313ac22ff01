"""Arguments of mlx.nn.GRU that go with weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower.frameworks.descriptions.mlx import MLX
from gru_lower.frameworks.refusals import unfit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gru_lower.frameworks.weights.cell import Cell


def check_configuration(cells: Sequence[Cell], config: Mapping[str, Any]) -> None:
    """Refuse a configuration that contradicts the weights, which tell all of it.

    Raises:
        InvalidModel: A key is unknown, or contradicts the weights.

    """
    entries = config.get("layers", [config] * len(cells))
    if len(entries) != len(cells):
        raise unfit(MLX, f"{len(cells)} layers of weights, {len(entries)} of configuration", "one for each")
    for cell, entry in zip(cells, entries, strict=True):
        known = config_of(cell)
        for key, value in entry.items():
            if known.get(key, value) != value or key not in known:
                says = f"the weights say {known[key]}" if key in known else f"the layer has {', '.join(known)}"
                raise unfit(MLX, f"{key} is {value}, but {says}", "correct the configuration")


def config_of(cell: Cell) -> dict[str, Any]:
    """Return the arguments of an mlx.nn.GRU with the sizes of a cell."""
    return {"input_size": cell.input_size, "hidden_size": cell.hidden_size, "bias": cell.Wb is not None}
