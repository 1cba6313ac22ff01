"""torch.nn.GRU and torch.nn.GRUCell, into ONNX and back.

The torch package is imported by :func:`from_onnx` alone: layers are read through their own methods, and weights
travel as numpy arrays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from gru_lower.frameworks.framework_data import TORCH
from gru_lower.frameworks.layer_cell import Array, Half, Weights
from gru_lower.frameworks.model_builder import Builder
from gru_lower.frameworks.read_grus import read
from gru_lower.frameworks.refusals import chain, check, load, not_a_layer, stranger, unfit
from gru_lower.frameworks.weight_layouts import of_cell, to_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import onnx

    from gru_lower.frameworks.gru_stack import Stack

TAKES = "a torch.nn.GRU or GRUCell, a list of GRUs, or a dict of their weights"
SUFFIX = re.compile(r"(weight_ih|weight_hh|bias_ih|bias_hh)(?:_l(\d+)(_reverse)?)?")
Layer = tuple[Half, ...]


def to_onnx(
    layer: Any,  # noqa: ANN401 - torch's layers, without torch
    *,
    config: Mapping[str, Any] | None = None,
    batch_first: bool | None = None,
    batched: bool = True,
    initial_state: bool = False,
    packed: bool = False,
    seq_length: int | None = None,
    batch_size: int | None = None,
    opset: int | None = None,
) -> onnx.ModelProto:
    """Write a torch GRU as a model of GRU nodes. Dropout is what it is at inference: nothing.

    Inputs are X, [T,B,I] or [B,T,I], then initial_h, [layers · D,B,H], and sequence_lens, [B] int32, if asked for.
    Outputs are Y, [T,B,D·H] or [B,T,D·H], and Y_h, [layers · D,B,H]; a cell takes X [B,I] and gives Y [B,H].

    Args:
        layer: A ``torch.nn.GRU`` or ``GRUCell``; a list, ModuleList or Sequential of GRUs, each fed the output of the
            one before (then initial_h and Y_h are numbered); or a dict of numpy arrays by the names of a state_dict.
        config: What goes with weights: the arguments of ``torch.nn.GRU``, held against them.
        batch_first: The layout of X and Y; by default that of the layer, for weights time-major.
        batched: Whether X has a batch axis; without one it is [T,I], and states are [layers · D,H].
        initial_state: Whether the model has an input for h_0; zeros otherwise.
        packed: Whether the model has an input sequence_lens, as after ``pack_padded_sequence``.
        seq_length: T, where it is static.
        batch_size: B, where it is static.
        opset: The model's; 17 by default, 22 for bfloat16.

    Raises:
        Unsupported: It is no GRU, or the opset is too old.
        InvalidModel: Weights do not fit each other.

    """
    stacks, major, cell = _read_layer(layer)
    if config is not None:
        major = _configured(stacks[0], config)
    major = major if batch_first is None else batch_first
    first = stacks[0][0][0].cell
    b = Builder(first.dtype, opset)
    B = [batch_size or "B"] if batched else []
    T = [] if cell else [seq_length or "T"]
    x = b.input("X", [*B, *T, first.input_size] if major else [*T, *B, first.input_size])
    initial = _initial(b, stacks, B, cell=cell) if initial_state else [""] * len(stacks)
    lens = b.input("sequence_lens", B, TensorProto.INT32) if packed and not cell else ""
    x = b.unsqueezed(x, 0 if cell else 1) if cell or not batched else x
    x = b.unsqueezed(x, 1) if cell and not batched else x
    swap = major and batched and not cell
    x = b.swapped(x) if swap else x
    states = []
    for layers, state in zip(stacks, initial, strict=True):
        x, h_n = _layers(b, x, layers, state, lens)
        states.append(h_n)
    if cell:
        states = [b.squeezed(states[0], 0)]
        b.output("Y", states[0] if batched else b.squeezed(states[0], 0), [*B, first.hidden_size])
        return b.model()
    x = b.swapped(x) if swap else x
    size = len(stacks[-1][-1]) * stacks[-1][-1][0].cell.hidden_size
    b.output("Y", x if batched else b.squeezed(x, 1), [*B, *T, size] if major else [*T, *B, size])
    for name, layers, h_n in zip(_numbered("Y_h", len(stacks)), stacks, states, strict=True):
        value = h_n if batched else b.squeezed(h_n, 1)
        b.output(name, value, [len(layers) * len(layers[0]), *B, layers[0][0].cell.hidden_size])
    return b.model()


def _configured(layers: Sequence[Layer], config: Mapping[str, Any]) -> bool:
    """Hold a configuration against the weights; return batch_first, which they do not tell."""
    known = {**_config(layers, batch_first=bool(config.get("batch_first"))), "dropout": config.get("dropout", 0.0)}
    for key, value in config.items():
        if key not in known:
            raise unfit(TORCH, f"the configuration has no {key!r}", f"its keys are {', '.join(known)}")
        if known[key] != value:
            raise unfit(TORCH, f"{key} is {value}, but the weights say {known[key]}", "correct the configuration")
    return bool(known["batch_first"])


def _numbered(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name}_{k}" for k in range(count)]


def _initial(b: Builder, stacks: Sequence[Sequence[Layer]], B: list[int | str], *, cell: bool) -> list[str]:
    """Add the inputs for h_0, each [layers · D,B,H]."""
    states = []
    for name, layers in zip(_numbered("initial_h", len(stacks)), stacks, strict=True):
        count, H = len(layers) * len(layers[0]), layers[0][0].cell.hidden_size
        state = b.input(name, [*B, H] if cell else [count, *B, H])
        state = b.unsqueezed(state, 0 if cell else 1) if cell or not B else state
        states.append(b.unsqueezed(state, 1) if cell and not B else state)
    return states


def _layers(b: Builder, x: str, layers: Sequence[Layer], initial: str, lens: str) -> tuple[str, str]:
    """Write the layers of one torch.nn.GRU; return its output [T,B,D·H] and h_n [layers · D,B,H]."""
    D = len(layers[0])
    parts = b.split(initial, 0, [D] * len(layers)) if initial and len(layers) > 1 else [initial] * len(layers)
    states = []
    for halves, state in zip(layers, parts, strict=True):
        Y, Y_h = b.gru(x, halves, state, lens)
        x = b.side_by_side(Y, D)
        states.append(Y_h)
    return x, states[0] if len(states) == 1 else b.op("Concat", states, axis=0)


def from_onnx(
    model: Any,  # noqa: ANN401 - whatever holds a model
    *,
    node: str | None = None,
    into: Any = None,  # noqa: ANN401 - torch's classes and layers
    packed: bool = False,
) -> Any:  # noqa: ANN401 - a torch layer
    """Make a torch layer of a model's GRU, or of its GRUs where they are one stack.

    The state before the first step is an argument of the layer's call, whatever the model takes for it.

    Args:
        model: What :func:`gru_lower.lower` takes, or a :class:`gru_lower.frameworks.gru_stack.Gru`.
        node: The name or site of the GRU meant.
        into: ``torch.nn.GRU`` (the default), ``torch.nn.GRUCell``, or a layer that the weights are put into.
        packed: Accept sequence_lens: the layer will be called with ``pack_padded_sequence``.

    Returns:
        The layer; a ModuleList of layers where the GRUs of a stack are of several hidden sizes.

    Raises:
        Unsupported: The GRU is beyond torch, or torch is not installed.
        InvalidModel: ``into`` is a layer of another shape.

    """
    stack = _checked(read(model, node), packed=packed)
    groups = _groups(stack)
    torch = load(TORCH)
    if into is not None and not isinstance(into, type):
        return _fill(torch, into, groups)
    kind = into or torch.nn.GRU
    if kind is torch.nn.GRUCell:
        half, *others = [half for group in groups for halves in group for half in halves]
        if others:
            raise unfit(TORCH, "a GRUCell is one layer of one direction", "leave out into=torch.nn.GRUCell")
        layer = kind(**_cell_config(half), dtype=_torch_type(torch, groups[0]))
        return _fill(torch, layer, groups)
    if not issubclass(kind, torch.nn.GRU):
        raise unfit(TORCH, f"into={kind.__name__} is no GRU", "torch.nn.GRU, torch.nn.GRUCell, or a layer of these")
    made = [
        _fill(torch, kind(**_config(group, batch_first=stack.batch_first), dtype=_torch_type(torch, group)), [group])
        for group in groups
    ]
    return made[0] if len(made) == 1 else torch.nn.ModuleList(made)


def to_weights(model: Any, *, node: str | None = None, packed: bool = False) -> Weights:  # noqa: ANN401
    """Return the weights of a model's GRU, or stack of GRUs, under the names of torch.nn.GRU's state_dict.

    Args:
        model: What :func:`gru_lower.lower` takes.
        node: The name or site of the GRU meant.
        packed: Accept sequence_lens.

    Raises:
        Unsupported: The GRU is beyond torch, or a stack of several hidden sizes.

    """
    groups = _groups(_checked(read(model, node), packed=packed))
    if len(groups) > 1:
        raise unfit(TORCH, "the stack is of several sizes, one torch.nn.GRU is of one", "name one with node=...")
    return _state(groups[0])


def to_config(model: Any, *, node: str | None = None, packed: bool = False) -> dict[str, Any]:  # noqa: ANN401
    """Return the arguments of torch.nn.GRU that go with :func:`to_weights`."""
    stack = _checked(read(model, node), packed=packed)
    return _config(_groups(stack)[0], batch_first=stack.batch_first)


def _checked(stack: Stack, *, packed: bool) -> Stack:
    for gru in stack.grus:
        check(TORCH, gru, packed=packed)
    for gru in stack.grus[:-1]:
        if gru.spec.num_directions == 2 and gru.merge != "concat":
            raise unfit(TORCH, f"the directions of {gru.site} meet by {gru.merge}", "torch only sets them side by side")
    return stack


def _groups(stack: Stack) -> list[list[Layer]]:
    """Put layers together that one torch.nn.GRU can hold."""
    groups: list[list[Layer]] = []
    for gru in stack.grus:
        halves = gru.halves()
        alike = groups and _sort(groups[-1][-1]) == _sort(halves)
        groups[-1].append(halves) if alike else groups.append([halves])
    return groups


def _sort(halves: Layer) -> tuple[Any, ...]:
    cell = halves[0].cell
    return (len(halves), cell.hidden_size, cell.Wb is None, cell.dtype)


def _cell_config(half: Half) -> dict[str, Any]:
    cell = half.cell
    return {"input_size": cell.input_size, "hidden_size": cell.hidden_size, "bias": cell.Wb is not None}


def _config(group: Sequence[Layer], *, batch_first: bool) -> dict[str, Any]:
    return {
        **_cell_config(group[0][0]),
        "num_layers": len(group),
        "batch_first": batch_first,
        "bidirectional": len(group[0]) == 2,
    }


def _state(group: Sequence[Layer]) -> Weights:
    return {
        f"{name}_l{k}{'_reverse' if half.reverse else ''}": array
        for k, halves in enumerate(group)
        for half in halves
        for name, array in of_cell(TORCH, half.cell).items()
    }


def _torch_type(torch: Any, group: Sequence[Layer]) -> Any:  # noqa: ANN401 - torch's types
    return getattr(torch, group[0][0].cell.dtype.name)


def _fill(torch: Any, layer: Any, groups: Sequence[Sequence[Layer]]) -> Any:  # noqa: ANN401 - torch's layers
    """Put weights into a layer."""
    if len(groups) > 1 or not isinstance(layer, (torch.nn.GRU, torch.nn.GRUCell)):
        raise unfit(TORCH, f"the weights do not fit into one {type(layer).__name__}", "name one GRU with node=...")
    weights = _state(groups[0])
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


def _read_layer(layer: Any) -> tuple[list[list[Layer]], bool, bool]:  # noqa: ANN401 - torch's layers
    """Return each GRU's layers, whether X is batch-major, and whether it is a cell."""
    if isinstance(layer, Mapping):
        layers, cell = _of_state(layer)
        return [layers], False, cell
    kind = _kind(layer)
    if kind in ("GRU", "GRUCell"):
        state = {name: _array(getattr(layer, name)) for name in _weight_names(layer)}
        layers, cell = _of_state(state)
        return [layers], bool(getattr(layer, "batch_first", False)), cell
    if kind in ("Sequential", "ModuleList") or isinstance(layer, (list, tuple)):
        parts = [_read_layer(part) for part in layer if _kind(part) not in ("Dropout", "Identity")]
        stacks = [layers for part, _, _ in parts for layers in part]
        if parts and not any(cell for _, _, cell in parts) and len({major for _, major, _ in parts}) == 1:
            chain(TORCH, [halves for layers in stacks for halves in layers])
            return stacks, parts[0][1], False
        if len({major for _, major, _ in parts}) > 1:
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

        return np.asarray(plain.view(load(TORCH).int16).numpy().view(bfloat16))
    return np.asarray(plain.numpy())


def _of_state(state: Mapping[str, Any]) -> tuple[list[Layer], bool]:
    """Return the layers of a state_dict, and whether it is a cell's."""
    cells: dict[tuple[int, bool], Weights] = {}
    plain = False
    for name, value in state.items():
        match = SUFFIX.fullmatch(name)
        if match is None:
            raise stranger(TORCH, name)
        kind, layer, reverse = match.groups()
        plain = plain or layer is None
        cells.setdefault((int(layer or 0), bool(reverse)), {})[kind] = value
    layers = []
    for k in range(max((key[0] for key in cells), default=-1) + 1):
        walks = [reverse for reverse in (False, True) if (k, reverse) in cells]
        site = f"layer {k}"
        if not walks or walks[0]:
            raise unfit(TORCH, f"weight_ih_l{k} is missing", "hand in all weights of the layer")
        layers.append(tuple(Half(to_cell(TORCH, cells[k, reverse], site=site), reverse) for reverse in walks))
    if not layers:
        raise unfit(TORCH, "there are no weights", "hand in those of the GRU: weight_ih_l0, ...")
    chain(TORCH, layers)
    return layers, plain
