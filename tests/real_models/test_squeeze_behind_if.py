"""Squeezes of dims that are open at the export, which PyTorch writes as an If: the dim is 1, or it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from lowering import op_types
from real_models.exporting import export
from real_models.held import hold_portable, open_dims

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real_models

SIZES = [(1, 6), (3, 6), (3, 1), (1, 1)]
"""Batch and time."""


def tagger(axis: int) -> Any:
    """Return a network that pools, squeezes a dim, and adds what it squeezed once more."""
    import torch

    class Tagger(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = torch.nn.GRU(8, 16, bidirectional=True, batch_first=True)
            self.head = torch.nn.Linear(32, 5)

        def forward(self, x: torch.Tensor) -> Any:
            y, h = self.gru(x)
            scores = self.head(y).sigmoid()
            return scores.squeeze(axis), h.squeeze(1)

    torch.manual_seed(0)
    return Tagger()


@pytest.mark.parametrize(("batch", "time"), SIZES)
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("opset", [13, 17, 18])
def test_portable(opset: int, axis: int, batch: int, time: int, tmp_path: Path) -> None:
    feeds = {"x": np.random.default_rng(0).standard_normal((batch, time, 8)).astype(np.float32)}
    dims = {"x": {0: "batch", 1: "time"}}
    path = export(tagger(axis), feeds, ["scores", "h"], tmp_path / "tagger.onnx", dims=dims, opset=opset)
    assert "If" in op_types(onnx.load(path))
    lowered = hold_portable(path, feeds, opset=min(opset, 17), fix_dims=open_dims(path, feeds))
    assert not {"If", "Loop", "Scan"} & op_types(lowered)
