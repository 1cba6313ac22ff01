"""Reading layers of PyTorch through their own methods, or a state_dict of arrays, without importing torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.frameworks.descriptions.pytorch import TORCH
from gru_lower.frameworks.import_framework import import_framework
from gru_lower.frameworks.refusals import check_sizes_and_types, not_a_layer, unfit, unknown_weight
from gru_lower.frameworks.weights.cell import DirectedCell
from gru_lower.frameworks.weights.weight_layouts import cell_of_weights
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.frameworks.weights.cell import Array, Weights

TAKES = "a torch.nn.GRU or GRUCell, a list of GRUs, or a dict of their weights"
WEIGHT_NAME = re.compile(r"(weight_ih|weight_hh|bias_ih|bias_hh)(?:_l(\d+)(_reverse)?)?")
Layer = tuple[DirectedCell, ...]
"""One layer of a torch.nn.GRU: its forward direction, and the reverse one if it is bidirectional."""


@dataclass(frozen=True)
class ReadLayers:
    """What was read.

    Attributes:
        stacks: The layers of each torch.nn.GRU, each GRU fed the output of the one before.
        batch_first: Whether X is batch-major.
        is_cell: Whether it is a torch.nn.GRUCell, which takes one step.

    """

    stacks: list[list[Layer]]
    batch_first: bool = False
    is_cell: bool = False


def read_layers(layer: Any) -> ReadLayers:  # noqa: ANN401 - torch's layers
    """Read a GRU, a GRUCell, a list of GRUs, or a state_dict.

    Raises:
        Unsupported: It is none of these.
        InvalidModel: Weights are missing or unknown, or do not fit each other.

    """
    if isinstance(layer, Mapping):
        layers, is_cell = _layers_of_state_dict(layer)
        return ReadLayers([layers], is_cell=is_cell)
    kind = _kind(layer)
    if kind in ("GRU", "GRUCell"):
        state = {name: _array(getattr(layer, name)) for name in _weight_names(layer)}
        layers, is_cell = _layers_of_state_dict(state)
        return ReadLayers([layers], bool(getattr(layer, "batch_first", False)), is_cell)
    if kind in ("Sequential", "ModuleList") or isinstance(layer, (list, tuple)):
        parts = [read_layers(part) for part in layer if _kind(part) not in ("Dropout", "Identity")]
        stacks = [layers for part in parts for layers in part.stacks]
        layouts = {part.batch_first for part in parts}
        if parts and not any(part.is_cell for part in parts) and len(layouts) == 1:
            check_sizes_and_types(TORCH, [directions for layers in stacks for directions in layers])
            return ReadLayers(stacks, parts[0].batch_first)
        if len(layouts) > 1:
            raise unfit(TORCH, "some of the GRUs are batch_first, some not", "make them all alike")
    raise not_a_layer(TORCH, layer, TAKES)


def _kind(layer: Any) -> str:  # noqa: ANN401
    """Name the torch class whose forward the layer runs, ``""`` for anything else."""
    for base in type(layer).__mro__:
        if base.__module__.startswith("torch.nn.modules."):
            same = getattr(type(layer), "forward", None) is getattr(base, "forward", None)
            return base.__name__ if same else ""
    return ""


def _weight_names(layer: Any) -> Iterator[str]:  # noqa: ANN401
    """Yield the names of all weights of a GRU or GRUCell."""
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh") if layer.bias else ("weight_ih", "weight_hh")
    if not hasattr(layer, "num_layers"):
        yield from kinds
        return
    for k in range(layer.num_layers):
        for suffix in ("", "_reverse") if layer.bidirectional else ("",):
            yield from (f"{kind}_l{k}{suffix}" for kind in kinds)


def _array(tensor: Any) -> Array:  # noqa: ANN401 - torch's tensors
    if tensor.is_meta:
        raise unfit(TORCH, "the layer is on the meta device and holds no weights", "load its weights first")
    plain = tensor.detach().cpu().contiguous()
    if str(plain.dtype) == "torch.bfloat16":
        from ml_dtypes import bfloat16

        return np.asarray(plain.view(import_framework(TORCH).int16).numpy().view(bfloat16))
    return np.asarray(plain.numpy())


def _layers_of_state_dict(state: Mapping[str, Any]) -> tuple[list[Layer], bool]:
    """Return the layers of a state_dict, and whether it is a cell's."""
    cells: dict[tuple[int, bool], Weights] = {}
    is_cell = False
    for name, value in state.items():
        match = WEIGHT_NAME.fullmatch(name)
        if match is None:
            raise unknown_weight(TORCH, name)
        kind, layer, reverse = match.groups()
        is_cell = is_cell or layer is None
        cells.setdefault((int(layer or 0), bool(reverse)), {})[kind] = value
    layers = []
    for k in range(max((key[0] for key in cells), default=-1) + 1):
        reverses = [reverse for reverse in (False, True) if (k, reverse) in cells]
        site = f"layer {k}"
        if not reverses or reverses[0]:
            raise unfit(TORCH, f"weight_ih_l{k} is missing", "hand in all weights of the layer")
        layers.append(
            tuple(DirectedCell(cell_of_weights(TORCH, cells[k, reverse], site=site), reverse) for reverse in reverses)
        )
    if not layers:
        raise unfit(TORCH, "there are no weights", "hand in those of the GRU: weight_ih_l0, ...")
    check_sizes_and_types(TORCH, layers)
    return layers, is_cell
