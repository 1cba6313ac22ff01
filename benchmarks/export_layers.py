"""Exporting layers of real sizes by the frameworks installed here: ``python benchmarks/export_layers.py FOLDER``.

PyTorch unrolls a loop over its GRUCell; Keras, with KERAS_BACKEND tensorflow, torch or jax, writes a Loop or unrolled
steps for its GRU. ``python -m benchmarks fusing --models FOLDER`` then measures what fusing makes of them, in an
environment that needs no framework.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

SIZES = ((64, 1, 50), (128, 1, 100), (256, 1, 200), (512, 1, 500), (256, 16, 50))
"""H, the batch and T."""
INPUTS = 64
UNROLLED_UP_TO = 100
"""Exporters that unroll take minutes beyond."""


def main() -> None:
    """Write NAME.onnx and NAME.npz, its inputs, for each framework and size."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for H, B, T in SIZES:
        x = np.random.default_rng(0).standard_normal((B, T, INPUTS)).astype(np.float32)
        if find_spec("keras") is not None:
            keras_layer(folder / f"keras_{os.environ.get('KERAS_BACKEND', 'tensorflow')}_H{H}_B{B}_T{T}", H, x)
        elif find_spec("torch") is not None and T <= UNROLLED_UP_TO:
            torch_cells(folder / f"torch_cell_H{H}_B{B}_T{T}", H, x)


def torch_cells(path: Path, H: int, x: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
    """Export a loop over torch.nn.GRUCell."""
    import torch

    class Cells(torch.nn.Module):
        """A GRU by hand."""

        def __init__(self) -> None:
            super().__init__()
            self.cell = torch.nn.GRUCell(INPUTS, H)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            state, states = x.new_zeros(x.shape[0], H), []
            for row in x.unbind(1):
                state = self.cell(row, state)
                states.append(state)
            return torch.stack(states, 1)

    torch.manual_seed(0)
    given = (torch.from_numpy(x),)
    torch.onnx.export(Cells().eval(), given, f"{path}.onnx", dynamo=False, opset_version=17, input_names=["x"])
    np.savez(f"{path}.npz", x=x)


def keras_layer(path: Path, H: int, x: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
    """Export keras.layers.GRU."""
    import keras

    keras.utils.set_random_seed(0)
    if keras.backend.backend() != "tensorflow" and x.shape[1] > UNROLLED_UP_TO:
        return
    given = keras.Input(x.shape[1:], batch_size=len(x), name="x")
    model = keras.Model(given, keras.layers.GRU(H, return_sequences=True)(given))
    model(x)  # what never ran has no signature to export
    model.export(f"{path}.onnx", format="onnx", verbose=False)
    np.savez(f"{path}.npz", x=x)


if __name__ == "__main__":
    main()
