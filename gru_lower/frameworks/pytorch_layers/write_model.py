"""Writing layers of PyTorch as a model of GRU nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.frameworks.onnx_models.model_builder import Builder, numbered

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

    from gru_lower.frameworks.pytorch_layers.read_layers import Layer, ReadLayers


def write_model(
    read: ReadLayers,
    *,
    batch_first: bool,
    batched: bool,
    initial_state: bool,
    packed: bool,
    seq_length: int | None,
    batch_size: int | None,
    opset: int | None,
) -> onnx.ModelProto:
    """Write layers as a model; see :func:`gru_lower.frameworks.pytorch.to_onnx`."""
    stacks, cell, major = read.stacks, read.is_cell, batch_first
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
        x, h_n = _gru_nodes(b, x, layers, state, lens)
        states.append(h_n)
    if cell:
        states = [b.squeezed(states[0], 0)]
        b.output("Y", states[0] if batched else b.squeezed(states[0], 0), [*B, first.hidden_size])
        return b.model()
    x = b.swapped(x) if swap else x
    size = len(stacks[-1][-1]) * stacks[-1][-1][0].cell.hidden_size
    b.output("Y", x if batched else b.squeezed(x, 1), [*B, *T, size] if major else [*T, *B, size])
    for name, layers, h_n in zip(numbered("Y_h", len(stacks)), stacks, states, strict=True):
        value = h_n if batched else b.squeezed(h_n, 1)
        b.output(name, value, [len(layers) * len(layers[0]), *B, layers[0][0].cell.hidden_size])
    return b.model()


def _initial(b: Builder, stacks: Sequence[Sequence[Layer]], B: list[int | str], *, cell: bool) -> list[str]:
    """Add the inputs for h_0, each [layers · D,B,H]."""
    states = []
    for name, layers in zip(numbered("initial_h", len(stacks)), stacks, strict=True):
        count, H = len(layers) * len(layers[0]), layers[0][0].cell.hidden_size
        state = b.input(name, [*B, H] if cell else [count, *B, H])
        state = b.unsqueezed(state, 0 if cell else 1) if cell or not B else state
        states.append(b.unsqueezed(state, 1) if cell and not B else state)
    return states


def _gru_nodes(b: Builder, x: str, layers: Sequence[Layer], initial: str, lens: str) -> tuple[str, str]:
    """Write one GRU node for each layer of a torch.nn.GRU; return its output [T,B,D·H] and h_n [layers · D,B,H]."""
    D = len(layers[0])
    parts = b.split(initial, 0, [D] * len(layers)) if initial and len(layers) > 1 else [initial] * len(layers)
    states = []
    for cells, state in zip(layers, parts, strict=True):
        Y, Y_h = b.gru(x, cells, state, lens)
        x = b.side_by_side(Y, D)
        states.append(Y_h)
    return x, states[0] if len(states) == 1 else b.op("Concat", states, axis=0)
