"""Making layers of PyTorch of a model's GRUs, and filling layers with their weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.frameworks.descriptions.pytorch import TORCH
from gru_lower.frameworks.pytorch_layers.configure_layers import cell_config_of, config_of
from gru_lower.frameworks.refusals import check_expressible, check_order_of_time, unfit
from gru_lower.frameworks.weights.weight_layouts import weights_of_cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.frameworks.onnx_models.gru_stack import Stack
    from gru_lower.frameworks.pytorch_layers.read_layers import Layer
    from gru_lower.frameworks.weights.cell import Array, Weights


def check_stack(stack: Stack, *, packed: bool) -> Stack:
    """Return a stack that torch can express.

    Raises:
        Unsupported: It cannot express one of the GRUs, or a turn between two.
        InvalidModel: Directions are merged in another way than side by side.

    """
    for gru in stack.grus:
        check_expressible(TORCH, gru, packed=packed)
    for gru in stack.grus[:-1]:
        if gru.spec.num_directions == 2 and gru.merge != "concat":
            raise unfit(TORCH, f"the directions of {gru.site} meet by {gru.merge}", "torch only sets them side by side")
    check_order_of_time(TORCH, stack.grus)
    return stack


def grouped_by_layer(stack: Stack) -> list[list[Layer]]:
    """Return the GRUs of a stack in groups that one torch.nn.GRU can hold: of one size, type and direction."""
    groups: list[list[Layer]] = []
    for gru in stack.grus:
        cells = gru.cells()
        alike = groups and _kind_of_layer(groups[-1][-1]) == _kind_of_layer(cells)
        groups[-1].append(cells) if alike else groups.append([cells])
    return groups


def _kind_of_layer(cells: Layer) -> tuple[Any, ...]:
    cell = cells[0].cell
    return (len(cells), cell.hidden_size, cell.Wb is None, cell.dtype)


def state_dict_of(group: Sequence[Layer]) -> Weights:
    """Return the weights of layers under the names of a torch.nn.GRU's state_dict."""
    return {
        f"{name}_l{k}{'_reverse' if each.reverse else ''}": array
        for k, cells in enumerate(group)
        for each in cells
        for name, array in weights_of_cell(TORCH, each.cell).items()
    }


def make_layers(torch: Any, groups: Sequence[Sequence[Layer]], into: Any, *, batch_first: bool) -> Any:  # noqa: ANN401
    """Return layers made of groups of GRUs; where ``into`` is a layer, that layer, filled with their weights.

    Raises:
        InvalidModel: ``into`` is another class, or a layer of another shape.

    """
    if into is not None and not isinstance(into, type):
        return _fill(torch, into, groups)
    kind = into or torch.nn.GRU
    if kind is torch.nn.GRUCell:
        cell, *others = [cell for group in groups for directions in group for cell in directions]
        if others:
            raise unfit(TORCH, "a GRUCell is one layer of one direction", "leave out into=torch.nn.GRUCell")
        layer = kind(**cell_config_of(cell), dtype=_torch_type(torch, groups[0]))
        return _fill(torch, layer, groups)
    if not issubclass(kind, torch.nn.GRU):
        raise unfit(TORCH, f"into={kind.__name__} is no GRU", "torch.nn.GRU, torch.nn.GRUCell, or a layer of these")
    made = [
        _fill(torch, kind(**config_of(group, batch_first=batch_first), dtype=_torch_type(torch, group)), [group])
        for group in groups
    ]
    return made[0] if len(made) == 1 else torch.nn.ModuleList(made)


def _torch_type(torch: Any, group: Sequence[Layer]) -> Any:  # noqa: ANN401 - torch's types
    return getattr(torch, group[0][0].cell.dtype.name)


def _fill(torch: Any, layer: Any, groups: Sequence[Sequence[Layer]]) -> Any:  # noqa: ANN401 - torch's layers
    """Put weights into a layer."""
    if len(groups) > 1 or not isinstance(layer, (torch.nn.GRU, torch.nn.GRUCell)):
        raise unfit(TORCH, f"the weights do not fit into one {type(layer).__name__}", "name one GRU with node=")
    weights = state_dict_of(groups[0])
    if isinstance(layer, torch.nn.GRUCell):
        weights = {name.removesuffix("_l0"): array for name, array in weights.items()}
    own = {name: tuple(value.shape) for name, value in layer.state_dict().items()}
    given = {name: array.shape for name, array in weights.items()}
    if own != given:
        name = next(name for name in (own | given) if own.get(name) != given.get(name))
        what = f"{name} is {own.get(name, 'absent')} in the layer and {given.get(name, 'absent')} in the model"
        raise unfit(TORCH, what, "make the layer with to_config(model), or leave out into=")
    if str(next(iter(layer.parameters())).dtype) != f"torch.{groups[0][0][0].cell.dtype.name}":
        raise unfit(TORCH, "the layer is of another type than the weights", "convert it: layer.to(dtype)")
    layer.load_state_dict({name: _tensor(torch, array) for name, array in weights.items()})
    return layer


def _tensor(torch: Any, array: Array) -> Any:  # noqa: ANN401 - torch's tensors
    copy = np.array(array, order="C")
    if copy.dtype.name == "bfloat16":
        return torch.from_numpy(copy.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(copy)
