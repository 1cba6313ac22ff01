"""A scripted loop as speech codecs have it: a layer before the cell and one after it, all in the loop's body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from lowering import op_types
from real_models.exporting import export
from real_models.held import hold_fused

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real_models

KINDS = ["dense", "gated", "two cells", "state out"]


def codec(kind: str) -> Any:
    """Return a scripted network over frames [T, N, F]."""
    import torch

    class Codec(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before, self.after = torch.nn.Linear(7, 12), torch.nn.Linear(10, 5)
            self.w, self.u = torch.nn.Linear(12, 30), torch.nn.Linear(10, 30)
            self.w2, self.u2 = torch.nn.Linear(10, 30), torch.nn.Linear(10, 30)
            self.gate = torch.nn.Linear(10, 10, bias=False)
            self.gated, self.two, self.out = kind == "gated", kind == "two cells", kind == "state out"

        def cell(self, gx: torch.Tensor, gh: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
            xr, xz, xn = gx[:, :10], gx[:, 10:20], gx[:, 20:]
            hr, hz, hn = gh[:, :10], gh[:, 10:20], gh[:, 20:]
            z = torch.sigmoid(xz + hz)
            n = torch.tanh(xn + torch.sigmoid(xr + hr) * hn)
            return z * h + (1 - z) * n

        def forward(self, frames: torch.Tensor, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            made = []
            g = h
            for t in range(frames.size(0)):
                x = torch.tanh(self.before(frames[t]))
                h = self.cell(self.w(x), self.u(h), h)
                y = h
                if self.gated:
                    y = h * torch.sigmoid(self.gate(h))
                if self.two:
                    g = self.cell(self.w2(h), self.u2(g), g)
                    y = g
                made.append(torch.tanh(self.after(y)))
            return torch.stack(made), g if self.two else h

    torch.manual_seed(0)
    return torch.jit.script(Codec())


@pytest.mark.parametrize("opset", [13, 17])
@pytest.mark.parametrize("kind", KINDS)
def test_fused(kind: str, opset: int, tmp_path: Path) -> None:
    """The GRU stands alone between the two layers."""
    rng = np.random.default_rng(0)
    feeds = {"frames": rng.standard_normal((6, 2, 7)), "h": rng.standard_normal((2, 10))}
    feeds = {name: array.astype(np.float32) for name, array in feeds.items()}
    dims = {"frames": {0: "time"}}
    path = export(codec(kind), feeds, ["y", "h_out"], tmp_path / "codec.onnx", dims=dims, opset=opset)
    assert "Loop" in op_types(onnx.load(path))
    hold_fused(path, feeds, {"forward": 2 if kind == "two cells" else 1})
