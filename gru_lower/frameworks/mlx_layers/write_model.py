"""Writing layers of MLX as a model of GRU nodes, with a first step by itself where MLX leaves r ∘ bhn out of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.frameworks.descriptions.mlx import MLX
from gru_lower.frameworks.import_framework import import_framework
from gru_lower.frameworks.mlx_layers.read_layers import kind_of
from gru_lower.frameworks.onnx_models.model_builder import Builder, numbered
from gru_lower.frameworks.weights.cell import DirectedCell
from gru_lower.frameworks.weights.weight_layouts import add_biases

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

    from gru_lower.frameworks.weights.cell import Array, Cell


def write_model(
    cells: Sequence[Cell],
    *,
    batched: bool,
    initial_state: bool,
    omits_bhn: bool,
    seq_length: int | None,
    batch_size: int | None,
    opset: int | None,
) -> onnx.ModelProto:
    """Write layers as a model; see :func:`gru_lower.frameworks.mlx.to_onnx`."""
    b = Builder(cells[0].dtype, opset)
    B: list[int | str] = [batch_size or "B"] if batched else []
    T: int | str = seq_length or "T"
    x = b.input("X", [*B, T, cells[0].input_size])
    initial = [""] * len(cells)
    if initial_state:
        names = numbered("initial_h", len(cells))
        initial = [b.input(name, [*B, cell.hidden_size]) for name, cell in zip(names, cells, strict=True)]
        initial = [b.unsqueezed(state, 0) if batched else b.unsqueezed(b.unsqueezed(state, 0), 0) for state in initial]
    x = b.swapped(x) if batched else b.unsqueezed(x, 1)
    for cell, state in zip(cells, initial, strict=True):
        if omits_bhn and not state and has_bhn(cell):
            x = _first_step_apart(b, x, cell, seq_length)
        else:
            x = b.squeezed(b.gru(x, [DirectedCell(cell)], state)[0], 1)
    b.output("Y", b.swapped(x) if batched else b.squeezed(x, 1), [*B, T, cells[-1].hidden_size])
    return b.model()


def has_bhn(cell: Cell) -> bool:
    """Whether bhn is not 0."""
    return cell.Rb is not None and bool(np.any(cell.Rb[2 * cell.hidden_size :]))


def omits_bhn_in_first_step(layer: object) -> bool:
    """Whether the installed mlx, called without a state, computes something else than from a state of zeros.

    For weights, of which no mlx need be installed, it is what the newest does: False.
    """
    if not kind_of(layer) and isinstance(layer, Mapping):
        return False
    mx, nn = import_framework(MLX, "mlx.core"), import_framework(MLX, "mlx.nn")
    probe = nn.GRU(1, 1)
    probe.Wx, probe.Wh, probe.b, probe.bhn = mx.zeros((3, 1)), mx.zeros((3, 1)), mx.zeros((3,)), mx.ones((1,))
    return bool((probe(mx.zeros((1, 1, 1))) == 0.0).item())


def _first_step_apart(b: Builder, x: str, cell: Cell, seq_length: int | None) -> str:
    """Write the first step without r ∘ bhn and a GRU over the others; return [T,B,H].

    A GRU over no steps at all aborts onnxruntime, so where T may be 1 the GRU takes the first step once more, after the
    last, and the output of that is dropped.
    """
    H = cell.hidden_size
    bias = np.zeros(3 * H, cell.dtype) if cell.Wb is None or cell.Rb is None else _first_bias(cell.Wb, cell.Rb, H)
    x1 = b.op("Slice", [x, b.ints([0]), b.ints([1]), b.ints([0])])
    z, h = (
        b.op("Add", [b.op("MatMul", [x1, b.tensor(cell.W[rows].T, "first_W")]), b.tensor(bias[rows], "first_B")])
        for rows in (slice(H), slice(2 * H, 3 * H))
    )
    z = b.op("Sub", [b.float(1.0), b.op("Sigmoid", [z])])
    h1 = b.op("Mul", [z, b.op("Tanh", [h])])
    if seq_length == 1:
        return h1
    rest = b.op("Slice", [x, b.ints([1]), b.ints([int(np.iinfo(np.int64).max)]), b.ints([0])])
    if seq_length is None:
        rest = b.op("Concat", [rest, x1], axis=0)
    y = b.squeezed(b.gru(rest, [DirectedCell(cell)], h1)[0], 1)
    if seq_length is None:
        y = b.op("Slice", [y, b.ints([0]), b.ints([-1]), b.ints([0])])
    return b.op("Concat", [h1, y], axis=0)


def _first_bias(Wb: Array, Rb: Array, H: int) -> Array:
    """Return what is added in the first step: both biases of z, the input's of h; r has no part in it."""
    return np.concatenate([add_biases(Wb[: 2 * H], Rb[: 2 * H]), Wb[2 * H :]])
