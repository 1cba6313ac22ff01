"""Arguments of torch.nn.GRU and torch.nn.GRUCell that go with weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower.frameworks.descriptions.pytorch import TORCH
from gru_lower.frameworks.refusals import unfit
from gru_lower.nearest_word import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gru_lower.frameworks.pytorch_layers.read_layers import Layer
    from gru_lower.frameworks.weights.cell import DirectedCell


def check_configuration(layers: Sequence[Layer], config: Mapping[str, Any]) -> bool:
    """Refuse a configuration that contradicts the weights; return its batch_first, which the weights do not tell.

    Raises:
        InvalidModel: A key is unknown, or contradicts the weights.

    """
    known = {**config_of(layers, batch_first=bool(config.get("batch_first"))), "dropout": config.get("dropout", 0.0)}
    for key, value in config.items():
        if key not in known:
            hint = did_you_mean(key, known, f"its keys are {', '.join(known)}")
            raise unfit(TORCH, f"the configuration has no {key!r}", hint)
        if known[key] != value:
            raise unfit(TORCH, f"{key} is {value}, but the weights say {known[key]}", "correct the configuration")
    return bool(known["batch_first"])


def cell_config_of(each: DirectedCell) -> dict[str, Any]:
    """Return the arguments of a GRUCell with the sizes of a cell."""
    cell = each.cell
    return {"input_size": cell.input_size, "hidden_size": cell.hidden_size, "bias": cell.Wb is not None}


def config_of(group: Sequence[Layer], *, batch_first: bool) -> dict[str, Any]:
    """Return the arguments of a GRU with the sizes of some layers."""
    return {
        **cell_config_of(group[0][0]),
        "num_layers": len(group),
        "batch_first": batch_first,
        "bidirectional": len(group[0]) == 2,
    }
